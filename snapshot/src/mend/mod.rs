//! Saying otherwise what the interpreter gets wrong.
//!
//! Valid modules may use any of this, so hostile ones could end the host's
//! process, and honest ones get wrong results. What they do can be said otherwise.
//!
//! An interpreter may take its own frames for what a tail-called host function
//! leaves behind: wasmi 2.0.0 does, if the caller has no locals, and reads from
//! address zero. So:
//!
//! - A tail call of an import becomes a call of it and a return: a host function
//!   needs no room on the guest's stack that the caller could have given it.
//! - References to imports, through which tail calls could reach them, become
//!   references to functions that call them.
//!
//! What `select` does with comparisons is in `select`, what growing does to the
//! native stack in `grow`.

mod grow;
mod select;

use crate::{
    Error,
    instrument::count,
    names::keep,
    source::{Defined, Source},
};
use grow::{Grower, Grown};
use select::{Instead, instead, is_select};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};
use wasm_encoder::{
    CodeSection, Function, FunctionSection, Instruction, Module, TypeSection,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    FunctionBody, FunctionSectionReader, Import, Operator, Parser, TypeRef, TypeSectionReader,
};

/// Rewrites `wasm`, a valid core module, so that no tail call reaches a host
/// function, nothing is selected by a comparison with zero, and the host is asked
/// whenever something is to grow. One that is so already stays as it is.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn mend(wasm: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let source = Source::parse_image(wasm)?;
    let faults = Faults::of(&source)?;
    if !faults.tail_calls && faults.bodies.is_empty() {
        return Ok(Cow::Borrowed(wasm));
    }
    // Without tail calls nothing is to be put in the place of imports.
    let imports = match faults.tail_calls {
        true => source.imported_functions,
        false => 0,
    };
    let first = count(source.functions.len());
    let growers = grow::growers(&source, &faults.grown);
    let mut mender = Mender {
        imports: source.functions[..imports as usize].to_vec(),
        params: (0..imports)
            .map(|index| source.function_type(index).params().len())
            .collect(),
        first,
        grow: (first + imports..)
            .zip(&growers)
            .map(|(index, grower)| (grower.grown, index))
            .collect(),
        growers,
        types: count(source.types.len()),
        bodies: (!faults.tail_calls).then_some(faults.bodies),
        body: source.imported_functions,
        in_code: false,
    };
    let mut module = Module::new();
    mender.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(Cow::Owned(module.finish()))
}

/// How many operators before a `select` tell what it selects by.
const LOOKBACK: usize = 2;

/// What there is to mend.
#[derive(Default)]
struct Faults {
    tail_calls: bool,
    /// What grows where the host may not be asked.
    grown: BTreeSet<Grown>,
    /// The functions with anything but tail calls to mend.
    bodies: BTreeSet<u32>,
}

impl Faults {
    fn of(source: &Source<'_>) -> Result<Self, Error> {
        let mut faults = Self::default();
        let is_memory = |import: &&Import<'_>| matches!(import.ty, TypeRef::Memory(_));
        let memories = source.imports.iter().filter(is_memory).count() + source.memories.len();
        for function in &source.defined {
            if may_be_wrong(function.body.as_bytes(), memories) {
                faults.add(source, function)?;
            }
        }
        Ok(faults)
    }

    fn add(&mut self, source: &Source<'_>, function: &Defined<'_>) -> Result<(), Error> {
        let mut last = [None, None];
        let mut grown = BTreeSet::new();
        for operator in function.body.get_operators_reader()? {
            let operator = operator?;
            if let Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } = operator {
                self.tail_calls = true;
            }
            if let ([before, Some(compared)], true) = (&last, is_select(&operator))
                && instead(before.as_ref(), compared).is_some()
            {
                self.bodies.insert(function.index);
            }
            grown.extend(Grown::by(&operator));
            let [_, latest] = last;
            last = [latest, Some(operator)];
        }
        let is_grower = |grown| {
            let grower = Grower::of(source, grown);
            grower.is_some_and(|grower| grower.is(source, function.index, function.body.as_bytes()))
        };
        if !grown.is_empty() && !grown.iter().any(|grown| is_grower(*grown)) {
            self.bodies.insert(function.index);
            self.grown.append(&mut grown);
        }
        Ok(())
    }
}

