//! Turning variables on the stack in linear memory into locals.
//!
//! A compiler that does not optimize keeps every variable in memory: each use of
//! one is a load or a store, at an address in the function's *frame*. For an
//! interpreter that is most of what there is to do. Here the variables whose
//! address nothing can come by become locals, which cost nothing to use.
//!
//! # What can be a local
//!
//! A part of a frame can if all loads and stores at constant offsets in it agree
//! on its place, and no address that the function gives away leads to it. C lets
//! a pointer reach the whole of the variable that it was made from and nothing
//! else, so what must be known is where variables begin and end. Where no
//! address is given away at all, this does not matter. Elsewhere debug
//! information tells it: not by the addresses of functions, which tools that
//! work on modules tend to lose, but by the frames' shapes. A function stores
//! its parameters in its frame first of all; every routine that has its
//! parameters in these places, its other variables within the frame and none
//! that an access lies across *may* be this one, and a variable becomes a local
//! only if it could in each of them.
//!
//! So this is right for what compilers make of C that is right, and whose
//! functions all have debug information; for what is written by hand it may
//! not be. It is for guests that are known.

mod body;
mod debug;
mod frame;
mod layout;

use crate::{
    Error,
    bodies::replaced,
    source::{Defined, Source},
    valid::each,
};
use frame::Frame;
use layout::Matches;
use std::borrow::Cow;
use wasmparser::{FunctionBody, Operator, ValType};

/// Rewrites `wasm`, a valid core module that a compiler made from C, to keep in
/// locals what it can of the variables on its stack. A module without debug
/// information stays as it is.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn promote(wasm: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let routines = debug::routines(wasm);
    if routines.is_empty() {
        return Ok(Cow::Borrowed(wasm));
    }
    let source = Source::parse_image(wasm)?;
    let Some(pointer) = stack_pointer(&source) else {
        return Ok(Cow::Borrowed(wasm));
    };
    let frames = frames(&source, pointer)?;
    let matches = Matches::new(&frames, &routines);
    let work = source.defined.iter().zip(&frames).enumerate().collect();
    let bodies = each(work, |(index, (function, frame))| {
        let Some(frame) = frame else { return Ok(None) };
        let slots = layout::slots(index, frame, &matches);
        if slots.is_empty() {
            return Ok(None);
        }
        let (body, ty) = (&function.body, source.function_type(function.index));
        let operators = operators(body)?;
        let rewritten = body::rewrite(body, ty, &operators, frame, &slots)?;
        Ok::<_, Error>(Some(rewritten.into_raw_body()))
    })?;
    Ok(Cow::Owned(replaced(&source, &bodies, |_| None)?))
}

fn frames(source: &Source<'_>, pointer: u32) -> Result<Vec<Option<Frame>>, Error> {
    each(source.defined.iter().collect(), |function: &Defined<'_>| {
        let operators = operators(&function.body)?;
        frame::frame(source, function, &operators, pointer)
    })
}

fn operators<'a>(body: &FunctionBody<'a>) -> Result<Vec<Operator<'a>>, Error> {
    let operators = body.get_operators_reader()?.into_iter();
    Ok(operators.collect::<Result<_, _>>()?)
}

/// The global that compilers use for it: the first, if it can be one.
fn stack_pointer(source: &Source<'_>) -> Option<u32> {
    let (ty, _) = source.globals.first()?;
    (ty.mutable && ty.content_type == ValType::I32).then_some(0)
}
