//! One function's body, made able to unwind.

use super::Instrumented;
use crate::{
    Error,
    analysis::{Analysis, Save, Site, admitted, local_index},
    helpers::zero,
    source::Defined,
    types::Types,
};
use wasm_encoder::{BlockType, Encode, Instruction as I, ValType};
use wasmparser::Operator;

/// The new body, without its length.
pub(super) fn rewrite(
    of: &Instrumented<'_>,
    function: &Defined<'_>,
    analysis: &Analysis,
    types: &mut Types,
) -> Result<Vec<u8>, Error> {
    let mut body = Body {
        of,
        function,
        analysis,
        types,
        out: Vec::with_capacity(function.body.as_bytes().len() * 2),
        copied: 0,
    };
    body.write()?;
    let locals = analysis.locals.len() + analysis.scratch.len();
    admitted(&of.source, function.index, locals, body.out.len())?;
    Ok(body.out)
}

struct Body<'b, 'a> {
    of: &'b Instrumented<'a>,
    function: &'b Defined<'a>,
    analysis: &'b Analysis,
    types: &'b mut Types,
    out: Vec<u8>,
    /// Offset up to which the original is copied.
    copied: usize,
}

impl Body<'_, '_> {
    fn write(&mut self) -> Result<(), Error> {
        self.locals()?;
        let unwinds = self.analysis.sites.iter().any(|site| self.unwinds(site));
        if unwinds {
            self.put(&I::Block(BlockType::Empty));
            let results = self.types.block(&[], &self.analysis.results);
            self.put(&I::Block(results));
        }
        self.operators()?;
        if unwinds {
            self.spill();
        }
        Ok(())
    }

    /// Whether the stack may be unwound through the call.
    fn unwinds(&self, site: &Site) -> bool {
        match (self.of.import, site.callee) {
            (None, _) => false,
            (import, Some(callee)) => {
                import == Some(callee) || callee >= self.of.source.imported_functions
            }
            (_, None) => true,
        }
    }

    fn put(&mut self, instruction: &I<'_>) {
        instruction.encode(&mut self.out);
    }

    /// The original's declarations, then the extra locals.
    fn locals(&mut self) -> Result<(), Error> {
        let reader = self.function.body.get_locals_reader()?;
        let groups = reader.get_count();
        let begin = offset(reader.original_position());
        let operators = self.function.body.get_operators_reader()?;
        let end = offset(operators.original_position());
        let scratch = &self.analysis.scratch;
        // A validator admits 50,000 locals.
        let extra = u32::try_from(scratch.len()).unwrap_or(u32::MAX);
        (groups + extra).encode(&mut self.out);
        self.out.extend_from_slice(&self.of.source.wasm[begin..end]);
        for (_, ty) in scratch {
            1u32.encode(&mut self.out);
            ty.encode(&mut self.out);
        }
        self.copied = end;
        Ok(())
    }

    fn copy_to(&mut self, end: usize) {
        self.out
            .extend_from_slice(&self.of.source.wasm[self.copied..end]);
        self.copied = end;
    }

    fn operators(&mut self) -> Result<(), Error> {
        let analysis = self.analysis;
        let mut saves = analysis.saves.iter().peekable();
        let mut sites = analysis.sites.iter().peekable();
        let mut operators = self.function.body.get_operators_reader()?;
        while !operators.eof() {
            let start = offset(operators.original_position());
            let operator = operators.read()?;
            let end = offset(operators.original_position());
            if let Some(save) = saves.next_if(|save| save.offset == start) {
                self.copy_to(start);
                self.save(save);
            }
            self.replace(&operator, start, end);
            if let Some(site) = sites.next_if(|site| site.start == start) {
                self.copy_to(end);
                self.after_call(site);
            }
        }
        self.copy_to(offset(operators.original_position()));
        Ok(())
    }

