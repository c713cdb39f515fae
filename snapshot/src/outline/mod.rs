//! Moving code that does not run out of the functions that do.
//!
//! An engine that translates a function when it is first called translates all
//! of it, also what this program never comes to. An interpreter's largest
//! functions are mostly that: of what a one-line program calls, a fifth runs.
//! So a module is first watched while it does what most programs do
//! ([`cover`](fn@crate::cover)); then whatever did not run in a function that
//! did moves to a function of its own, and a call takes its place.
//!
//! # What moves
//!
//! Wasm is structured: what follows a point that is never reached, up to the
//! end of the innermost block around it, is never reached either. A *region* is
//! such a rest of a block, beginning where the block has no operands on the
//! stack, so that only locals go in and out:
//!
//! ```text
//! block $a                       block $a
//!   br_if $a (hot)                 br_if $a (hot)
//!   local.set $x (…)               call $region (local.get $y)
//!   if (cold) br $b end   becomes  local.set $exit
//!   br $c                          local.set $x
//! end                              br_if $c (local.get $exit)
//!                                  br $b
//!                                end
//! ```
//!
//! A region's function takes the locals that are live where it begins and that
//! it mentions. It returns those that it sets and that are live where it leads
//! to, and, if it leads to several places, which one. What a region calls, and
//! loops that lie in it, run as fast as before.
//!
//! Code has more than two [heats](Heat): from what the very first line runs,
//! that moves which only other short programs run, and from that in turn what
//! none of them does. So regions nest, and a region's function is written as
//! the function that it comes from is.
//!
//! What can't be reached at all goes.
//!
//! Functions, types and their indices are only appended to.

mod body;
mod emit;
mod live;
mod region;

use crate::{Error, source::val_types, valid::validate};
use body::Body;
use std::collections::HashMap;
use wasm_encoder::{CodeSection, Encode, Function, Module, RawSection, SectionId, ValType};
use wasmparser::{
    CompositeInnerType, FuncToValidate, FunctionBody, Parser, Payload, RecGroup, ValidPayload,
    Validator, ValidatorResources, WasmFeatures,
};

/// How much a stretch of code is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heat {
    /// Not: a function that has nothing hotter can be left in another module.
    Cold,
    /// Not so often that a call before it would matter.
    Near,
    /// Often, or at once.
    Hot,
}

impl From<bool> for Heat {
    fn from(is_hot: bool) -> Self {
        if is_hot { Self::Hot } else { Self::Cold }
    }
}

/// When moving code pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worth {
    /// Bytes that must be won, for a call also costs time to translate.
    pub bytes: usize,
}

impl Default for Worth {
    fn default() -> Self {
        Self { bytes: 10 }
    }
}

/// A module whose functions were cut down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlined {
    /// It.
    pub module: Vec<u8>,
    /// Indices of those new functions that are not [cold](Heat::Cold).
    pub near: Vec<u32>,
}

/// Moves what is colder than others out of the functions of `wasm` that are not
/// cold. There is one of `heat` for each stretch, by the counts in the memory
/// [`COVERAGE`](crate::COVERAGE) after a run of `cover(wasm)`. In functions whose
/// stretches are beyond its end nothing is moved.
///
/// # Errors
///
/// When `wasm` is not a valid core module of Wasm 2 with several memories,
/// 64-bit memories, tail calls, extended constants and relaxed SIMD.
pub fn outline(wasm: &[u8], heat: &[Heat], worth: Worth) -> Result<Outlined, Error> {
    // What follows relies on it: blocks end in order.
    validate(wasm)?;
    let mut validator = Validator::new_with_features(KNOWN);
    let mut outliner = Outliner {
        heat,
        next_stretch: 0,
        changed: Vec::new(),
        moved: Moved {
            worth,
            first: 0,
            next_type: 0,
            signatures: HashMap::new(),
            added: Vec::new(),
            types: Vec::new(),
            functions: Vec::new(),
            near: Vec::new(),
        },
    };
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match &payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    outliner.types(&group?)?;
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let is_function = matches!(import?.ty, wasmparser::TypeRef::Func(_));
                    outliner.moved.first += u32::from(is_function);
                }
            }
            Payload::FunctionSection(section) => outliner.moved.first += section.count(),
            _ => {}
        }
        if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
            let changed = outliner.function(function, &body)?;
            outliner.changed.push(changed);
        }
    }
    outliner.assemble(wasm)
}

/// Proposals whose operators are all known here: no others jump.
const KNOWN: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::RELAXED_SIMD);

/// A region's function type.
type Signature = (Vec<ValType>, Vec<ValType>);

struct Outliner<'a> {
    heat: &'a [Heat],
    next_stretch: usize,
    /// For each function its new body, if it has one.
    changed: Vec<Option<Function>>,
    moved: Moved,
}

