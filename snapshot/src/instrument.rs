//! Making a module able to stop at its snapshot point and unwind.
//!
//! The rewritten module M′ behaves as the original M until the point is
//! reached: then the call of the imported function is not made; it returns
//! zeros instead, and so does every function on the stack, each having logged
//! the values of its operands and locals. When the call that the host made
//! returns, the global `unwinding` tells that the log is complete.
//!
//! A body becomes
//!
//! ```text
//! block $spill
//!   block $body (result R)
//!     …                           the original instructions
//!     call $f
//!     global.get $unwinding       after each call that may unwind:
//!     if (param T) (result T)     T: the block's operands and the results
//!       …                         log which call this is, drop the results,
//!       br $spill                 log the operands
//!     end
//!     …
//!   end
//!   return
//! end
//! …                               log all locals; return zeros
//! ```
//!
//! `$body` takes the place of the function's own label, so no branch changes.
//! Operands that an enclosing block hides from a call are copied to extra
//! locals where that block is entered.

mod body;
mod wrapper;

use crate::{
    Error, Point,
    analysis::{Detail, analyse},
    helpers::{self, Helpers},
    source::{Effects, OURS, Source},
    types::Types,
    valid::each,
};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, ValType,
    reencode::{Reencode, utils},
};
use wrapper::Wrappers;

/// Pages that the log begins with.
const LOG_PAGES: u64 = 16;

/// Pages that the log may grow to: 1 GiB.
const MAX_LOG_PAGES: u64 = 16 << 10;

/// Memories, and tables, of one module that validators allow.
const MAX_MEMORIES: usize = 100;
const MAX_TABLES: usize = 100;

/// A module that can be captured, and what is needed to understand what it
/// leaves behind.
pub struct Instrumented<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) point: Point,
    pub(crate) effects: Effects,
    pub(crate) helpers: Helpers,
    /// The point's function, if it is one.
    pub(crate) import: Option<u32>,
    pub(crate) wrappers: Wrappers,
    wasm: Vec<u8>,
}

/// Names of what M′ exports beyond M.
pub(crate) mod export {
    pub(crate) const LOG: &str = "dormouse:log";
    pub(crate) const LENGTH: &str = "dormouse:length";
    pub(crate) const UNWINDING: &str = "dormouse:unwinding";
    pub(crate) const REENTERED: &str = "dormouse:reentered";
    pub(crate) const START: &str = "dormouse:start";
    pub(crate) const REFERENCES: &str = "dormouse:references";
    pub(crate) const FUNCTIONS: &str = "dormouse:functions";

    pub(crate) fn global(index: u32) -> String {
        format!("dormouse:global:{index}")
    }

    pub(crate) fn memory(index: u32) -> String {
        format!("dormouse:memory:{index}")
    }

    pub(crate) fn table(index: u32) -> String {
        format!("dormouse:table:{index}")
    }

    pub(crate) fn dropped_data(index: u32) -> String {
        format!("dormouse:data:{index}")
    }

    pub(crate) fn dropped_element(index: u32) -> String {
        format!("dormouse:element:{index}")
    }
}

impl<'a> Instrumented<'a> {
    /// Rewrites `wasm` so that it can be captured at `point`.
    ///
    /// # Errors
    ///
    /// When `wasm` is not a valid core module, has no such point, or uses what
    /// can't be captured; the message names it.
    pub fn new(wasm: &'a [u8], point: &Point) -> Result<Self, Error> {
        let source = Source::parse(wasm)?;
        let effects = source.effects()?;
        let import = find(&source, point)?;
        refuse_many(&source)?;
        let helpers = Helpers {
            log: count(source.memories.len()),
            references: count(source.tables.len()),
            unwinding: count(source.globals.len()),
            length: count(source.globals.len()) + 1,
            calls: count(source.globals.len()) + 2,
            reentered: count(source.globals.len()) + 3,
            first: count(source.functions.len()),
        };
        let wrappers = Wrappers::new(
            import,
            source.imported_functions,
            helpers.first + helpers::FUNCTIONS,
        );
        let mut instrumented = Self {
            source,
            point: point.clone(),
            effects,
            helpers,
            import,
            wrappers,
            wasm: Vec::new(),
        };
        instrumented.wasm = Assembly::new(&instrumented)?.module()?;
        Ok(instrumented)
    }

