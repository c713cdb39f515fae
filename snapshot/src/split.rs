//! Keeping code that is rarely needed in a module of its own.
//!
//! Loading a module costs something for each function in it, also for those
//! that are never called; of a large interpreter, a short program calls one in
//! ten. So an image's module can be split in two. The *main* module keeps the
//! functions that are expected to be called; the *cold* one, in a custom section
//! of the main one, has the rest and is only loaded when one of them is called:
//!
//! - The main module calls a cold function through the exported table
//!   [`COLD_TABLE`], after a function that calls the imported `dormouse.load`,
//!   unless that was done. Where it takes a reference to one, or has one in a
//!   table, stands a *stub*, a function that makes such a call.
//! - `dormouse.load` is the host's. It instantiates the cold module, giving it
//!   what it imports of the instance of the main one: from the module
//!   [`MAIN`] exports by their names, from the module [`LINKED`] functions by
//!   their positions in the exported table [`LINKED`]; other imports are those
//!   of the main module.
//! - The cold module exports the memories, tables and globals that the main one
//!   does, for host functions look for them in the instance that calls.
//! - The cold module fills the table of cold functions, and puts them into the
//!   place of their stubs in the main module's tables, if those never change.
//!
//! Functions that use passive segments stay in the main module, for segments
//! can't be shared.

use crate::{
    Error,
    instrument::{count, export},
    source::{Effects, Source},
    types::Types,
    valid::validate,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection,
    ElementSection, Elements, Encode, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction as I, Module, RefType,
    StartSection, TableSection, TableType, ValType,
    reencode::{self, Reencode, RoundtripReencoder, utils},
};
use wasmparser::{ElementItems, ElementKind, ExternalKind, Operator, TypeRef};

/// The custom section that has the cold module.
pub const COLD: &str = "dormouse.cold";

/// The exported table of cold functions.
pub const COLD_TABLE: &str = "dormouse:cold";

/// The exported global that tells whether the cold module is loaded.
pub const LOADED: &str = "dormouse:loaded";

/// The module that the cold module imports exports of the main one from.
pub const MAIN: &str = "dormouse:main";

/// The exported table of functions that the cold module calls, and the module
/// that it imports them from, by number.
pub const LINKED: &str = "dormouse:linked";

/// Splits the image's module `wasm`, keeping the functions for which `stays`,
/// asked by index, says so.
///
/// # Errors
///
/// When `wasm` is not a valid module that imports functions and memories only.
pub fn split(wasm: &[u8], stays: impl Fn(u32) -> bool) -> Result<Vec<u8>, Error> {
    let source = Source::parse_image(wasm)?;
    let effects = source.effects()?;
    let mut split = Split {
        places: Vec::new(),
        slots: Vec::new(),
        ready: 0,
        linked: Vec::new(),
        types: Types::new(&source.types)?,
        effects,
        source: &source,
    };
    split.place(stays)?;
    let cold = split.cold_module()?;
    let main = split.main_module(&cold)?;
    validate(&main)?;
    validate(&cold)?;
    Ok(main)
}

/// Where an original function is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    is_cold: bool,
    /// In the main module; of a cold function, its stub, if that is needed.
    main: Option<u32>,
    /// In the cold module, if that mentions it.
    cold: Option<u32>,
    /// Position in the table of cold functions, if the main module needs it.
    slot: u32,
}

struct Split<'s, 'a> {
    source: &'s Source<'a>,
    effects: Effects,
    types: Types,
    /// By original index.
    places: Vec<Place>,
    /// Cold functions that the main module needs, in order of their slots.
    slots: Vec<u32>,
    /// The main module's function that loads the cold one.
    ready: u32,
    /// Functions of the main module that the cold one calls.
    linked: Vec<u32>,
}

impl Split<'_, '_> {
    fn imports(&self) -> u32 {
        self.source.imported_functions
    }

