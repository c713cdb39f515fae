//! Whether instances of a module can be reset in place.

use crate::{Error, ErrorKind};
use dormouse_snapshot::COLD;
use wasmparser::{ExternalKind, Operator, Parser, Payload};

/// Whether all that code of `wasm`, cold code included, can change is its
/// memories and the globals that it exports: tables and segments stay as they
/// were, and nothing runs before it is called. Reads all of it, some 10 ms per megabyte of code.
///
/// # Errors
///
/// When `wasm` can't be read.
pub(crate) fn is_restorable(wasm: &[u8]) -> Result<bool, Error> {
    scan(wasm).map_err(|error| {
        Error::new(
            ErrorKind::Module,
            format!("the image's module can't be read: {error}"),
        )
    })
}

fn scan(wasm: &[u8]) -> Result<bool, wasmparser::BinaryReaderError> {
    let mut hidden = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    // Others than functions and memories might be changed by
                    // whoever else has them.
                    match import?.ty {
                        wasmparser::TypeRef::Global(_) | wasmparser::TypeRef::Table(_) => {
                            return Ok(false);
                        }
                        _ => {}
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                for (index, global) in (0..).zip(globals) {
                    if global?.ty.mutable {
                        hidden.push(index);
                    }
                }
            }
            Payload::MemorySection(memories) if memories.count() > 0 => return Ok(false),
            // It runs where an instance is made, and not where one is reset.
            Payload::StartSection { .. } => return Ok(false),
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Global {
                        hidden.retain(|index: &u32| *index != export.index);
                    }
                }
            }
            Payload::CustomSection(section)
                if section.name() == COLD && !keeps_nothing(section.data())? =>
            {
                return Ok(false);
            }
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader()? {
                    if changes_more(&operator?) {
                        return Ok(false);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(hidden.is_empty())
}

/// Whether cold code, loaded once and then never again, has nothing of its own
/// that it could change, nor changes more of the main module than that itself.
fn keeps_nothing(wasm: &[u8]) -> Result<bool, wasmparser::BinaryReaderError> {
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::MemorySection(memories) if memories.count() > 0 => return Ok(false),
            Payload::TableSection(tables) if tables.count() > 0 => return Ok(false),
            Payload::GlobalSection(globals) => {
                for global in globals {
                    if global?.ty.mutable {
                        return Ok(false);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader()? {
                    if changes_more(&operator?) {
                        return Ok(false);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(true)
}

/// Whether an operator changes tables or segments.
fn changes_more(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
            | Operator::DataDrop { .. }
    )
}