    /// The rewritten module. Its start function, if it had one, is an export
    /// instead: see [`start`](Self::start).
    pub fn wasm(&self) -> &[u8] {
        &self.wasm
    }

    /// The export that must be called right after instantiation.
    pub fn start(&self) -> Option<&'static str> {
        self.source.start.map(|_| export::START)
    }
}

/// The imported function that `point` names.
fn find(source: &Source<'_>, point: &Point) -> Result<Option<u32>, Error> {
    let (module, name, args) = match point {
        Point::Import {
            module, name, args, ..
        } => (module, name, args),
        Point::Idle => return Ok(None),
        Point::Init { export } => return check_init(source, export).map(|()| None),
    };
    let Some(index) = source.imported_function(module, name) else {
        let names: Vec<String> = source
            .imports
            .iter()
            .map(|import| format!("{}.{}", import.module, import.name))
            .collect();
        let known = if names.is_empty() {
            "no functions".to_owned()
        } else {
            names.join(", ")
        };
        return Err(Error::refused(format!(
            "the module doesn't import {module}.{name}; it imports {known}"
        )));
    };
    let params = source.function_type(index).params();
    for (arg, value) in args {
        match params.get(*arg as usize) {
            Some(wasmparser::ValType::I64) => {}
            Some(wasmparser::ValType::I32) if in_32_bits(*value) => {}
            Some(wasmparser::ValType::I32) => {
                return Err(Error::refused(format!(
                    "argument {arg} of {module}.{name} is of type i32 and never equals {value}"
                )));
            }
            Some(ty) => {
                return Err(Error::refused(format!(
                    "argument {arg} of {module}.{name} is of type {ty}; only integers can be \
                     compared"
                )));
            }
            None => {
                return Err(Error::refused(format!(
                    "{module}.{name} has {} arguments; there is no argument {arg} (they count \
                     from 0)",
                    params.len()
                )));
            }
        }
    }
    Ok(Some(index))
}

/// There must be room for the log, and for the tables of references.
fn refuse_many(source: &Source<'_>) -> Result<(), Error> {
    let (memories, tables) = (source.memories.len(), source.tables.len());
    if memories < MAX_MEMORIES && tables + 1 < MAX_TABLES {
        return Ok(());
    }
    Err(Error::refused(format!(
        "the module has {memories} memories and {tables} tables; to be captured, it may have no \
         more than {} and {}",
        MAX_MEMORIES - 1,
        MAX_TABLES - 2
    )))
}

/// Whether an `i32`, signed or not, can have this value.
fn in_32_bits(value: u64) -> bool {
    u32::try_from(value).is_ok() || i32::try_from(value.cast_signed()).is_ok()
}

fn check_init(source: &Source<'_>, name: &str) -> Result<(), Error> {
    let Some(index) = source.exported_function(name) else {
        return Err(Error::refused(format!(
            "the module exports no function {name:?}"
        )));
    };
    let ty = source.function_type(index);
    if ty.params().is_empty() && ty.results().is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "the exported function {name:?} takes or gives values; an initialization function does \
         neither"
    )))
}

