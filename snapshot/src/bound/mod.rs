//! Giving the host the say over how long a guest runs.
//!
//! A bounded module looks at a word of its host's again and again, whatever it does:
//! the first of the imported memory [`STOP`], which nothing else in the module names.
//! When its first byte is not zero, it makes it zero and calls the imported function [`TICK`];
//! when that fails, the run is over. Counting what is done, as metering does, would cost
//! more.
//!
//! # Where it looks
//!
//! A *pass* of a function is what it runs without going back in a loop, including the
//! functions that it calls and that don't look themselves. `paths` finds how long it
//! can be at the most. Whatever a function does is a pass, and rounds of its loops.
//!
//! - Going back in a loop looks, unless all ways there have looked. A small loop that
//!   ran often stands there several times, and goes back from the last.
//! - Where an interpreter goes on to the next operator of the program that it runs,
//!   what points there grows, and one round of some looks (`climb`): in one loop of a
//!   function, which looks when it is entered.
//! - Calls of the host look where they are made, and so do calls through tables
//!   that others fill. A call through the module's own tables may lead to any
//!   function of its type that the module refers to (`indirect`).
//! - In each circle of calls something looks: one of its calls, where it is made,
//!   or the function that is called, when it is entered. `order` keeps those that
//!   ran most out of that.
//! - Functions look when they are entered for a pass that is longer than [`FREE`],
//!   and for a shorter one if they ran seldom, or did so much that it makes no
//!   difference. What they seldom call looks where it is called. What is longer than
//!   [`STRETCH`](paths::STRETCH) looks in its middle.
//! - Operators whose work depends on an operand (`memory.fill` and the like) look
//!   if that is large.
//!
//! So a guest executes no more than some [`STRETCH`](paths::STRETCH) operators, and
//! one that is as long as a memory or table, between two looks. It can't reach
//! the word: the operators that address the memory are those that are added.
//!
//! How often what ran, in programs like those to come, decides about the price
//! only: whatever it is said to be, every circle has a look in it.
//!
//! The imports are put behind the others, so that the functions and memories that
//! the module defines shift by one.

mod body;
mod climb;
mod graph;
mod indirect;
mod order;
mod paths;
#[cfg(test)]
mod tests;

use crate::{Error, append::order, names::keep, valid::validate};
use graph::Graph;
use wasm_encoder::{
    CodeSection, EntityType, Function, FunctionSection, ImportSection, Instruction as I, MemArg,
    MemArgTarget, MemoryType, Module, SectionId, TypeSection,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    CodeSectionReader, FunctionBody, FunctionSectionReader, ImportSectionReader, KnownCustom,
    Parser, TypeSectionReader,
};

/// The module and name of the imported function, `[] -> []`.
pub const TICK: (&str, &str) = ("dormouse", "tick");

/// The module and name of the imported memory, of one page. The guest calls [`TICK`]
/// once after each time that the first byte was set to something else than zero, and
/// makes the first four zero then.
pub const STOP: (&str, &str) = ("dormouse", "stop");

/// Operators that are done without a look for who calls, at the most.
pub(crate) const FREE: u32 = 1 << 18;

/// A module that is bounded.
#[derive(Debug, Clone, Default)]
pub struct Bounded {
    /// The module.
    pub module: Vec<u8>,
    /// For each stretch of its code (see [`cover`](fn@crate::cover)), which of the
    /// original's it runs as often as; nothing if it only runs where the host is asked.
    pub stretches: Vec<Option<u32>>,
}