/// The new functions.
struct Moved {
    worth: Worth,
    /// The index of the first.
    first: u32,
    /// How many types the module has.
    next_type: u32,
    /// All function types, by what they are.
    signatures: HashMap<Signature, u32>,
    /// Those that are new.
    added: Vec<Signature>,
    /// The functions' types.
    types: Vec<u32>,
    functions: Vec<Option<Function>>,
    near: Vec<u32>,
}

impl Moved {
    /// The index of the next.
    fn next(&self) -> u32 {
        self.first + self.functions.len() as u32
    }

    /// A new function's index.
    fn reserve(&mut self, signature: Signature) -> u32 {
        let next = self.next_type + self.added.len() as u32;
        let ty = *self.signatures.entry(signature).or_insert_with_key(|new| {
            self.added.push(new.clone());
            next
        });
        let index = self.next();
        self.types.push(ty);
        self.functions.push(None);
        index
    }

    fn add(&mut self, index: u32, function: Function, heat: Heat) {
        self.functions[(index - self.first) as usize] = Some(function);
        if heat > Heat::Cold {
            self.near.push(index);
        }
    }
}

impl Outliner<'_> {
    fn types(&mut self, group: &RecGroup) -> Result<(), Error> {
        for ty in group.types() {
            if let CompositeInnerType::Func(ty) = &ty.composite_type.inner {
                let signature = (val_types(ty.params())?, val_types(ty.results())?);
                let index = self.moved.next_type;
                self.moved.signatures.entry(signature).or_insert(index);
            }
            self.moved.next_type += 1;
        }
        Ok(())
    }

    fn function(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
    ) -> Result<Option<Function>, Error> {
        let first = self.next_stretch;
        for operator in body.get_operators_reader()? {
            self.next_stretch += usize::from(crate::cover::begins_stretch(&operator?));
        }
        self.next_stretch += 1;
        let heat = self.heat.get(first..self.next_stretch);
        let Some(heat) = heat.filter(|heat| heat[0] > Heat::Cold) else {
            return Ok(None);
        };
        let level = heat[0];
        if heat.iter().all(|heat| *heat >= level) {
            return Ok(None);
        }
        let Some(body) = Body::read(function, body, heat)? else {
            return Ok(None);
        };
        let Some(live) = live::Live::of(&body) else {
            return Ok(None);
        };
        Ok(emit::Writer::new(&body, &live, &mut self.moved).without(level))
    }

    /// The module with the sections that change.
    fn assemble(self, wasm: &[u8]) -> Result<Outlined, Error> {
        let mut module = Module::new();
        let mut changed = self.changed.into_iter();
        let mut code = CodeSection::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            match &payload {
                Payload::TypeSection(section) => {
                    let mut added = Vec::new();
                    for (params, results) in &self.moved.added {
                        added.push(0x60);
                        params.encode(&mut added);
                        results.encode(&mut added);
                    }
                    let range = section.range();
                    let old = &wasm[range.start as usize..range.end as usize];
                    append(
                        &mut module,
                        SectionId::Type,
                        old,
                        self.moved.added.len(),
                        &added,
                    )?;
                }
                Payload::FunctionSection(section) => {
                    let mut added = Vec::new();
                    for ty in &self.moved.types {
                        ty.encode(&mut added);
                    }
                    let range = section.range();
                    let old = &wasm[range.start as usize..range.end as usize];
                    append(
                        &mut module,
                        SectionId::Function,
                        old,
                        self.moved.types.len(),
                        &added,
                    )?;
                }
                Payload::CodeSectionStart { count, .. } => {
                    if *count == 0 {
                        module.section(&code);
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    match changed.next().flatten() {
                        Some(function) => code.function(&function),
                        None => code.raw(body.as_bytes()),
                    };
                    if changed.len() == 0 {
                        for function in self.moved.functions.iter().flatten() {
                            code.function(function);
                        }
                        module.section(&code);
                    }
                }
                other => {
                    if let Some((id, range)) = other.as_section() {
                        let data = &wasm[range.start as usize..range.end as usize];
                        module.section(&RawSection { id, data });
                    }
                }
            }
        }
        Ok(Outlined {
            module: module.finish(),
            near: self.moved.near,
        })
    }
}

/// A section with `added` entries more.
fn append(
    module: &mut Module,
    id: SectionId,
    old: &[u8],
    count: usize,
    added: &[u8],
) -> Result<(), Error> {
    let mut reader = wasmparser::BinaryReader::new(old, 0);
    let before = reader.read_var_u32()?;
    let mut data = Vec::new();
    (before + count as u32).encode(&mut data);
    data.extend_from_slice(&old[reader.original_position() as usize..]);
    data.extend_from_slice(added);
    module.section(&RawSection {
        id: id as u8,
        data: &data,
    });
    Ok(())
}
