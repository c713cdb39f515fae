//! What rewrites append, and how the next one takes it back.
//!
//! A restored run can be captured again, any number of times. So a rewritten
//! module tells in a custom section where what was appended begins; the next
//! rewrite drops the segments from there on (it makes its own), and puts its
//! functions in the places of those that nothing calls any more.

use crate::{Error, instrument::count, source::Source};
use std::collections::BTreeSet;
use wasm_encoder::Encode;
use wasmparser::{BinaryReader, FunctionBody, Operator};

/// The custom section's name; it holds the fields of [`Appended`].
pub(crate) const APPENDED: &str = "dormouse.appended";

/// The first of each kind that a rewrite appended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appended {
    pub(crate) functions: u32,
    pub(crate) elements: u32,
    pub(crate) data: u32,
}

impl Appended {
    /// As the module tells; what it can't mean is ignored.
    pub(crate) fn of(source: &Source<'_>) -> Self {
        let all = Self {
            functions: count(source.functions.len()),
            elements: count(source.elements.len()),
            data: count(source.data.len()),
        };
        let told = source.appended.and_then(read).unwrap_or(all);
        Self {
            functions: told
                .functions
                .clamp(source.imported_functions, all.functions),
            elements: told.elements.min(all.elements),
            data: told.data.min(all.data),
        }
    }

    pub(crate) fn section(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for first in [self.functions, self.elements, self.data] {
            first.encode(&mut bytes);
        }
        bytes
    }
}

fn read(bytes: &[u8]) -> Option<Appended> {
    let mut reader = BinaryReader::new(bytes, 0);
    let mut next = || reader.read_var_u32().ok();
    Some(Appended {
        functions: next()?,
        elements: next()?,
        data: next()?,
    })
}

/// Those of the functions from `first` on that `roots` or `bodies` lead to.
pub(crate) fn live(
    source: &Source<'_>,
    first: u32,
    roots: impl Iterator<Item = u32>,
    bodies: &[Vec<u8>],
) -> Result<BTreeSet<u32>, Error> {
    let mut live = BTreeSet::new();
    if first == count(source.functions.len()) {
        return Ok(live);
    }
    let mut found: Vec<u32> = roots.collect();
    for body in bodies {
        let body = FunctionBody::new(BinaryReader::new(body, 0));
        mentioned(&body, &mut found)?;
    }
    while let Some(index) = found.pop() {
        if index < first || !live.insert(index) {
            continue;
        }
        if let Some(function) = source.body(index) {
            mentioned(&function.body, &mut found)?;
        }
    }
    Ok(live)
}

fn mentioned(body: &FunctionBody<'_>, found: &mut Vec<u32>) -> Result<(), Error> {
    for operator in body.get_operators_reader()? {
        if let Operator::Call { function_index }
        | Operator::ReturnCall { function_index }
        | Operator::RefFunc { function_index } = operator?
        {
            found.push(function_index);
        }
    }
    Ok(())
}
