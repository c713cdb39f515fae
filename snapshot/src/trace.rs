//! Finding the function in which a guest traps.
//!
//! An interpreter of register code keeps no names at hand when it traps. So a
//! module can be rewritten to keep note itself: a new mutable global holds the
//! index of the function that runs, set at each function's entry and again
//! after each call in it. That costs time, so it is done to a program that has
//! trapped already, to run it once more.
//!
//! The rewrite only appends (one global, one export): no index shifts.

use crate::Error;
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, GlobalSection, GlobalType, Instruction,
    Module, SectionId, ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    ExportSectionReader, FunctionBody, GlobalSectionReader, Operator, Parser, Payload, TypeRef,
};

/// The export under which the note is found, as an `i32` global.
pub const CURRENT_FUNCTION: &str = "dormouse:current-function";

/// Rewrites `wasm`, a valid core module, to keep note of the running function
/// in the exported global [`CURRENT_FUNCTION`].
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn trace(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let mut tracer = Tracer::new(wasm)?;
    let mut module = Module::new();
    tracer.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(module.finish())
}

struct Tracer {
    /// Index of the new global: there are as many before it.
    note: u32,
    /// Index of the function whose body comes next.
    next_function: u32,
    has_globals: bool,
    has_exports: bool,
}

impl Tracer {
    fn new(wasm: &[u8]) -> Result<Self, Error> {
        let mut tracer = Self {
            note: 0,
            next_function: 0,
            has_globals: false,
            has_exports: false,
        };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => tracer.next_function += 1,
                            TypeRef::Global(_) => tracer.note += 1,
                            _ => {}
                        }
                    }
                }
                Payload::GlobalSection(section) => {
                    tracer.note += section.count();
                    tracer.has_globals = true;
                }
                Payload::ExportSection(_) => tracer.has_exports = true,
                _ => {}
            }
        }
        Ok(tracer)
    }

    fn add_global(globals: &mut GlobalSection) {
        let ty = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(ty, &ConstExpr::i32_const(-1));
    }

    fn add_export(&self, exports: &mut ExportSection) {
        exports.export(CURRENT_FUNCTION, ExportKind::Global, self.note);
    }
}

impl Reencode for Tracer {
    type Error = std::convert::Infallible;

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_global_section(self, globals, section)?;
        Self::add_global(globals);
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_export_section(self, exports, section)?;
        self.add_export(exports);
        Ok(())
    }

    /// Makes the sections that the module has none of, at their places.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        if !self.has_globals && order(before) > order(Some(SectionId::Global)) {
            self.has_globals = true;
            let mut globals = GlobalSection::new();
            Self::add_global(&mut globals);
            module.section(&globals);
        }
        if !self.has_exports && order(before) > order(Some(SectionId::Export)) {
            self.has_exports = true;
            let mut exports = ExportSection::new();
            self.add_export(&mut exports);
            module.section(&exports);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let index = self.next_function.cast_signed();
        self.next_function += 1;
        let note = self.note;
        let mut function = self.new_function_with_parsed_locals(&body)?;
        function.instruction(&Instruction::I32Const(index));
        function.instruction(&Instruction::GlobalSet(note));
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            let calls = matches!(
                operator,
                Operator::Call { .. } | Operator::CallIndirect { .. }
            );
            function.instruction(&self.instruction(operator)?);
            if calls {
                function.instruction(&Instruction::I32Const(index));
                function.instruction(&Instruction::GlobalSet(note));
            }
        }
        code.function(&function);
        Ok(())
    }
}

/// Where a section stands in a module; the end comes last.
pub(crate) fn order(section: Option<SectionId>) -> u8 {
    match section {
        Some(SectionId::Custom) => 0,
        Some(SectionId::Type) => 1,
        Some(SectionId::Import) => 2,
        Some(SectionId::Function) => 3,
        Some(SectionId::Table) => 4,
        Some(SectionId::Memory) => 5,
        Some(SectionId::Tag) => 6,
        Some(SectionId::Global) => 7,
        Some(SectionId::Export) => 8,
        Some(SectionId::Start) => 9,
        Some(SectionId::Element) => 10,
        Some(SectionId::DataCount) => 11,
        Some(SectionId::Code) => 12,
        Some(SectionId::Data) => 13,
        None => u8::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::Validator;

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
