//! Functions with other bodies, in a module that is otherwise the same.

use crate::{Error, source::Source};
use std::ops::Range;
use wasm_encoder::{CodeSection, CustomSection, Module, RawSection};
use wasmparser::{CustomSectionReader, Parser, Payload};

/// The module of `source` with `bodies`, where there are any, in the place of
/// those that its functions have. `custom` gives what a custom section becomes,
/// if it doesn't stay as it is.
///
/// # Errors
///
/// When the module is not well-formed.
pub(crate) fn replaced(
    source: &Source<'_>,
    bodies: &[Option<Vec<u8>>],
    custom: impl Fn(&CustomSectionReader<'_>) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, Error> {
    let mut code = CodeSection::new();
    for (function, body) in source.defined.iter().zip(bodies) {
        code.raw(body.as_deref().unwrap_or(function.body.as_bytes()));
    }
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(source.wasm) {
        let payload = payload?;
        if let Payload::CustomSection(section) = &payload
            && let Some(data) = custom(section)
        {
            module.section(&CustomSection {
                name: section.name().into(),
                data: data.into(),
            });
            continue;
        }
        match &payload {
            Payload::CodeSectionStart { .. } => {
                module.section(&code);
            }
            Payload::CodeSectionEntry(_) => {}
            payload => raw(&mut module, source.wasm, payload.as_section()),
        }
    }
    Ok(module.finish())
}

fn raw(module: &mut Module, wasm: &[u8], section: Option<(u8, Range<u64>)>) {
    if let Some((id, range)) = section {
        let data = slice(wasm, &range);
        module.section(&RawSection { id, data });
    }
}

fn slice<'a>(wasm: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    wasm.get(place(range.start)..place(range.end))
        .unwrap_or_default()
}