/// Whether a body, of a module with so many memories, has the bytes of what there
/// is to mend in it, whatever they stand for: few bodies have, and reading
/// operators takes long. An index may be written with more bytes than it needs.
fn may_be_wrong(body: &[u8], memories: usize) -> bool {
    let is_pair = |pair: &[u8]| match *pair {
        [0x45..=0x47, 0x1b | 0x1c] => true,
        // `memory.grow`, though mostly a block without a result.
        [0x40, index] => usize::from(index) < memories || index >= 0x80,
        // `table.grow`.
        [0xfc, 0x0f | 0x80..] => true,
        _ => false,
    };
    body.iter().any(|byte| matches!(byte, 0x12 | 0x13)) || body.windows(2).any(is_pair)
}

struct Mender {
    /// Types of the imported functions.
    imports: Vec<u32>,
    /// How many parameters they have.
    params: Vec<usize>,
    /// The function that stands for the first of them.
    first: u32,
    /// The function that grows each thing that grows, and what is in it.
    grow: BTreeMap<Grown, u32>,
    growers: Vec<Grower>,
    /// How many types the module has of its own.
    types: u32,
    /// The functions to be mended; all of them if `None`.
    bodies: Option<BTreeSet<u32>>,
    /// The function whose body comes next.
    body: u32,
    in_code: bool,
}

impl Mender {
    fn is_import(&self, index: u32) -> bool {
        (index as usize) < self.imports.len()
    }

    /// Puts `operators`, which a `select` comes behind, into `function` where they
    /// end in what it gets wrong.
    fn compare_otherwise(
        &mut self,
        function: &mut Function,
        operators: &mut Vec<Operator<'_>>,
    ) -> Result<(), reencode::Error> {
        let found = match &operators[..] {
            [.., before, compared] => instead(Some(before), compared),
            [compared] => instead(None, compared),
            [] => None,
        };
        let Some(found) = found else { return Ok(()) };
        let dropped = match found {
            Instead::Below(dropped) | Instead::Above(dropped) => 1 + dropped,
            Instead::Lowest => 0,
        };
        operators.truncate(operators.len() - dropped);
        for operator in operators.drain(..) {
            self.emit(function, operator)?;
        }
        let (constant, operator) = match found {
            Instead::Below(_) => (1, Instruction::I32LtU),
            Instead::Above(_) => (0, Instruction::I32GtU),
            Instead::Lowest => (1, Instruction::I32And),
        };
        function.instruction(&Instruction::I32Const(constant));
        function.instruction(&operator);
        Ok(())
    }

    fn emit(
        &mut self,
        function: &mut Function,
        operator: Operator<'_>,
    ) -> Result<(), reencode::Error> {
        let grow = Grown::by(&operator).and_then(|grown| self.grow.get(&grown));
        match operator {
            _ if let Some(grow) = grow => {
                function.instruction(&Instruction::Call(*grow));
            }
            Operator::ReturnCall { function_index } if self.is_import(function_index) => {
                function.instruction(&Instruction::Call(function_index));
                function.instruction(&Instruction::Return);
            }
            Operator::RefFunc { function_index } => {
                function.instruction(&Instruction::RefFunc(self.referred(function_index)));
            }
            operator => {
                function.instruction(&self.instruction(operator)?);
            }
        }
        Ok(())
    }

    /// What a reference to function `index` becomes one to.
    fn referred(&self, index: u32) -> u32 {
        if self.is_import(index) {
            self.first + index
        } else {
            index
        }
    }
}