    fn place(&mut self, stays: impl Fn(u32) -> bool) -> Result<(), Error> {
        let (imports, source) = (self.imports(), self.source);
        self.places = vec![Place::default(); source.functions.len()];
        for index in 0..imports {
            self.places[index as usize].main = Some(index);
            self.places[index as usize].cold = Some(index);
        }
        // Of both modules; the main one's `load` comes after the original imports.
        let mut next_main = imports + 1;
        let mut referred = self.named_by_sections()?;
        let mut called = BTreeSet::new();
        let mut in_cold = BTreeSet::new();
        for function in &source.defined {
            let mentioned = mentions(function)?;
            let place = &mut self.places[function.index as usize];
            place.is_cold = !stays(function.index) && !mentioned.segments;
            if place.is_cold {
                in_cold.extend(mentioned.called);
                in_cold.extend(mentioned.referred);
            } else {
                place.main = Some(next_main);
                next_main += 1;
                called.extend(mentioned.called);
                referred.extend(mentioned.referred);
            }
        }
        for index in called.union(&referred) {
            let place = &mut self.places[*index as usize];
            if place.is_cold {
                place.slot = count(self.slots.len());
                self.slots.push(*index);
                if referred.contains(index) {
                    place.main = Some(next_main);
                    next_main += 1;
                }
            }
        }
        self.ready = next_main;
        let mut next_cold = imports;
        for index in in_cold {
            let place = &mut self.places[index as usize];
            if place.cold.is_none() && !place.is_cold {
                place.cold = Some(next_cold);
                next_cold += 1;
                self.linked.push(index);
            }
        }
        for place in &mut self.places {
            if place.is_cold {
                place.cold = Some(next_cold);
                next_cold += 1;
            }
        }
        Ok(())
    }

    /// Functions that the main module names outside of its code.
    fn named_by_sections(&self) -> Result<BTreeSet<u32>, Error> {
        let source = self.source;
        let mut named = BTreeSet::new();
        named.extend(source.start);
        for export in &source.exports {
            if export.kind == ExternalKind::Func {
                named.insert(export.index);
            }
        }
        for element in &source.elements {
            each_function(element, |index| {
                named.insert(index);
            })?;
        }
        for (_, init) in &source.globals {
            for operator in init.get_operators_reader() {
                if let Operator::RefFunc { function_index } = operator? {
                    named.insert(function_index);
                }
            }
        }
        Ok(named)
    }

    fn main_index(&self, index: u32) -> u32 {
        self.places[index as usize].main.unwrap_or(u32::MAX)
    }

    fn cold_index(&self, index: u32) -> u32 {
        self.places[index as usize].cold.unwrap_or(u32::MAX)
    }

    fn memories(&self) -> u32 {
        let imports = self.source.imports.iter();
        count(
            imports
                .filter(|import| matches!(import.ty, TypeRef::Memory(_)))
                .count(),
        )
    }

