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
//!   if (cold) br $b end   becomes  local.set $code
//!   br $c                          local.set $x
//! end                              br_table $b $c (local.get $code)
//!                                end
//! ```
//!
//! A region's function takes the locals that are live where it begins and that
//! it mentions. It returns those that it sets and that are live where it leads
//! to, and, if it leads to several places, which one. What a region calls, and
//! loops that lie in it, run as fast as before.
//!
//! Functions, types and their indices are only appended to.

mod body;
mod emit;
mod live;
mod region;

use crate::Error;
use body::Body;
use wasm_encoder::{CodeSection, Encode, Function, Module, RawSection, SectionId, ValType};
use wasmparser::{
    FuncToValidate, FunctionBody, Parser, Payload, ValidPayload, Validator, ValidatorResources,
    WasmFeatures,
};

/// Moves what is not `hot` out of the functions of `wasm` that are. There is one
/// of `hot` for each stretch: whether it ran often enough to stay, by the counts
/// in the memory [`COVERAGE`](crate::COVERAGE) after a run of `cover(wasm)`. In
/// functions whose stretches are beyond its end nothing is moved.
///
/// # Errors
///
/// When `wasm` is not a valid core module of Wasm 2 with several memories,
/// 64-bit memories, tail calls, extended constants and relaxed SIMD.
pub fn outline(wasm: &[u8], hot: &[bool]) -> Result<Vec<u8>, Error> {
    let mut validator = Validator::new_with_features(KNOWN);
    let mut outliner = Outliner {
        hot,
        next_stretch: 0,
        next_function: 0,
        next_type: 0,
        types: Vec::new(),
        changed: Vec::new(),
        moved: Vec::new(),
    };
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match &payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    outliner.next_type += group?.types().len() as u32;
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let is_function = matches!(import?.ty, wasmparser::TypeRef::Func(_));
                    outliner.next_function += u32::from(is_function);
                }
            }
            Payload::FunctionSection(section) => outliner.next_function += section.count(),
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
    hot: &'a [bool],
    next_stretch: usize,
    next_function: u32,
    next_type: u32,
    /// Types of the new functions.
    types: Vec<Signature>,
    /// For each function its new body, if it has one.
    changed: Vec<Option<Function>>,
    moved: Vec<Function>,
}

impl Outliner<'_> {
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
        let hot = self.hot.get(first..self.next_stretch);
        let Some(hot) = hot.filter(|hot| hot[0]) else {
            return Ok(None);
        };
        let Some(body) = Body::read(function, body, hot)? else {
            return Ok(None);
        };
        let Some(live) = live::Live::of(&body) else {
            return Ok(None);
        };
        let mut writer = emit::Writer::new(&body);
        for region in region::find(&body) {
            let Some(plan) = region::Plan::of(&body, &live, region) else {
                continue;
            };
            let index = self.next_function + self.moved.len() as u32;
            if writer.replace(&plan, index) {
                self.types.push(plan.signature(&body));
                self.moved.push(emit::moved(&body, &plan));
            }
        }
        Ok(writer.finish())
    }

    /// The module with the sections that change.
    fn assemble(self, wasm: &[u8]) -> Result<Vec<u8>, Error> {
        let mut module = Module::new();
        let mut changed = self.changed.into_iter();
        let mut code = CodeSection::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            match &payload {
                Payload::TypeSection(section) => {
                    let mut added = Vec::new();
                    for (params, results) in &self.types {
                        added.push(0x60);
                        params.encode(&mut added);
                        results.encode(&mut added);
                    }
                    let range = section.range();
                    let old = &wasm[range.start as usize..range.end as usize];
                    append(&mut module, SectionId::Type, old, self.types.len(), &added)?;
                }
                Payload::FunctionSection(section) => {
                    let mut added = Vec::new();
                    for index in 0..self.types.len() as u32 {
                        (self.next_type + index).encode(&mut added);
                    }
                    let range = section.range();
                    let old = &wasm[range.start as usize..range.end as usize];
                    append(
                        &mut module,
                        SectionId::Function,
                        old,
                        self.types.len(),
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
                        for function in &self.moved {
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
        Ok(module.finish())
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
