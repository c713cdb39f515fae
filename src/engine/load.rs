//! From bytes to a module, and from a failure to the reason for it.

use super::{Engine, config::HAS_VECTORS};
use crate::{Error, ErrorKind};
use std::borrow::Cow;
use wasmparser::{Validator, WasmFeatures};

/// The four bytes that every Wasm binary begins with.
const MAGIC: &[u8; 4] = b"\0asm";

/// Bytes 4 to 8 of a core module: version 1, layer 0.
const CORE_VERSION: [u8; 4] = [1, 0, 0, 0];

/// Whether `bytes` claim to be a Wasm binary (rather than its text form).
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Parses, validates and prepares a module, mended: wasmi 2.0.0 gets wrong what
/// some modules select, and can bring the process down where a tail call reaches
/// a host function, or where something grows again and again. For one with tail
/// calls, which few are, `engine` becomes one that has them.
pub(crate) fn load(engine: &mut Engine, wasm: &[u8]) -> Result<wasmi::Module, Error> {
    let mended =
        dormouse_snapshot::mend(wasm).map_err(|error| {
            match Validator::new_with_features(supported()).validate_all(wasm) {
                Ok(_) => module_error(error.to_string()).with_source(error),
                Err(_) => explain(wasm, &error.to_string()),
            }
        })?;
    match wasmi::Module::new(engine.inner(), &mended[..]) {
        Err(_) if !engine.has_tail_calls() => {}
        result => return result.map_err(|error| explain(wasm, &error.to_string())),
    }
    let with_tail_calls = engine.with_tail_calls();
    let module = wasmi::Module::new(with_tail_calls.inner(), &mended[..])
        .map_err(|error| explain(wasm, &error.to_string()))?;
    *engine = with_tail_calls;
    Ok(module)
}

/// The binary form of `source`, which may be binary or text; `name` is what
/// messages call it.
pub(crate) fn binary<'a>(name: &str, source: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
    if is_binary(source) {
        return match source.get(4..8) {
            Some(version) if version == CORE_VERSION => Ok(Cow::Borrowed(source)),
            Some([_, _, 1, 0]) => Err(module_error(format!(
                "{name} is a Wasm component; Dormouse runs core modules \
                 (build it for wasm32-wasip1 instead of wasm32-wasip2)"
            ))),
            Some(version) => Err(module_error(format!(
                "{name} has Wasm version bytes {version:02x?}; only version 1 is known"
            ))),
            None => Err(module_error(format!("{name} ends inside the Wasm header"))),
        };
    }
    let text = std::str::from_utf8(source).ok();
    match text.filter(|text| looks_like_text(text)) {
        Some(text) => match wat::parse_str(text) {
            Ok(binary) => Ok(Cow::Owned(binary)),
            Err(mut error) => {
                error.set_path(name);
                Err(module_error(format!(
                    "{name} is not valid Wasm text: {error}"
                )))
            }
        },
        None => {
            let found = &source[..source.len().min(4)];
            Err(module_error(format!(
                "{name} is not a Wasm module: it begins with {found:02x?}, \
                 not with the magic number [00, 61, 73, 6d] (\"\\0asm\")"
            )))
        }
    }
}

/// Text form begins with `(` after blanks and comments.
fn looks_like_text(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with('(') || text.starts_with(";;")
}

/// Says what keeps `wasm` from being loaded: a proposal that wasmi does not
/// have, named with its first use's offset, or whatever else `error` says.
fn explain(wasm: &[u8], error: &str) -> Error {
    let Err(invalid) = Validator::new_with_features(supported()).validate_all(wasm) else {
        return module_error(format!("the module can't be loaded: {error}"));
    };
    let offset = invalid.offset();
    if Validator::new_with_features(WasmFeatures::all())
        .validate_all(wasm)
        .is_ok()
    {
        let proposals = missing_proposals(wasm);
        return module_error(format!(
            "the module uses {} at offset {offset:#x}, which Dormouse does not support: {}",
            proposals,
            invalid.message()
        ));
    }
    module_error(format!(
        "the module is not valid Wasm: {} at offset {offset:#x}",
        invalid.message()
    ))
}

/// What wasmi runs: the features that its configuration leaves on.
fn supported() -> WasmFeatures {
    let missing = match HAS_VECTORS {
        true => WasmFeatures::empty(),
        false => WasmFeatures::SIMD | WasmFeatures::RELAXED_SIMD,
    };
    let all = WasmFeatures::WASM2
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::MEMORY64
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::RELAXED_SIMD;
    all.difference(missing)
}

/// Proposals by the names that users search for. Order matters: a proposal
/// stands before those that build on it.
const PROPOSALS: &[(WasmFeatures, &str)] = &[
    // Supported elsewhere: see `HAS_VECTORS`.
    (WasmFeatures::SIMD, "SIMD on this kind of processor"),
    (WasmFeatures::THREADS, "the threads proposal"),
    (WasmFeatures::EXCEPTIONS, "the exception-handling proposal"),
    (
        WasmFeatures::LEGACY_EXCEPTIONS,
        "the legacy exception-handling proposal",
    ),
    (
        WasmFeatures::FUNCTION_REFERENCES,
        "the function-references proposal",
    ),
    (WasmFeatures::GC, "the GC proposal"),
    (
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        "the shared-everything-threads proposal",
    ),
    (
        WasmFeatures::STACK_SWITCHING,
        "the stack-switching proposal",
    ),
    (
        WasmFeatures::WIDE_ARITHMETIC,
        "the wide-arithmetic proposal",
    ),
    (
        WasmFeatures::CUSTOM_PAGE_SIZES,
        "the custom-page-sizes proposal",
    ),
    (WasmFeatures::MEMORY_CONTROL, "the memory-control proposal"),
];

/// The proposals without which `wasm` does not validate.
fn missing_proposals(wasm: &[u8]) -> String {
    let supported = supported();
    let needed: Vec<&str> = PROPOSALS
        .iter()
        .filter(|(feature, _)| {
            if supported.contains(*feature) {
                return false;
            }
            let without = WasmFeatures::all().difference(*feature);
            Validator::new_with_features(without)
                .validate_all(wasm)
                .is_err()
        })
        .map(|(_, name)| *name)
        .collect();
    match needed.as_slice() {
        [] => "a combination of proposals".to_owned(),
        names => names.join(" and "),
    }
}

fn module_error(message: String) -> Error {
    Error::new(ErrorKind::Module, message)
}
