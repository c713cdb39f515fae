//! Exporting what a module keeps to itself, so that its host can bring it back.

use crate::{
    Error,
    append::{Additions, Counts, append},
    source::OURS,
};
use std::collections::BTreeSet;
use wasm_encoder::{
    ExportKind,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// Rewrites `wasm`, a valid core module, to export each mutable global that it
/// defines and does not export yet: the one with the index N as `dormouse:global:N`.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn expose(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let hidden = hidden(wasm)?;
    let exports = hidden.into_iter().map(|index| {
        let name = format!("{OURS}global:{index}");
        (name.into(), ExportKind::Global, index)
    });
    let additions = Additions {
        exports: exports.collect(),
        ..Additions::default()
    };
    append(wasm, Counts::of(wasm)?, additions, |subject| {
        let mut function = subject.with_locals(&[])?;
        for operator in subject.body.get_operators_reader()? {
            function.instruction(&RoundtripReencoder.instruction(operator?)?);
        }
        Ok(function)
    })
}

/// The mutable globals that nobody outside can reach.
fn hidden(wasm: &[u8]) -> Result<BTreeSet<u32>, Error> {
    let (mut next, mut hidden) = (0, BTreeSet::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    next += u32::from(matches!(import?.ty, TypeRef::Global(_)));
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    if global?.ty.mutable {
                        hidden.insert(next);
                    }
                    next += 1;
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Global {
                        hidden.remove(&export.index);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_can_change_is_exported_once() {
        let wasm = wat::parse_str(
            r#"(module (import "m" "g" (global (mut i32)))
                (global i32 (i32.const 1))
                (global (mut i64) (i64.const 2))
                (global (export "known") (mut f32) (f32.const 3))
                (func (global.set 2 (i64.const 4))))"#,
        )
        .expect("a module");
        let exposed = expose(&wasm).expect("it is well-formed");
        wasmparser::Validator::new()
            .validate_all(&exposed)
            .expect("it is valid");
        assert!(hidden(&exposed).expect("readable").is_empty());
        let text = String::from_utf8_lossy(&exposed).into_owned();
        assert!(text.contains("dormouse:global:2") && !text.contains("global:3"));
    }
}
