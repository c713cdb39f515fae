//! Finding the function in which a guest traps.
//!
//! An interpreter of register code keeps no names at hand when it traps. So a
//! module can be rewritten to keep note itself: a new mutable global holds the
//! index of the function that runs, set at each function's entry and again
//! after each call in it. That costs time, so it is done to a program that has
//! trapped already, to run it once more.
//!
//! The rewrite only appends (one global, one export): no index shifts.

use crate::{
    Error,
    append::{Additions, Counts, Subject, append},
};
use wasm_encoder::{
    ConstExpr, ExportKind, Function, GlobalType, Instruction as I, ValType,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::Operator;

/// The export under which the note is found, as an `i32` global.
pub const CURRENT_FUNCTION: &str = "dormouse:current-function";

/// Rewrites `wasm`, a valid core module, to keep note of the running function
/// in the exported global [`CURRENT_FUNCTION`].
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn trace(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let counts = Counts::of(wasm)?;
    let note = counts.globals;
    let ty = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    let additions = Additions {
        globals: vec![(ty, ConstExpr::i32_const(-1))],
        exports: vec![(CURRENT_FUNCTION.into(), ExportKind::Global, note)],
        ..Additions::default()
    };
    append(wasm, counts, additions, |subject| rewrite(&subject, note))
}

fn rewrite(subject: &Subject<'_>, note: u32) -> Result<Function, Error> {
    let mut function = subject.with_locals(&[])?;
    let set = |function: &mut Function| {
        function
            .instruction(&I::I32Const(subject.index.cast_signed()))
            .instruction(&I::GlobalSet(note));
    };
    set(&mut function);
    for operator in subject.body.get_operators_reader()? {
        let operator = operator?;
        let calls = matches!(
            operator,
            Operator::Call { .. } | Operator::CallIndirect { .. }
        );
        function.instruction(&RoundtripReencoder.instruction(operator)?);
        if calls {
            set(&mut function);
        }
    }
    Ok(function)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{Parser, Payload, Validator};

    /// Traces a module and checks that the result is valid.
    fn traced(wat: &str) -> Vec<u8> {
        let wasm = wat::parse_str(wat).expect("test modules are well-formed");
        let traced = trace(&wasm).expect("valid modules can be traced");
        Validator::new()
            .validate_all(&traced)
            .expect("a traced module is valid");
        traced
    }

    fn export_index(wasm: &[u8], name: &str) -> Option<u32> {
        Parser::new(0)
            .parse_all(wasm)
            .find_map(|payload| match payload.ok()? {
                Payload::ExportSection(section) => section
                    .into_iter()
                    .filter_map(Result::ok)
                    .find_map(|export| (export.name == name).then_some(export.index)),
                _ => None,
            })
    }

    #[test]
    fn the_note_comes_after_all_globals() {
        let wasm = traced(
            r#"(module
                (import "m" "g" (global i32))
                (global (mut i64) (i64.const 1))
                (func (export "f")))"#,
        );
        assert_eq!(export_index(&wasm, CURRENT_FUNCTION), Some(2));
        assert_eq!(export_index(&wasm, "f"), Some(0));
    }

    #[test]
    fn missing_sections_are_made_in_order() {
        for wat in [
            "(module)",
            "(module (func))",
            "(module (memory 1) (data (i32.const 0) \"x\"))",
            "(module (table 1 funcref) (func $f) (elem (i32.const 0) $f) (start $f))",
            "(module (global i32 (i32.const 0)))",
            "(module (func (export \"f\")))",
        ] {
            assert_eq!(
                export_index(&traced(wat), CURRENT_FUNCTION),
                Some(u32::from(wat.contains("global"))),
                "{wat}"
            );
        }
    }

    #[test]
    fn control_flow_and_tail_calls_stay_valid() {
        traced(
            r#"(module
                (type $t (func (param i32) (result i32)))
                (table 1 funcref)
                (func $a (param i32) (result i32)
                    (if (result i32) (local.get 0)
                        (then (call $a (i32.const 0)))
                        (else (return_call $b (local.get 0)))))
                (func $b (type $t)
                    (drop (call_indirect (type $t) (local.get 0) (i32.const 0)))
                    (return_call_indirect (type $t) (local.get 0) (i32.const 0))))"#,
        );
    }

    #[test]
    fn malformed_modules_are_refused() {
        assert!(trace(b"").is_err());
        assert!(trace(b"\0asm\x01\0\0\0\x01\xff").is_err());
    }
}
