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
//! What `select` does with comparisons is in `select`.

mod select;

use crate::{Error, source::Source};
use select::{Instead, instead, is_select};
use std::borrow::Cow;
use wasm_encoder::{
    CodeSection, CustomSection, Function, FunctionSection, Instruction, Module,
    reencode::{self, Reencode, utils},
};
use wasmparser::{FunctionBody, FunctionSectionReader, Operator, Parser};

/// Rewrites `wasm`, a valid core module, so that no tail call reaches a host
/// function, and nothing is selected by a comparison with zero. One without these
/// stays as it is.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn mend(wasm: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let source = Source::parse_image(wasm)?;
    let faults = Faults::of(&source)?;
    if !faults.tail_calls && !faults.selects {
        return Ok(Cow::Borrowed(wasm));
    }
    // Without tail calls nothing is to be put in the place of imports.
    let imports = match faults.tail_calls {
        true => source.imported_functions,
        false => 0,
    };
    let mut mender = Mender {
        imports: source.functions[..imports as usize].to_vec(),
        params: (0..imports)
            .map(|index| source.function_type(index).params().len())
            .collect(),
        first: crate::instrument::count(source.functions.len()),
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
    selects: bool,
}

impl Faults {
    fn of(source: &Source<'_>) -> Result<Self, Error> {
        let mut faults = Self::default();
        for function in &source.defined {
            if may_be_wrong(function.body.as_bytes()) {
                faults.add(&function.body)?;
            }
        }
        Ok(faults)
    }

    fn add(&mut self, body: &FunctionBody<'_>) -> Result<(), Error> {
        let mut last = [None, None];
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            if let Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } = operator {
                self.tail_calls = true;
            }
            if let ([before, Some(compared)], true) = (&last, is_select(&operator)) {
                self.selects |= instead(before.as_ref(), compared).is_some();
            }
            let [_, latest] = last;
            last = [latest, Some(operator)];
        }
        Ok(())
    }
}

/// Whether a body has the bytes of what there is to mend in it, whatever they
/// stand for: few bodies have, and reading operators takes long.
fn may_be_wrong(body: &[u8]) -> bool {
    let selects = |pair: &[u8]| matches!(pair, [0x45..=0x47, 0x1b | 0x1c]);
    body.iter().any(|byte| matches!(byte, 0x12 | 0x13)) || body.windows(2).any(selects)
}

struct Mender {
    /// Types of the imported functions.
    imports: Vec<u32>,
    /// How many parameters they have.
    params: Vec<usize>,
    /// The function that stands for the first of them.
    first: u32,
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
        match operator {
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
        module.section(&CustomSection {
            name: section.name().into(),
            data: section.data().into(),
        });
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
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
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
}
