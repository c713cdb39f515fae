//! Calls of the host in the middle of everything.
//!
//! Tests of the core specification seldom call the host, so there is little in
//! them to be captured at. A probed module calls an imported function that does
//! nothing before each of its instructions, with whatever is on the stack.

use super::way::GENERATIONS;
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, ImportSection, Instruction,
    Module, SectionId, TypeSection,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    ExportSectionReader, ExternalKind, FunctionBody, ImportSectionReader, Parser, Payload, TypeRef,
    TypeSectionReader,
};

/// The module and name of the imported function.
pub(super) const PROBE: (&str, &str) = ("probe", "probe");

/// Functions with more instructions are probed before every one of
/// [`SPARSE`] only.
const LONG: usize = 300;
const SPARSE: usize = 7;

/// Another name of the exported function `name`. The name that a call was
/// captured by only stands for what goes on with it, so the calls that come after
/// a member was captured use another one.
pub(super) fn alias(generation: u32, name: &str) -> String {
    format!("probe:{generation}:{name}")
}

/// `wasm`, which must be valid, with probes.
pub(super) fn probed(wasm: &[u8]) -> Result<Vec<u8>, String> {
    let (types, imports) = counts(wasm).map_err(|error| error.to_string())?;
    let mut prober = Prober {
        types,
        imports,
        missing: vec![SectionId::Type, SectionId::Import],
    };
    let mut module = Module::new();
    prober
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| error.to_string())?;
    Ok(module.finish())
}

/// How many types there are, and how many imported functions.
fn counts(wasm: &[u8]) -> wasmparser::Result<(u32, u32)> {
    let (mut types, mut imports) = (0, 0);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(section) => types = section.count(),
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imports += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            _ => {}
        }
    }
    Ok((types, imports))
}

struct Prober {
    types: u32,
    imports: u32,
    missing: Vec<SectionId>,
}

impl Prober {
    fn add_type(&mut self, types: &mut TypeSection) {
        types.ty().function([], []);
        self.missing.retain(|id| *id != SectionId::Type);
    }

    fn add_import(&mut self, imports: &mut ImportSection) {
        imports.import(PROBE.0, PROBE.1, EntityType::Function(self.types));
        self.missing.retain(|id| *id != SectionId::Import);
    }
}

impl Reencode for Prober {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(index + u32::from(index >= self.imports))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_type_section(self, types, section)?;
        self.add_type(types);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_import_section(self, imports, section)?;
        self.add_import(imports);
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for export in section {
            let export = export?;
            let (kind, index) = (export.kind, export.index);
            utils::parse_export(self, exports, export)?;
            if kind != ExternalKind::Func {
                continue;
            }
            for generation in 0..=GENERATIONS {
                let index = self.function_index(index)?;
                let alias = alias(generation, export.name);
                exports.export(&alias, ExportKind::Func, index);
            }
        }
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        // Custom sections may stand anywhere.
        if before == Some(SectionId::Custom) {
            return Ok(());
        }
        let comes_later = |id: SectionId| before.is_none_or(|before| before as u8 > id as u8);
        if self.missing.contains(&SectionId::Type) && comes_later(SectionId::Type) {
            let mut types = TypeSection::new();
            self.add_type(&mut types);
            module.section(&types);
        }
        if self.missing.contains(&SectionId::Import) && comes_later(SectionId::Import) {
            let mut imports = ImportSection::new();
            self.add_import(&mut imports);
            module.section(&imports);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let mut function: Function = self.new_function_with_parsed_locals(&body)?;
        let operators = body.get_operators_reader()?.into_iter();
        let operators: Vec<_> = operators.collect::<Result<_, _>>()?;
        let step = if operators.len() > LONG { SPARSE } else { 1 };
        for (place, operator) in operators.into_iter().enumerate() {
            if place.is_multiple_of(step) {
                function.instruction(&Instruction::Call(self.imports));
            }
            function.instruction(&self.instruction(operator)?);
        }
        code.function(&function);
        Ok(())
    }
}
