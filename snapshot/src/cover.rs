//! Counting how often each part of a module runs.
//!
//! Each straight run of instructions (a *stretch*) gets four bytes of a new
//! memory, in which its entries are counted. Stretches are numbered as they
//! come in the code, so that other passes over the same module find them again.
//!
//! The rewrite only appends (one memory, one export): no index shifts.

use crate::Error;
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Instruction, MemArg, MemArgTarget, MemorySection,
    MemoryType, Module, SectionId,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    ExportSectionReader, FunctionBody, MemorySectionReader, Operator, Parser, Payload, TypeRef,
};

/// The export under which the counts are found, as a memory of little-endian
/// 32-bit numbers, one for each stretch.
pub const COVERAGE: &str = "dormouse:coverage";

/// Bytes of a count.
const BYTES: u64 = 4;

/// Rewrites `wasm`, a valid core module, to count in the exported memory
/// [`COVERAGE`] how often its stretches run.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn cover(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let mut cover = Cover::new(wasm)?;
    let mut module = Module::new();
    cover.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(module.finish())
}

/// The counts in what the memory [`COVERAGE`] holds.
pub fn counts(memory: &[u8]) -> impl Iterator<Item = u32> {
    let (counts, _) = memory.as_chunks();
    counts.iter().map(|count| u32::from_le_bytes(*count))
}

/// For each function that `wasm` defines, the number of its first stretch.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn entries(wasm: &[u8]) -> Result<Vec<usize>, Error> {
    let (mut entries, mut next) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            entries.push(next);
            next += 1;
            for operator in body.get_operators_reader()? {
                next += usize::from(begins_stretch(&operator?));
            }
        }
    }
    Ok(entries)
}

/// Whether another stretch begins after `operator`.
pub(crate) fn begins_stretch(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::BrIf { .. }
    )
}

struct Cover {
    /// Index of the new memory.
    memory: u32,
    /// The stretch that comes next.
    next: u64,
    stretches: u64,
    has_memories: bool,
    has_exports: bool,
}

impl Cover {
    fn new(wasm: &[u8]) -> Result<Self, Error> {
        let mut cover = Self {
            memory: 0,
            next: 0,
            stretches: 0,
            has_memories: false,
            has_exports: false,
        };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        if let TypeRef::Memory(_) = import?.ty {
                            cover.memory += 1;
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    cover.memory += section.count();
                    cover.has_memories = true;
                }
                Payload::ExportSection(_) => cover.has_exports = true,
                Payload::CodeSectionEntry(body) => {
                    cover.stretches += 1;
                    for operator in body.get_operators_reader()? {
                        cover.stretches += u64::from(begins_stretch(&operator?));
                    }
                }
                _ => {}
            }
        }
        Ok(cover)
    }

    fn add_memory(&self, memories: &mut MemorySection) {
        memories.memory(MemoryType {
            minimum: (BYTES * self.stretches).div_ceil(1 << 16),
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
    }

    fn add_export(&self, exports: &mut ExportSection) {
        exports.export(COVERAGE, ExportKind::Memory, self.memory);
    }

    fn count(&mut self, function: &mut wasm_encoder::Function) {
        let at = MemArg {
            offset: BYTES * self.next,
            align: 2,
            target: MemArgTarget::Memory(self.memory),
            ordering: None,
        };
        self.next += 1;
        function
            .instruction(&Instruction::I32Const(0))
            .instruction(&Instruction::I32Const(0))
            .instruction(&Instruction::I32Load(at))
            .instruction(&Instruction::I32Const(1))
            .instruction(&Instruction::I32Add)
            .instruction(&Instruction::I32Store(at));
    }
}

impl Reencode for Cover {
    type Error = std::convert::Infallible;

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_memory_section(self, memories, section)?;
        self.add_memory(memories);
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
        use crate::trace::order;
        if !self.has_memories && order(before) > order(Some(SectionId::Memory)) {
            self.has_memories = true;
            let mut memories = MemorySection::new();
            self.add_memory(&mut memories);
            module.section(&memories);
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
        let mut function = self.new_function_with_parsed_locals(&body)?;
        self.count(&mut function);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            let begins = begins_stretch(&operator);
            function.instruction(&self.instruction(operator)?);
            if begins && !operators.eof() {
                self.count(&mut function);
            } else if begins {
                self.next += 1;
            }
        }
        code.function(&function);
        Ok(())
    }
}