impl Reencode for Mender {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(if self.in_code {
            index
        } else {
            self.referred(index)
        })
    }

    /// Names stay those of the functions themselves.
    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        keep(module, &section);
        Ok(())
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_type_section(self, types, section)?;
        for grower in &self.growers {
            grower.add_type(types);
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_function_section(self, functions, section)?;
        for ty in &self.imports {
            functions.function(*ty);
        }
        for (ty, _) in (self.types..).zip(&self.growers) {
            functions.function(ty);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        self.in_code = true;
        utils::parse_code_section(self, code, section)?;
        self.in_code = false;
        for (index, params) in (0..).zip(&self.params) {
            let mut function = Function::new([]);
            for (local, ()) in (0..).zip(std::iter::repeat_n((), *params)) {
                function.instruction(&Instruction::LocalGet(local));
            }
            function.instruction(&Instruction::Call(index));
            function.instruction(&Instruction::End);
            code.function(&function);
        }
        for grower in &self.growers {
            code.function(&grower.body());
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let index = self.body;
        self.body += 1;
        if let Some(bodies) = &self.bodies
            && !bodies.contains(&index)
        {
            code.raw(body.as_bytes());
            return Ok(());
        }
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut operators = Vec::new();
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            if is_select(&operator) {
                self.compare_otherwise(&mut function, &mut operators)?;
            }
            operators.push(operator);
            // What a comparison is made of must be at hand.
            if operators.len() > LOOKBACK {
                let operator = operators.remove(0);
                self.emit(&mut function, operator)?;
            }
        }
        for operator in operators {
            self.emit(&mut function, operator)?;
        }
        code.function(&function);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_without_tail_calls_stay_as_they_are() {
        let wasm = wat::parse_str(
            r#"(module (import "m" "f" (func $f)) (table 1 funcref) (elem (i32.const 0) $f)
                (func (call $f)))"#,
        )
        .expect("well-formed");
        assert!(matches!(mend(&wasm), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn no_tail_call_reaches_an_import() {
        let wasm = wat::parse_str(
            r#"(module
                (type $t (func (param i32) (result i32)))
                (import "m" "f" (func $f (type $t)))
                (table 2 funcref)
                (elem (i32.const 0) $f $g)
                (elem declare func $f)
                (global funcref (ref.func $f))
                (export "f" (func $f))
                (func $g (type $t) (return_call $f (local.get 0)))
                (func $h (type $t) (return_call $g (local.get 0)))
                (func $i (type $t) (drop (ref.func $f))
                    (return_call_indirect (type $t) (local.get 0) (i32.const 0))))"#,
        )
        .expect("well-formed");
        let mended = mend(&wasm).expect("it can be mended");
        let source = Source::parse(&mended).expect("it is valid");
        let mut seen = Vec::new();
        for function in &source.defined {
            source.validate(function).expect("its code is valid");
            for operator in function.body.get_operators_reader().expect("code") {
                match operator.expect("an operator") {
                    Operator::ReturnCall { function_index } => seen.push(function_index),
                    Operator::RefFunc { function_index } => assert_eq!(function_index, 4),
                    _ => {}
                }
            }
        }
        assert_eq!(seen, [1]);
    }

    #[test]
    fn all_that_grows_is_grown_by_one_function_each() {
        let wasm = wat::parse_str(
            r#"(module (import "m" "g" (memory 1)) (import "m" "f" (func))
                (memory i64 1 7) (table 1 9 externref) (table 1 funcref)
                (func (param i32 i64) (result i32)
                    (drop (memory.grow 1 (local.get 1)))
                    (drop (table.grow 0 (ref.null extern) (local.get 0)))
                    (drop (table.grow 1 (ref.null func) (local.get 0)))
                    (drop (memory.grow 0 (local.get 0)))
                    (memory.grow 0 (local.get 0)))
                (func (result i32) (memory.size 0)))"#,
        )
        .expect("well-formed");
        let mended = mend(&wasm).expect("it can be mended").into_owned();
        let source = Source::parse_image(&mended).expect("it is valid");
        let mut seen = Vec::new();
        for function in &source.defined {
            source.validate(function).expect("its code is valid");
            for operator in function.body.get_operators_reader().expect("code") {
                if Grown::by(&operator.expect("an operator")).is_some() {
                    seen.push(function.index);
                }
            }
        }
        assert_eq!(seen, [3, 4, 5, 6]);
        // What is mended stays as it is.
        assert!(matches!(mend(&mended), Ok(Cow::Borrowed(_))));
    }
}