pub(crate) fn count(len: usize) -> u32 {
    // No module that validates has as many of anything.
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The sections of M′.
struct Assembly<'i, 'a> {
    of: &'i Instrumented<'a>,
    types: Types,
    bodies: Vec<Vec<u8>>,
    appended: Vec<(u32, Function)>,
}

impl<'i, 'a> Assembly<'i, 'a> {
    fn new(of: &'i Instrumented<'a>) -> Result<Self, Error> {
        let mut types = Types::new(&of.source.types)?;
        let mut bodies = Vec::with_capacity(of.source.defined.len());
        let defined = || of.source.defined.iter();
        if of.import.is_none()
            && of.effects.drops_data.is_empty()
            && of.effects.drops_elements.is_empty()
        {
            each(defined().collect(), |function| of.source.validate(function))?;
            bodies.extend(defined().map(|function| function.body.as_bytes().to_vec()));
        } else {
            let analyses = each(defined().collect(), |function| {
                analyse(&of.source, function, Detail::Sites)
            })?;
            for (function, analysis) in defined().zip(analyses) {
                bodies.push(body::rewrite(of, function, &analysis, &mut types)?);
            }
        }
        let mut appended = of.helpers.functions(&mut types);
        appended.extend(wrapper::functions(of, &mut types)?);
        Ok(Self {
            of,
            types,
            bodies,
            appended,
        })
    }

    fn module(&self) -> Result<Vec<u8>, Error> {
        let source = &self.of.source;
        let mut module = Module::new();
        module.section(&self.types.section());
        let mut imports = ImportSection::new();
        for import in &source.imports {
            let ty = EntityType::try_from(import.ty).map_err(|_| malformed())?;
            imports.import(import.module, import.name, ty);
        }
        module.section(&imports);
        let mut functions = FunctionSection::new();
        let defined = &source.functions[source.imported_functions as usize..];
        let appended = self.appended.iter().map(|(ty, _)| ty);
        for ty in defined.iter().chain(appended) {
            functions.function(*ty);
        }
        module.section(&functions);
        module.section(&self.tables()?);
        module.section(&self.memories());
        module.section(&self.globals()?);
        module.section(&self.exports());
        module.section(&self.elements()?);
        if source.has_data_count {
            let count = count(source.data.len());
            module.section(&DataCountSection { count });
        }
        let mut code = CodeSection::new();
        for body in &self.bodies {
            code.raw(body);
        }
        for (_, function) in &self.appended {
            code.function(function);
        }
        module.section(&code);
        module.section(&self.data()?);
        Ok(module.finish())
    }

    fn tables(&self) -> Result<TableSection, Error> {
        let mut tables = TableSection::new();
        let mut redirect = Redirect(self.of);
        for (ty, init) in &self.of.source.tables {
            let ty = redirect.table_type(*ty)?;
            match init {
                wasmparser::TableInit::RefNull => tables.table(ty),
                wasmparser::TableInit::Expr(expr) => {
                    tables.table_with_init(ty, &redirect.const_expr(expr.clone())?)
                }
            };
        }
        let functions = u64::from(count(self.of.source.functions.len()));
        for minimum in [0, functions] {
            tables.table(TableType {
                element_type: RefType::FUNCREF,
                table64: false,
                minimum,
                maximum: None,
                shared: false,
            });
        }
        Ok(tables)
    }

    fn memories(&self) -> MemorySection {
        let mut memories = MemorySection::new();
        for memory in &self.of.source.memories {
            memories.memory((*memory).into());
        }
        memories.memory(MemoryType {
            minimum: LOG_PAGES,
            maximum: Some(MAX_LOG_PAGES),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        memories
    }

    fn globals(&self) -> Result<GlobalSection, Error> {
        let mut globals = GlobalSection::new();
        let mut redirect = Redirect(self.of);
        for (ty, init) in &self.of.source.globals {
            let ty = redirect.global_type(*ty)?;
            globals.global(ty, &redirect.const_expr(init.clone())?);
        }
        for _ in 0..helpers::GLOBALS + self.of.flags() {
            let ty = GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            };
            globals.global(ty, &ConstExpr::i32_const(0));
        }
        Ok(globals)
    }

    fn exports(&self) -> ExportSection {
        let (of, source) = (self.of, &self.of.source);
        let mut exports = ExportSection::new();
        for export in &source.exports {
            if export.name.starts_with(OURS) {
                continue;
            }
            let index = match export.kind {
                wasmparser::ExternalKind::Func => of.wrappers.redirect(export.index),
                _ => export.index,
            };
            exports.export(export.name, export.kind.into(), index);
        }
        if let Some(start) = source.start {
            let start = of.wrappers.redirect(start);
            exports.export(export::START, ExportKind::Func, start);
        }
        let helpers = &of.helpers;
        exports.export(export::LOG, ExportKind::Memory, helpers.log);
        exports.export(export::LENGTH, ExportKind::Global, helpers.length);
        exports.export(export::UNWINDING, ExportKind::Global, helpers.unwinding);
        exports.export(export::REENTERED, ExportKind::Global, helpers.reentered);
        exports.export(export::REFERENCES, ExportKind::Table, helpers.references);
        exports.export(export::FUNCTIONS, ExportKind::Table, helpers.references + 1);
        for (index, (ty, _)) in (0..).zip(&source.globals) {
            if ty.mutable {
                exports.export(&export::global(index), ExportKind::Global, index);
            }
        }
        for index in 0..count(source.memories.len()) {
            exports.export(&export::memory(index), ExportKind::Memory, index);
        }
        for index in 0..count(source.tables.len()) {
            exports.export(&export::table(index), ExportKind::Table, index);
        }
        for (name, global) in of.dropped_flags() {
            exports.export(&name, ExportKind::Global, global);
        }
        exports
    }

    /// The module's own, and one that fills the table of all functions.
    fn elements(&self) -> Result<ElementSection, Error> {
        let mut elements = ElementSection::new();
        let mut redirect = Redirect(self.of);
        for element in &self.of.source.elements {
            utils::parse_element(&mut redirect, &mut elements, element.clone())?;
        }
        let all: Vec<u32> = (0..count(self.of.source.functions.len()))
            .map(|index| self.of.wrappers.redirect(index))
            .collect();
        elements.active(
            Some(self.of.helpers.references + 1),
            &ConstExpr::i32_const(0),
            Elements::Functions(all.into()),
        );
        Ok(elements)
    }

    fn data(&self) -> Result<wasm_encoder::DataSection, Error> {
        let mut section = wasm_encoder::DataSection::new();
        let mut redirect = Redirect(self.of);
        for data in &self.of.source.data {
            utils::parse_data(&mut redirect, &mut section, data.clone())?;
        }
        Ok(section)
    }
}

impl Instrumented<'_> {
    /// Exported globals that tell which segments were dropped.
    fn dropped_flags(&self) -> Vec<(String, u32)> {
        let data = self.effects.drops_data.iter();
        let elements = self.effects.drops_elements.iter();
        data.map(|index| (export::dropped_data(*index), self.dropped_data(*index)))
            .chain(elements.map(|index| {
                let name = export::dropped_element(*index);
                (name, self.dropped_element(*index))
            }))
            .collect()
    }

    /// How many such globals there are: one for every segment, if any may be
    /// dropped.
    fn flags(&self) -> u32 {
        if self.effects.drops_data.is_empty() && self.effects.drops_elements.is_empty() {
            return 0;
        }
        count(self.source.data.len() + self.source.elements.len())
    }

    /// The global to set when the data segment is dropped.
    pub(crate) fn dropped_data(&self, index: u32) -> u32 {
        self.helpers.unwinding + helpers::GLOBALS + index
    }

    /// The global to set when the element segment is dropped.
    pub(crate) fn dropped_element(&self, index: u32) -> u32 {
        self.dropped_data(count(self.source.data.len())) + index
    }
}

fn malformed() -> Error {
    Error::refused("an import is of a kind that can't be captured")
}

/// Puts the wrappers in the place of the imported functions.
pub(crate) struct Redirect<'i, 'a>(&'i Instrumented<'a>);

impl Reencode for Redirect<'_, '_> {
    type Error = std::convert::Infallible;

    fn function_index(
        &mut self,
        index: u32,
    ) -> Result<u32, wasm_encoder::reencode::Error<Self::Error>> {
        Ok(self.0.wrappers.redirect(index))
    }
}
