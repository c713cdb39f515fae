//! Giving the host the say over how long a guest runs.
//!
//! A bounded module calls an imported function ([`TICK`]) from time to time,
//! whatever it does; when that fails, the run is over. Metering every block of
//! code would do the same, at a higher price: here most code has nothing added.
//!
//! # What is paid, and where
//!
//! Work is counted in operators, and paid for in *units* of [`UNIT`] operators,
//! from an appended global; when [`BUDGET`] units are used up, the host is asked. A
//! *pass* of a function is what it runs without going back in a loop, including the
//! functions that it calls and that don't pay themselves; a *round* of a loop is
//! the part of a pass from the loop's head to where the loop is gone back to.
//! `paths` finds how long they can be at the most, and divides what is too long.
//! Whatever a function does is a pass and as many rounds as it goes back.
//!
//! - Going back in a loop counts the operators of the longest round that ends
//!   there, in a local variable; beyond [`FIRST`], so many are paid for ahead as
//!   [`AHEAD`] and [`ROUNDS`] say. A local starts at zero, so functions that loop
//!   little pay nothing, but their callers do.
//! - Short loops that ran often are written [`COPIES`](graph::COPIES) times, one after
//!   the other, and only the last counts, for all.
//! - Where an interpreter goes on to the next operator of the program that it runs,
//!   what points there grows, and a round is not even counted, but for one in about
//!   [`STEPS`](climb::STEPS) (`climb`).
//! - Calls of the host pay where they are made, and so do calls through tables
//!   that others fill. A call through the module's own tables may lead to any
//!   function of its type that the module refers to (`indirect`).
//! - In each circle of calls something pays: one of its calls, where it is made,
//!   or the function that is called, when it is entered. `order` keeps those that
//!   ran most out of that.
//! - Functions pay when they are entered for a pass that is longer than [`FREE`],
//!   and for a shorter one if they ran seldom, or did so much that it makes no
//!   difference. What they seldom call is paid for there. All others are paid for
//!   by those that call them.
//! - Operators whose work depends on an operand (`memory.fill` and the like)
//!   pay for it, if it is more than a round counts for them.
//!
//! So a guest executes at most [`UNIT`] × [`BUDGET`] operators, 2²⁸, for each
//! time that it asks, and as many before the first; but one can be used up
//! later than others, for what functions that wait for a call have paid ahead is
//! not lost: for each that waits, [`AHEAD`] operators, or [`ROUNDS`] rounds if that
//! is more, which is seen in few functions; and in interpreters' loops, up to
//! 20 × [`UNCOUNTED`](paths::UNCOUNTED). The guest can't reach the global or the
//! variables: they have no address.
//!
//! How often what ran, in programs like those to come, decides about the price
//! only: whatever it is said to be, every circle has a payment in it.
//!
//! The import is put behind the others, so the functions that the module
//! defines shift by one. Everything else is appended.

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
    CodeSection, ConstExpr, EntityType, Function, FunctionSection, GlobalSection, GlobalType,
    ImportSection, Instruction as I, Module, SectionId, TypeSection, ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    CodeSectionReader, FunctionBody, FunctionSectionReader, GlobalSectionReader,
    ImportSectionReader, KnownCustom, Parser, TypeSectionReader,
};

/// The module and name of the imported function, `[] -> []`.
pub const TICK: (&str, &str) = ("dormouse", "tick");

/// Operators that one unit pays for.
pub(crate) const UNIT: u32 = 1 << 10;

/// Units between two calls of the host.
pub(crate) const BUDGET: u32 = 1 << 18;

/// Operators that a function's callers pay for beyond the longest pass, if it has
/// loops.
pub(crate) const FIRST: u32 = 1 << 10;

/// Operators that a function pays for at once when it goes back in loops, if
/// [`ROUNDS`] aren't more.
pub(crate) const AHEAD: u32 = 1 << 16;

/// How often a function can go back in its longest loop before it pays again.
pub(crate) const ROUNDS: u32 = 64;

/// Operators that callers pay for.
pub(crate) const FREE: u32 = 1 << 14;

/// A module that is bounded.
#[derive(Debug, Clone, Default)]
pub struct Bounded {
    /// The module.
    pub module: Vec<u8>,
    /// For each stretch of its code (see [`cover`](fn@crate::cover)), which of the
    /// original's it runs as often as; nothing if it only runs where work is paid.
    pub stretches: Vec<Option<u32>>,
}

/// Rewrites `wasm`, a valid core module, to call the imported function [`TICK`]
/// again and again for as long as it runs.
///
/// `counts`, how often each stretch of `wasm` ran in programs of its kind, make
/// it cheaper; what is not among them never ran.
///
/// # Errors
///
/// When `wasm` is not a valid core module.
pub fn bound(wasm: &[u8], counts: &[u32]) -> Result<Bounded, Error> {
    bound_every(BUDGET, wasm, counts)
}

/// The same, but the function is called after `units` of 1024 operators each, for
/// who wants to be asked more often than [`bound`] does.
///
/// # Errors
///
/// When `wasm` is not a valid core module.
pub fn bound_every(units: u32, wasm: &[u8], counts: &[u32]) -> Result<Bounded, Error> {
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
        budget: units,
        missing: vec![SectionId::Type, SectionId::Import, SectionId::Global],
        graph,
    };
    let mut module = Module::new();
    bound.parse_core_module(&mut module, Parser::new(0), wasm)?;
    // Those of the function that asks the host.
    bound.stretches.extend([None, None]);
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
    /// Units between two calls of the host.
    budget: u32,
    /// Sections to be added to, that did not come yet.
    missing: Vec<SectionId>,
}

impl Bound {
    fn add_type(&mut self, types: &mut TypeSection) {
        self.ty = self.graph.types;
        types.ty().function([], []);
        self.missing.retain(|id| *id != SectionId::Type);
    }

    fn add_import(&mut self, imports: &mut ImportSection) {
        imports.import(TICK.0, TICK.1, EntityType::Function(self.ty));
        self.missing.retain(|id| *id != SectionId::Import);
    }

    fn add_global(&mut self, globals: &mut GlobalSection) {
        let ty = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(ty, &ConstExpr::i32_const(self.budget.cast_signed()));
        self.missing.retain(|id| *id != SectionId::Global);
    }

    fn add_missing(&mut self, module: &mut Module, id: SectionId) {
        match id {
            SectionId::Type => {
                let mut types = TypeSection::new();
                self.add_type(&mut types);
                module.section(&types);
            }
            SectionId::Import => {
                let mut imports = ImportSection::new();
                self.add_import(&mut imports);
                module.section(&imports);
            }
            _ => {
                let mut globals = GlobalSection::new();
                self.add_global(&mut globals);
                module.section(&globals);
            }
        }
    }

    /// The function that asks the host, and has another budget.
    fn refill(&self) -> Function {
        let mut f = Function::new([]);
        f.instruction(&I::I32Const(self.budget.cast_signed()));
        f.instruction(&I::GlobalSet(self.graph.globals));
        f.instruction(&I::Call(self.graph.imports));
        f.instruction(&I::End);
        f
    }
}

impl Reencode for Bound {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(index + u32::from(index >= self.graph.imports))
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
        self.add_import(imports);
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

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_global_section(self, globals, section)?;
        self.add_global(globals);
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
        code.function(&self.refill());
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