    /// Writes another instruction instead, where one is needed.
    fn replace(&mut self, operator: &Operator<'_>, start: usize, end: usize) {
        let wrappers = &self.of.wrappers;
        let instruction = match *operator {
            Operator::Call { function_index } if self.of.import == Some(function_index) => {
                I::Call(wrappers.redirect(function_index))
            }
            Operator::ReturnCall { function_index } => {
                I::ReturnCall(wrappers.redirect(function_index))
            }
            Operator::RefFunc { function_index } => I::RefFunc(wrappers.redirect(function_index)),
            Operator::DataDrop { data_index } => {
                self.copy_to(end);
                return self.flag(self.of.dropped_data(data_index));
            }
            Operator::ElemDrop { elem_index } => {
                self.copy_to(end);
                return self.flag(self.of.dropped_element(elem_index));
            }
            _ => return,
        };
        self.copy_to(start);
        self.put(&instruction);
        self.copied = end;
    }

    fn flag(&mut self, global: u32) {
        self.put(&I::I32Const(1));
        self.put(&I::GlobalSet(global));
    }

    /// Copies the operands that the block to come hides.
    fn save(&mut self, save: &Save) {
        let analysis = self.analysis;
        let locals: Vec<u32> = (save.base..)
            .zip(&save.types)
            .map(|(position, ty)| analysis.scratch_local(position, *ty))
            .collect();
        for local in locals.iter().rev() {
            self.put(&I::LocalSet(*local));
        }
        for local in locals {
            self.put(&I::LocalGet(local));
        }
        // The interpreter (2.0.0) moves what a loop takes to its register while
        // a local below may still be there. An empty block takes it away.
        if !save.loop_params.is_empty() {
            let ty = self.types.block(&save.loop_params, &save.loop_params);
            self.put(&I::Block(ty));
            self.put(&I::End);
        }
    }

    fn after_call(&mut self, site: &Site) {
        let helpers = self.of.helpers;
        if !self.unwinds(site) {
            if let (Some(_), Some(callee)) = (self.of.import, site.callee) {
                self.check_reentry(callee);
            }
            return;
        }
        let mut values = site.operands.clone();
        values.extend_from_slice(&site.results);
        let block = self.types.block(&values, &values);
        self.put(&I::GlobalGet(helpers.unwinding));
        self.put(&I::If(block));
        self.put(&I::I32Const(self.function.index.cast_signed()));
        self.put(&I::I32Const(site.ordinal.cast_signed()));
        self.put(&I::Call(helpers.record_site()));
        for _ in &site.results {
            self.put(&I::Drop);
        }
        for ty in site.operands.iter().rev() {
            self.put(&I::Call(helpers.recorder(*ty)));
        }
        // Past the `if`, the blocks around it, and `$body`.
        self.put(&I::Br(site.depth + 2));
        self.put(&I::End);
    }

    /// An imported function may have called into the guest.
    fn check_reentry(&mut self, callee: u32) {
        let helpers = self.of.helpers;
        self.put(&I::GlobalGet(helpers.unwinding));
        self.put(&I::If(BlockType::Empty));
        self.put(&I::I32Const((callee + 1).cast_signed()));
        self.put(&I::GlobalSet(helpers.reentered));
        self.put(&I::End);
    }

    /// What follows the original, all of which is in the block `$body`.
    fn spill(&mut self) {
        self.put(&I::Return);
        self.put(&I::End);
        let analysis = self.analysis;
        let scratch = analysis.scratch.iter().map(|(_, ty)| ty);
        let locals: Vec<ValType> = analysis.locals.iter().chain(scratch).copied().collect();
        for (local, ty) in locals.iter().enumerate() {
            self.put(&I::LocalGet(local_index(local)));
            self.put(&I::Call(self.of.helpers.recorder(*ty)));
        }
        for ty in &analysis.results {
            self.put(&zero(*ty));
        }
        self.put(&I::End);
    }
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
