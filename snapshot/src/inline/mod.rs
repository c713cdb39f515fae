//! Putting the bodies of small functions in the place of calls of them.
//!
//! A call is the dearest thing that an interpreter does, and code that was
//! compiled without optimization is full of calls of functions that hardly do
//! anything. Here each direct call of such a function becomes what the function
//! does: its arguments and variables are locals of the caller, its `return`s
//! are branches to the end of a block.
//!
//! Functions keep their indices. One that nothing can call any more loses its
//! body, so that the code grows by less than what is put in it.

mod dead;
mod expand;
mod scan;
mod template;
mod tidy;

use crate::{
    Error,
    bodies::replaced,
    source::{Defined, Source},
    valid::each,
};
use expand::Writer;
use scan::Shape;
use std::borrow::Cow;
use template::Template;
use wasm_encoder::{
    Function, Instruction,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{Operator, ValType};

/// A body that is larger stays as it was: Wasm has a limit, which this is well
/// below.
const MAX_BODY: usize = 4 << 20;

/// Nothing more is put in a function with as many locals: an interpreter has a
/// limit for these.
const MAX_LOCALS: usize = 10_000;

/// Nothing more is put in a function that is this many times as long as it was,
/// and [`LONG`] besides: however calls are nested, the work has an end.
const TIMES: usize = 8;

/// Operators that any function may come to have.
const LONG: usize = 4_000;

/// Rewrites `wasm`, a valid core module, to do itself what the small functions
/// do that it calls. It does the same as before, but for where its stack ends.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn inline(wasm: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let source = Source::parse_image(wasm)?;
    let shapes = each(source.defined.iter().collect(), |function| {
        scan::shape(&function.body)
    })?;
    let templates = template::all(&source, &shapes)?;
    if templates.iter().all(Option::is_none) {
        return Ok(Cow::Borrowed(wasm));
    }
    let work = source.defined.iter().zip(&shapes).collect();
    let mut written = each(work, |(function, shape)| {
        write(&source, &templates, function, shape)
    })?;
    for function in dead::functions(&source, &shapes, &written) {
        written[function] = Some(Written::nothing());
    }
    let body = |written: Written| written.function.into_raw_body();
    let bodies: Vec<_> = written.into_iter().map(|one| one.map(body)).collect();
    Ok(Cow::Owned(replaced(&source, &bodies, |_| None)?))
}

/// A function that changed.
struct Written {
    function: Function,
    /// The functions that it still calls.
    calls: Vec<u32>,
}

impl Written {
    /// The body of a function that is never called.
    fn nothing() -> Self {
        let mut function = Function::new([]);
        function.instruction(&Instruction::Unreachable);
        function.instruction(&Instruction::End);
        Self {
            function,
            calls: Vec::new(),
        }
    }
}

/// Writes `function` with what it calls in it, if it calls anything that can be.
fn write(
    source: &Source<'_>,
    templates: &[Option<Template<'_>>],
    function: &Defined<'_>,
    shape: &Shape,
) -> Result<Option<Written>, Error> {
    let is_template = |callee: &u32| template::of(source, templates, *callee).is_some();
    if !shape.calls.iter().any(is_template) {
        return Ok(None);
    }
    let own = locals(source, function)?;
    let limit = LONG + TIMES * shape.operators;
    let mut writer = Writer::new(source, templates, function.index, own, limit);
    for operator in function.body.get_operators_reader()? {
        writer.push(operator?);
    }
    let params = source.function_type(function.index).params().len();
    let mut types = Vec::with_capacity(writer.locals.len());
    for ty in writer.locals.iter().skip(params) {
        types.push(RoundtripReencoder.val_type(*ty)?);
    }
    let mut rewritten = Function::new_with_locals_types(types);
    let mut calls = Vec::new();
    for operator in writer.operators {
        if let Operator::Call { function_index } | Operator::ReturnCall { function_index } =
            operator
        {
            calls.push(function_index);
        }
        rewritten.instruction(&RoundtripReencoder.instruction(operator)?);
    }
    Ok((rewritten.byte_len() <= MAX_BODY).then_some(Written {
        function: rewritten,
        calls,
    }))
}

/// The types of all locals of `function`, parameters first.
fn locals(source: &Source<'_>, function: &Defined<'_>) -> Result<Vec<ValType>, Error> {
    let mut locals = source.function_type(function.index).params().to_vec();
    for local in function.body.get_locals_reader()? {
        let (count, ty) = local?;
        locals.extend(std::iter::repeat_n(ty, count as usize));
    }
    Ok(locals)
}