/// Rewrites `wasm`, a valid core module, to call the imported function [`TICK`]
/// soon after the word in [`STOP`] is set.
///
/// `counts`, how often each stretch of `wasm` ran in programs of its kind, make
/// it cheaper; what is not among them never ran.
///
/// # Errors
///
/// When `wasm` is not a valid core module.
pub fn bound(wasm: &[u8], counts: &[u32]) -> Result<Bounded, Error> {
    // What follows relies on it: every call has a callee, every function a type.
    validate(wasm)?;
    let graph = Graph::of(wasm, counts)?;
    if graph.functions.is_empty() {
        return Ok(Bounded {
            module: wasm.to_vec(),
            stretches: Vec::new(),
        });
    }
    let mut bound = Bound {
        next: 0,
        stretch: 0,
        stretches: Vec::new(),
        ty: 0,
        missing: vec![SectionId::Type, SectionId::Import],
        graph,
    };
    let mut module = Module::new();
    bound.parse_core_module(&mut module, Parser::new(0), wasm)?;
    // That of the function that asks the host.
    bound.stretches.push(None);
    Ok(Bounded {
        module: module.finish(),
        stretches: bound.stretches,
    })
}

struct Bound {
    graph: Graph,
    /// The function whose body comes next, from the first that is defined.
    next: usize,
    /// The stretch that comes next.
    stretch: u32,
    /// See [`Bounded::stretches`].
    stretches: Vec<Option<u32>>,
    /// The type `[] -> []`.
    ty: u32,
    /// Sections to be added to, that did not come yet.
    missing: Vec<SectionId>,
}

impl Bound {
    fn add_type(&mut self, types: &mut TypeSection) {
        self.ty = self.graph.types;
        types.ty().function([], []);
        self.missing.retain(|id| *id != SectionId::Type);
    }

    fn add_imports(&mut self, imports: &mut ImportSection) {
        imports.import(TICK.0, TICK.1, EntityType::Function(self.ty));
        let memory = MemoryType {
            minimum: 1,
            maximum: Some(1),
            memory64: false,
            shared: false,
            page_size_log2: None,
        };
        imports.import(STOP.0, STOP.1, EntityType::Memory(memory));
        self.missing.retain(|id| *id != SectionId::Import);
    }

    fn add_missing(&mut self, module: &mut Module, id: SectionId) {
        match id {
            SectionId::Type => {
                let mut types = TypeSection::new();
                self.add_type(&mut types);
                module.section(&types);
            }
            _ => {
                let mut imports = ImportSection::new();
                self.add_imports(&mut imports);
                module.section(&imports);
            }
        }
    }

    /// The function that asks the host: once for each time that the word is set.
    fn ask(&self) -> Function {
        let start = start(self.graph.imported_memories, 2);
        let mut f = Function::new([]);
        f.instruction(&I::I32Const(0));
        f.instruction(&I::I32Const(0));
        f.instruction(&I::I32Store(start));
        f.instruction(&I::Call(self.graph.imports));
        f.instruction(&I::End);
        f
    }
}

/// Where the host's word is, in the memory `stop`, for what is to be of 2^`align` bytes.
fn start(stop: u32, align: u32) -> MemArg {
    MemArg {
        offset: 0,
        align,
        target: MemArgTarget::Memory(stop),
        ordering: None,
    }
}

impl Reencode for Bound {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(index + u32::from(index >= self.graph.imports))
    }

    fn memory_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(index + u32::from(index >= self.graph.imported_memories))
    }

    /// Names that are not well-formed are nothing to a module, and go.
    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        if let KnownCustom::Name(names) = section.as_known() {
            if let Ok(names) = self.custom_name_section(names) {
                module.section(&names);
            }
        } else {
            keep(module, &section);
        }
        Ok(())
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
        self.add_imports(imports);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_function_section(self, functions, section)?;
        functions.function(self.ty);
        Ok(())
    }

    /// Makes the sections that the module has none of, at their places.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        for id in self.missing.clone() {
            if order(before) > order(Some(id)) {
                self.add_missing(module, id);
            }
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_code_section(self, code, section)?;
        code.function(&self.ask());
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let index = self.next;
        self.next += 1;
        code.function(&body::rewrite(self, index, &body)?);
        Ok(())
    }
}