    fn cold_table(&self) -> TableType {
        let length = self.slots.len() as u64;
        TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: length,
            maximum: Some(length),
            shared: false,
        }
    }

    fn main_module(&mut self, cold: &[u8]) -> Result<Vec<u8>, Error> {
        let source = self.source;
        let nothing = self.types.function(&[], &[]);
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for function in &source.defined {
            if !self.places[function.index as usize].is_cold {
                functions.function(function.ty);
                code.raw(&self.body(function, true)?);
            }
        }
        for index in &self.slots {
            if self.places[*index as usize].main.is_some() {
                functions.function(source.functions[*index as usize]);
                code.function(&self.stub(*index));
            }
        }
        functions.function(nothing);
        code.function(&self.ready());
        let mut module = Module::new();
        module.section(&self.types.section());
        let mut imports = ImportSection::new();
        self.original_imports(&mut imports)?;
        imports.import("dormouse", "load", EntityType::Function(nothing));
        for import in &source.imports {
            if let TypeRef::Memory(ty) = import.ty {
                imports.import(import.module, import.name, EntityType::Memory(ty.into()));
            }
        }
        module.section(&imports);
        module.section(&functions);
        module.section(&self.main_tables()?);
        module.section(&self.main_globals()?);
        module.section(&self.main_exports());
        if let Some(start) = source.start {
            let function_index = self.main_index(start);
            module.section(&StartSection { function_index });
        }
        module.section(&self.main_elements()?);
        if source.has_data_count {
            let count = count(source.data.len());
            module.section(&DataCountSection { count });
        }
        module.section(&code);
        let mut data = DataSection::new();
        for segment in &source.data {
            utils::parse_data(&mut RoundtripReencoder, &mut data, segment.clone())?;
        }
        module.section(&data);
        module.section(&CustomSection {
            name: COLD.into(),
            data: Cow::Borrowed(cold),
        });
        Ok(module.finish())
    }

    fn original_imports(&self, imports: &mut ImportSection) -> Result<(), Error> {
        for import in &self.source.imports {
            if let TypeRef::Func(ty) = import.ty {
                imports.import(import.module, import.name, EntityType::Function(ty));
            }
        }
        Ok(())
    }

    fn main_tables(&self) -> Result<TableSection, Error> {
        let mut tables = TableSection::new();
        for (ty, _) in &self.source.tables {
            tables.table(RoundtripReencoder.table_type(*ty)?);
        }
        tables.table(self.cold_table());
        let linked = self.linked.len() as u64;
        tables.table(TableType {
            minimum: linked,
            maximum: Some(linked),
            ..self.cold_table()
        });
        Ok(tables)
    }

    fn main_globals(&self) -> Result<GlobalSection, Error> {
        let mut globals = GlobalSection::new();
        let mut renumber = Renumber(|index| self.main_index(index));
        for (ty, init) in &self.source.globals {
            let ty = renumber.global_type(*ty)?;
            globals.global(ty, &renumber.const_expr(init.clone())?);
        }
        let flag = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(flag, &ConstExpr::i32_const(0));
        Ok(globals)
    }

    fn main_exports(&self) -> ExportSection {
        let source = self.source;
        let mut exports = ExportSection::new();
        let mut globals = BTreeSet::new();
        for export in &source.exports {
            let index = match export.kind {
                ExternalKind::Func => self.main_index(export.index),
                _ => export.index,
            };
            if export.name == export::global(export.index) {
                globals.insert(export.index);
            }
            exports.export(export.name, export.kind.into(), index);
        }
        for index in 0..count(source.globals.len()) {
            if !globals.contains(&index) {
                exports.export(&export::global(index), ExportKind::Global, index);
            }
        }
        for index in 0..self.memories() {
            exports.export(&export::memory(index), ExportKind::Memory, index);
        }
        let tables = count(source.tables.len());
        for index in 0..tables {
            exports.export(&export::table(index), ExportKind::Table, index);
        }
        exports.export(COLD_TABLE, ExportKind::Table, tables);
        exports.export(LINKED, ExportKind::Table, tables + 1);
        exports.export(LOADED, ExportKind::Global, count(source.globals.len()));
        exports
    }

    fn main_elements(&self) -> Result<ElementSection, Error> {
        let mut elements = ElementSection::new();
        let mut renumber = Renumber(|index| self.main_index(index));
        for element in &self.source.elements {
            utils::parse_element(&mut renumber, &mut elements, element.clone())?;
        }
        let linked: Vec<u32> = self.linked.iter().map(|i| self.main_index(*i)).collect();
        elements.active(
            Some(count(self.source.tables.len()) + 1),
            &ConstExpr::i32_const(0),
            Elements::Functions(linked.into()),
        );
        // Where code takes references to them.
        let referred: BTreeSet<u32> = self.referred(false)?;
        if !referred.is_empty() {
            let referred = referred.into_iter().map(|index| self.main_index(index));
            elements.declared(Elements::Functions(referred.collect()));
        }
        Ok(elements)
    }

    /// Functions that cold code, or the other, takes references to.
    fn referred(&self, is_cold: bool) -> Result<BTreeSet<u32>, Error> {
        let mut referred = BTreeSet::new();
        for function in &self.source.defined {
            if self.places[function.index as usize].is_cold != is_cold {
                continue;
            }
            for operator in function.body.get_operators_reader()? {
                if let Operator::RefFunc { function_index } = operator? {
                    referred.insert(function_index);
                }
            }
        }
        Ok(referred)
    }

    fn cold_module(&mut self) -> Result<Vec<u8>, Error> {
        let source = self.source;
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for function in &source.defined {
            if self.places[function.index as usize].is_cold {
                functions.function(function.ty);
                code.raw(&self.body(function, false)?);
            }
        }
        // The main module's stubs have it, so both have the same.
        self.types.function(&[], &[]);
        let mut module = Module::new();
        module.section(&self.types.section());
        module.section(&self.cold_imports()?);
        module.section(&functions);
        module.section(&self.cold_exports());
        module.section(&self.cold_elements()?);
        module.section(&code);
        Ok(module.finish())
    }

    /// What a host function may look for in the instance that calls it, the
    /// memory above all.
    fn cold_exports(&self) -> ExportSection {
        let mut exports = ExportSection::new();
        for export in &self.source.exports {
            if export.kind != ExternalKind::Func {
                exports.export(export.name, export.kind.into(), export.index);
            }
        }
        exports
    }

    fn cold_imports(&self) -> Result<ImportSection, Error> {
        let source = self.source;
        let mut imports = ImportSection::new();
        self.original_imports(&mut imports)?;
        for (number, index) in self.linked.iter().enumerate() {
            let ty = EntityType::Function(source.functions[*index as usize]);
            imports.import(LINKED, &number.to_string(), ty);
        }
        let mut memory = 0;
        for import in &source.imports {
            if let TypeRef::Memory(ty) = import.ty {
                let ty = EntityType::Memory(ty.into());
                imports.import(MAIN, &export::memory(memory), ty);
                memory += 1;
            }
        }
        for (index, (ty, _)) in (0..).zip(&source.tables) {
            let ty = RoundtripReencoder.table_type(*ty)?;
            imports.import(MAIN, &export::table(index), EntityType::Table(ty));
        }
        imports.import(MAIN, COLD_TABLE, EntityType::Table(self.cold_table()));
        for (index, (ty, _)) in (0..).zip(&source.globals) {
            let ty = RoundtripReencoder.global_type(*ty)?;
            imports.import(MAIN, &export::global(index), EntityType::Global(ty));
        }
        Ok(imports)
    }

    fn cold_elements(&self) -> Result<ElementSection, Error> {
        let mut elements = ElementSection::new();
        let slots: Vec<u32> = self.slots.iter().map(|i| self.cold_index(*i)).collect();
        elements.active(
            Some(count(self.source.tables.len())),
            &ConstExpr::i32_const(0),
            Elements::Functions(slots.into()),
        );
        if !self.effects.changes_tables {
            self.replace_stubs(&mut elements)?;
        }
        let referred = self.referred(true)?;
        if !referred.is_empty() {
            let referred = referred.into_iter().map(|index| self.cold_index(index));
            elements.declared(Elements::Functions(referred.collect()));
        }
        Ok(elements)
    }

    /// Puts cold functions where the main module's tables have stubs of them.
    /// Where segments overlap, the last one counts.
    fn replace_stubs(&self, elements: &mut ElementSection) -> Result<(), Error> {
        let Some(slots) = self.table_slots()? else {
            return Ok(());
        };
        let cold: Vec<((u32, u32), u32)> = slots
            .into_iter()
            .filter(|(_, index)| self.places[*index as usize].is_cold)
            .collect();
        let follows = |a: &((u32, u32), u32), b: &((u32, u32), u32)| {
            a.0.0 == b.0.0 && a.0.1.checked_add(1) == Some(b.0.1)
        };
        for run in cold.chunk_by(follows) {
            let ((table, start), _) = run[0];
            let functions: Vec<u32> = run
                .iter()
                .map(|(_, index)| self.cold_index(*index))
                .collect();
            elements.active(
                Some(table),
                &ConstExpr::i32_const(start.cast_signed()),
                Elements::Functions(functions.into()),
            );
        }
        Ok(())
    }

    /// The functions in the tables by table and slot, if that can be told from
    /// the segments alone; else their stubs stay where they are.
    fn table_slots(&self) -> Result<Option<BTreeMap<(u32, u32), u32>>, Error> {
        let mut slots = BTreeMap::new();
        for element in &self.source.elements {
            let ElementKind::Active {
                table_index,
                offset_expr,
            } = &element.kind
            else {
                continue;
            };
            let mut offset = offset_expr.get_operators_reader();
            let (Operator::I32Const { value }, Operator::End) = (offset.read()?, offset.read()?)
            else {
                return Ok(None);
            };
            let ElementItems::Functions(items) = element.items.clone() else {
                return Ok(None);
            };
            let table = table_index.unwrap_or_default();
            for (slot, index) in (value.cast_unsigned()..).zip(items) {
                slots.insert((table, slot), index?);
            }
        }
        Ok(Some(slots))
    }

    /// The function's body as it is in the main module, or in the cold one.
    fn body(&self, function: &crate::source::Defined<'_>, is_main: bool) -> Result<Vec<u8>, Error> {
        let bytes = function.body.as_bytes();
        let base = position(function.body.range().start);
        let mut out = Vec::with_capacity(bytes.len());
        let mut copied = 0;
        let mut operators = function.body.get_operators_reader()?;
        let place = |index| match is_main {
            true => self.places[index as usize].main,
            false => self.places[index as usize].cold,
        };
        while !operators.eof() {
            let start = position(operators.original_position()) - base;
            let (function, is_return) = match operators.read()? {
                Operator::Call { function_index } => (function_index, false),
                Operator::ReturnCall { function_index } => (function_index, true),
                Operator::RefFunc { function_index } => {
                    out.extend_from_slice(&bytes[copied..start]);
                    let index = place(function_index).unwrap_or(u32::MAX);
                    I::RefFunc(index).encode(&mut out);
                    copied = position(operators.original_position()) - base;
                    continue;
                }
                _ => continue,
            };
            out.extend_from_slice(&bytes[copied..start]);
            match (place(function), is_return) {
                (Some(index), false) => I::Call(index).encode(&mut out),
                (Some(index), true) => I::ReturnCall(index).encode(&mut out),
                (None, _) => {
                    for instruction in self.call(function, is_return) {
                        instruction.encode(&mut out);
                    }
                }
            }
            copied = position(operators.original_position()) - base;
        }
        out.extend_from_slice(&bytes[copied..]);
        Ok(out)
    }

    /// The main module's call of a cold function.
    fn call(&self, index: u32, is_return: bool) -> [I<'static>; 3] {
        let type_index = self.source.functions[index as usize];
        let table_index = count(self.source.tables.len());
        let call = match is_return {
            false => I::CallIndirect {
                type_index,
                table_index,
            },
            true => I::ReturnCallIndirect {
                type_index,
                table_index,
            },
        };
        let slot = self.places[index as usize].slot.cast_signed();
        [I::Call(self.ready), I::I32Const(slot), call]
    }

    /// What stands for a cold function where the main module refers to it.
    fn stub(&self, index: u32) -> Function {
        let mut f = Function::new([]);
        for param in 0..count(self.source.function_type(index).params().len()) {
            f.instruction(&I::LocalGet(param));
        }
        for instruction in self.call(index, true) {
            f.instruction(&instruction);
        }
        f.instruction(&I::End);
        f
    }

    /// Loads the cold module, unless that was done.
    fn ready(&self) -> Function {
        let loaded = count(self.source.globals.len());
        let mut f = Function::new([]);
        for instruction in [
            I::GlobalGet(loaded),
            I::I32Eqz,
            I::If(BlockType::Empty),
            I::Call(self.imports()),
            I::I32Const(1),
            I::GlobalSet(loaded),
            I::End,
            I::End,
        ] {
            f.instruction(&instruction);
        }
        f
    }
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// What a body names.
struct Mentions {
    called: Vec<u32>,
    referred: Vec<u32>,
    /// Whether it uses passive segments.
    segments: bool,
}

fn mentions(function: &crate::source::Defined<'_>) -> Result<Mentions, Error> {
    let mut mentions = Mentions {
        called: Vec::new(),
        referred: Vec::new(),
        segments: false,
    };
    for operator in function.body.get_operators_reader()? {
        match operator? {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                mentions.called.push(function_index);
            }
            Operator::RefFunc { function_index } => mentions.referred.push(function_index),
            Operator::MemoryInit { .. }
            | Operator::DataDrop { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. } => mentions.segments = true,
            _ => {}
        }
    }
    Ok(mentions)
}

fn each_function(
    element: &wasmparser::Element<'_>,
    mut each: impl FnMut(u32),
) -> Result<(), Error> {
    match element.items.clone() {
        ElementItems::Functions(items) => {
            for index in items {
                each(index?);
            }
        }
        ElementItems::Expressions(_, items) => {
            for expr in items {
                for operator in expr?.get_operators_reader() {
                    if let Operator::RefFunc { function_index } = operator? {
                        each(function_index);
                    }
                }
            }
        }
    }
    Ok(())
}

struct Renumber<F>(F);

impl<F: Fn(u32) -> u32> Reencode for Renumber<F> {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error<Self::Error>> {
        Ok((self.0)(index))
    }
}
