//! Modules with something more at the end of what they have.
//!
//! Passes that watch a guest add memories, globals and exports, and rewrite the
//! bodies of its functions. What they add comes last, so that no index shifts;
//! sections that the module lacks are made at their places.

use crate::{Error, names::keep};
use std::borrow::Cow;
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, Function, GlobalSection, GlobalType,
    MemorySection, MemoryType, Module, SectionId,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    CompositeInnerType, CustomSectionReader, ExportSectionReader, FunctionBody,
    GlobalSectionReader, MemorySectionReader, Parser, Payload, TypeRef,
};

/// What a module has: the indices of what is added to it.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) imported_functions: u32,
    pub(crate) memories: u32,
    pub(crate) globals: u32,
    /// Of each function that the module defines, how many parameters it takes.
    params: Vec<u32>,
    has_memories: bool,
    has_globals: bool,
    has_exports: bool,
}

impl Counts {
    /// Counts what `wasm` has.
    ///
    /// # Errors
    ///
    /// When it is not well-formed.
    pub(crate) fn of(wasm: &[u8]) -> Result<Self, Error> {
        let mut counts = Self::default();
        let mut types = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        for ty in group?.into_types() {
                            types.push(match ty.composite_type.inner {
                                CompositeInnerType::Func(ty) => length(ty.params()),
                                _ => 0,
                            });
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                                counts.imported_functions += 1;
                            }
                            TypeRef::Memory(_) => counts.memories += 1,
                            TypeRef::Global(_) => counts.globals += 1,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        let params = types.get(ty? as usize).copied();
                        counts.params.push(params.unwrap_or_default());
                    }
                }
                Payload::MemorySection(section) => {
                    counts.memories += section.count();
                    counts.has_memories = true;
                }
                Payload::GlobalSection(section) => {
                    counts.globals += section.count();
                    counts.has_globals = true;
                }
                Payload::ExportSection(_) => counts.has_exports = true,
                _ => {}
            }
        }
        Ok(counts)
    }
}

fn length<T>(of: &[T]) -> u32 {
    u32::try_from(of.len()).unwrap_or(u32::MAX)
}

/// What is added to a module.
#[derive(Default)]
pub(crate) struct Additions {
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<(GlobalType, ConstExpr)>,
    pub(crate) exports: Vec<(Cow<'static, str>, ExportKind, u32)>,
}

/// A memory of `bytes`, which doesn't grow.
pub(crate) fn memory(bytes: u64) -> MemoryType {
    let pages = bytes.div_ceil(1 << 16);
    MemoryType {
        minimum: pages,
        maximum: Some(pages),
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}

/// A function whose body is rewritten.
pub(crate) struct Subject<'a> {
    /// Its index.
    pub(crate) index: u32,
    /// How many parameters and locals it has: the index of the next one.
    pub(crate) locals: u32,
    pub(crate) body: FunctionBody<'a>,
}

impl Subject<'_> {
    /// The function with locals of the types `more` behind its own, and nothing
    /// in it yet.
    ///
    /// # Errors
    ///
    /// When its locals can't be read.
    pub(crate) fn with_locals(
        &self,
        more: &[(u32, wasm_encoder::ValType)],
    ) -> Result<Function, Error> {
        let mut locals = Vec::new();
        for declared in self.body.get_locals_reader()? {
            let (count, ty) = declared?;
            locals.push((count, reencode::RoundtripReencoder.val_type(ty)?));
        }
        locals.extend_from_slice(more);
        Ok(Function::new(locals))
    }
}

/// `wasm` with `additions`, and each body as `rewrite` has it.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module, or as `rewrite` says.
pub(crate) fn append(
    wasm: &[u8],
    counts: Counts,
    additions: Additions,
    rewrite: impl FnMut(Subject<'_>) -> Result<Function, Error>,
) -> Result<Vec<u8>, Error> {
    let mut appender = Appender {
        counts,
        additions,
        rewrite,
        next: 0,
        refusal: None,
    };
    let mut module = Module::new();
    let done = appender.parse_core_module(&mut module, Parser::new(0), wasm);
    if let Some(refusal) = appender.refusal {
        return Err(refusal);
    }
    done?;
    Ok(module.finish())
}

struct Appender<F> {
    counts: Counts,
    additions: Additions,
    rewrite: F,
    /// The body that comes next, of those that the module has.
    next: usize,
    /// Why a body was not rewritten.
    refusal: Option<Error>,
}

impl<F: FnMut(Subject<'_>) -> Result<Function, Error>> Appender<F> {
    fn memories(&self, section: &mut MemorySection) {
        for memory in &self.additions.memories {
            section.memory(*memory);
        }
    }

    fn globals(&self, section: &mut GlobalSection) {
        for (ty, value) in &self.additions.globals {
            section.global(*ty, value);
        }
    }

    fn exports(&self, section: &mut ExportSection) {
        for (name, kind, index) in &self.additions.exports {
            section.export(name, *kind, *index);
        }
    }

    fn body(&mut self, body: FunctionBody<'_>) -> Result<Function, Error> {
        let params = self.counts.params.get(self.next).copied();
        let mut locals = params.unwrap_or_default();
        for declared in body.get_locals_reader()? {
            locals = locals.saturating_add(declared?.0);
        }
        let index = self.counts.imported_functions + u32::try_from(self.next).unwrap_or(u32::MAX);
        self.next += 1;
        (self.rewrite)(Subject {
            index,
            locals,
            body,
        })
    }
}

impl<F: FnMut(Subject<'_>) -> Result<Function, Error>> Reencode for Appender<F> {
    type Error = std::convert::Infallible;

    /// No index shifts, so neither do names; and what is not well-formed there is
    /// nothing to a module.
    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        keep(module, &section);
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_memory_section(self, memories, section)?;
        self.memories(memories);
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_global_section(self, globals, section)?;
        self.globals(globals);
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_export_section(self, exports, section)?;
        self.exports(exports);
        Ok(())
    }

    /// Makes the sections that the module has none of, at their places.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        let comes_after = |section| order(before) > order(Some(section));
        if !self.counts.has_memories && comes_after(SectionId::Memory) {
            self.counts.has_memories = true;
            let mut memories = MemorySection::new();
            self.memories(&mut memories);
            if !memories.is_empty() {
                module.section(&memories);
            }
        }
        if !self.counts.has_globals && comes_after(SectionId::Global) {
            self.counts.has_globals = true;
            let mut globals = GlobalSection::new();
            self.globals(&mut globals);
            if !globals.is_empty() {
                module.section(&globals);
            }
        }
        if !self.counts.has_exports && comes_after(SectionId::Export) {
            self.counts.has_exports = true;
            let mut exports = ExportSection::new();
            self.exports(&mut exports);
            if !exports.is_empty() {
                module.section(&exports);
            }
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        if self.refusal.is_some() {
            return Ok(());
        }
        match self.body(body) {
            Ok(function) => {
                code.function(&function);
            }
            Err(refusal) => self.refusal = Some(refusal),
        }
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
