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

mod cold;
mod main;

use crate::{
    Error,
    instrument::count,
    source::{Effects, Source},
    types::Types,
    valid::validate,
};
use std::collections::BTreeSet;
use wasm_encoder::{
    BlockType, Encode, EntityType, Function, ImportSection, Instruction as I, RefType, TableType,
    reencode::{self, Reencode},
};
use wasmparser::{ElementItems, ExternalKind, Operator, TypeRef};

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
    // What follows relies on it: every call has a callee.
    validate(wasm)?;
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

    fn original_imports(&self, imports: &mut ImportSection) -> Result<(), Error> {
        for import in &self.source.imports {
            if let TypeRef::Func(ty) = import.ty {
                imports.import(import.module, import.name, EntityType::Function(ty));
            }
        }
        Ok(())
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
