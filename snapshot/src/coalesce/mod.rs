//! Fewer locals, and less to do with them.
//!
//! A compiler that does not optimize has a local for every value, uses each of
//! them once or twice, and copies from one to another; so does what becomes of a
//! call whose function is put in its place. An interpreter makes room for all of
//! them, and sets them to zero, at each call. Here
//!
//! - constants and copies are read where they came from (`forward`);
//! - what sets a local that nothing reads any more is left out, and values that
//!   come back from a local to where they have been stay there (`tidy`);
//! - locals that are never needed at the same time become one (`colour`), those
//!   first that are copied to each other: then the copy is left out too.
//!
//! Which are needed where comes from the flow of control (`flow`). Nothing else
//! is moved, and what may trap or be seen happens as before.

mod code;
mod colour;
mod flow;
mod forward;
mod order;
mod tidy;

use crate::{
    Error,
    bodies::replaced,
    source::{Defined, Source},
};
use code::{Code, Op};
use colour::Places;
use flow::Flow;
use std::borrow::Cow;
use wasm_encoder::{
    Encode, Instruction,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{BinaryReader, ValType};

/// Operators of a function that is looked at: more would take seconds. The
/// largest of any guest that we know has a tenth.
const MAX_OPERATORS: usize = 1 << 19;

/// Locals of a function that is looked at: what is noted for two of them each
/// takes 8 MiB then.
const MAX_LOCALS: usize = 1 << 13;

/// The part of a name section with the names of locals.
const LOCAL_NAMES: u8 = 2;

/// How often what was only there for what is left out is left out too.
const ROUNDS: usize = 4;

/// Rewrites `wasm`, a valid core module, to use fewer locals and copy less
/// between them. Functions that are too large for it stay as they are, as do
/// those that catch exceptions. Names of locals are lost.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn coalesce(wasm: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let source = Source::parse_image(wasm)?;
    let functions: Vec<&Defined<'_>> = source.defined.iter().collect();
    let bodies = crate::valid::each(functions, |function| rewrite(&source, function))?;
    if bodies.iter().all(Option::is_none) {
        return Ok(Cow::Borrowed(wasm));
    }
    let module = replaced(&source, &bodies, |section| {
        // One that is malformed means nothing to anybody.
        let names = || without_locals(section.data(), section.data_offset());
        (section.name() == "name").then(|| names().unwrap_or_default())
    })?;
    Ok(Cow::Owned(module))
}

/// The body of `function` with its size, if it changes.
fn rewrite(source: &Source<'_>, function: &Defined<'_>) -> Result<Option<Vec<u8>>, Error> {
    let ty = source.function_type(function.index);
    let mut types = ty.params().to_vec();
    for local in function.body.get_locals_reader()? {
        let (count, ty) = local?;
        if types.len() + count as usize > MAX_LOCALS {
            return Ok(None);
        }
        types.extend((0..count).map(|_| ty));
    }
    // References that can't be null can't be zero either.
    let is_known = |ty: &ValType| match ty {
        ValType::Ref(ty) => ty.is_nullable(),
        _ => true,
    };
    if types.is_empty() || !types.iter().all(is_known) {
        return Ok(None);
    }
    let Some(mut body) = code::read(source, &function.body, types.len())? else {
        return Ok(None);
    };
    if body.ops.len() > MAX_OPERATORS {
        return Ok(None);
    }
    forward::forward(&mut body.ops, types.len());
    let mut flow = None;
    for _ in 0..ROUNDS {
        let Some(new) = Flow::new(&body, types.len()) else {
            return Ok(None);
        };
        let new = flow.insert(new);
        if !tidy::drop_unused(&mut body.ops, new, types.len()) {
            break;
        }
        new.compact(&mut body.ops);
    }
    let Some(mut flow) = flow else {
        return Ok(None);
    };
    tidy::stay(&mut body.ops, &flow, types.len());
    flow.compact(&mut body.ops);
    order::reorder(&mut body.ops, &flow);
    flow.compact(&mut body.ops);
    let places = colour::places(&body.ops, &flow, &types, ty.params().len());
    let mut ops = settle(&body.ops, &places);
    tidy::shorten(&mut ops);
    write(&ops, function.body.as_bytes(), &places.types).map(Some)
}

/// Puts the new indices in, and leaves out copies from a local to itself.
fn settle(ops: &[Op], places: &Places) -> Vec<Op> {
    let mut settled: Vec<Op> = Vec::with_capacity(ops.len());
    let place = |local: u32| places.of[local as usize];
    for op in ops {
        let mut op = *op;
        op.code = match op.code {
            Code::Get(local) => Code::Get(place(local)),
            Code::Set(local) => Code::Set(place(local)),
            Code::Tee(local) => Code::Tee(place(local)),
            code => code,
        };
        match (settled.last_mut().map(|op| &mut op.code), op.code) {
            (Some(Code::Get(a)), Code::Set(b)) if *a == b => {
                settled.pop();
            }
            (Some(Code::Get(a) | Code::Tee(a)), Code::Tee(b)) if *a == b => {}
            (Some(last @ Code::Tee(_)), Code::Set(b)) if *last == Code::Tee(b) => {
                *last = Code::Set(b);
            }
            (Some(last @ Code::Set(_)), Code::Get(b)) if *last == Code::Set(b) => {
                *last = Code::Tee(b);
            }
            _ => settled.push(op),
        }
    }
    settled
}

/// Writes a body with `types` of locals.
fn write(ops: &[Op], old: &[u8], types: &[ValType]) -> Result<Vec<u8>, Error> {
    let mut locals = Vec::with_capacity(types.len());
    for ty in types {
        locals.push(RoundtripReencoder.val_type(*ty)?);
    }
    let mut function = wasm_encoder::Function::new_with_locals_types(locals);
    for op in ops {
        match op.code {
            Code::Get(local) => function.instruction(&Instruction::LocalGet(local)),
            Code::Set(local) => function.instruction(&Instruction::LocalSet(local)),
            Code::Tee(local) => function.instruction(&Instruction::LocalTee(local)),
            Code::Drop => function.instruction(&Instruction::Drop),
            _ => function.raw(op.bytes(old).iter().copied()),
        };
    }
    Ok(function.into_raw_body())
}

/// What is in a name section, without the names of locals.
fn without_locals(data: &[u8], offset: u64) -> Result<Vec<u8>, Error> {
    let mut reader = BinaryReader::new(data, offset);
    let mut kept = Vec::with_capacity(data.len());
    while !reader.eof() {
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        let names = reader.read_bytes(size as usize)?;
        if id != LOCAL_NAMES {
            kept.push(id);
            names.encode(&mut kept);
        }
    }
    Ok(kept)
}
