//! Exports that the guest was not linked with, though we need them.
//!
//! To interrupt it the host has to call one of its functions, which the name
//! section tells, where there is one. The guest that we know has none: there
//! the function is known by its place and its code. Any other runs as well,
//! but can't be interrupted.

use super::session::{RAISE, STACK_POINTER};
use crate::image::cache::{NO_SOURCES, fingerprint};
use std::ops::Range;
use wasm_encoder::{Encode, ExportKind};
use wasmparser::{
    ExportSectionReader, FunctionBody, KnownCustom, Name, NameSectionReader, Parser, Payload,
    TypeRef, ValType,
};

/// The function in the guest that we know: its index, and the fingerprint of its
/// code.
const KNOWN: (u32, u64) = (7415, 0x7b2c_58fe_96fd_d928);

/// The first global is the stack pointer, wherever linkers have one.
const STACK_POINTER_INDEX: u32 = 0;

/// Section id.
const EXPORT: u8 = 7;

/// `wasm` with the function and the stack pointer exported; as it was if it is
/// not that kind of guest.
pub(crate) fn export(wasm: Vec<u8>) -> Vec<u8> {
    match Found::in_module(&wasm) {
        Some(found) => found.apply(&wasm).unwrap_or(wasm),
        None => wasm,
    }
}

/// What there is of it in a module.
#[derive(Default)]
struct Found {
    /// The export section, from its id, and what is in it.
    section: Option<(Range<usize>, Range<usize>)>,
    count: u32,
    has_stack_pointer: bool,
    /// The index of the next function.
    next: u32,
    known: Option<u32>,
    named: Option<u32>,
}

impl Found {
    /// `None` where the module can't be read, or has such exports already.
    fn in_module(wasm: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        let mut end = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.ok()?;
            match &payload {
                Payload::ImportSection(imports) => {
                    for import in imports.clone().into_imports() {
                        if let TypeRef::Func(_) = import.ok()?.ty {
                            found.next += 1;
                        }
                    }
                }
                Payload::GlobalSection(globals) => {
                    let first = globals.clone().into_iter().next()?.ok()?.ty;
                    found.has_stack_pointer = first.mutable && first.content_type == ValType::I32;
                }
                Payload::ExportSection(exports) => found.exports(exports, end)?,
                Payload::CodeSectionEntry(body) => found.code(body),
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        found.named = named(names);
                    }
                }
                _ => {}
            }
            if let Some((_, section)) = payload.as_section() {
                end = usize::try_from(section.end).ok()?;
            }
        }
        Some(found)
    }

    fn exports(&mut self, exports: &ExportSectionReader<'_>, start: usize) -> Option<()> {
        for export in exports.clone() {
            if [RAISE, STACK_POINTER].contains(&export.ok()?.name) {
                return None;
            }
        }
        let range = exports.range();
        let (from, end) = (
            usize::try_from(range.start).ok()?,
            usize::try_from(range.end).ok()?,
        );
        self.section = Some((start..end, from..end));
        self.count = exports.count();
        Some(())
    }

    fn code(&mut self, body: &FunctionBody<'_>) {
        if self.next == KNOWN.0 && fingerprint(NO_SOURCES, body.as_bytes()) == KNOWN.1 {
            self.known = Some(self.next);
        }
        self.next += 1;
    }

    fn apply(&self, wasm: &[u8]) -> Option<Vec<u8>> {
        let function = self.named.or(self.known)?;
        let (section, exports) = self.section.clone().filter(|_| self.has_stack_pointer)?;
        // Linkers may write numbers longer than need be.
        let count_len = leb_len(&wasm[exports.clone()]);
        let mut contents = Vec::new();
        (self.count + 2).encode(&mut contents);
        contents.extend_from_slice(&wasm[exports.start + count_len..exports.end]);
        for (name, kind, index) in [
            (RAISE, ExportKind::Func, function),
            (STACK_POINTER, ExportKind::Global, STACK_POINTER_INDEX),
        ] {
            name.encode(&mut contents);
            kind.encode(&mut contents);
            index.encode(&mut contents);
        }
        let mut out = Vec::with_capacity(wasm.len() + 64);
        out.extend_from_slice(&wasm[..section.start]);
        out.push(EXPORT);
        contents.encode(&mut out);
        out.extend_from_slice(&wasm[section.end..]);
        Some(out)
    }
}

/// The function of our name.
fn named(names: NameSectionReader<'_>) -> Option<u32> {
    names.into_iter().find_map(|name| match name.ok()? {
        Name::Function(map) => map
            .into_iter()
            .filter_map(Result::ok)
            .find_map(|naming| (naming.name == RAISE).then_some(naming.index)),
        _ => None,
    })
}

fn leb_len(bytes: &[u8]) -> usize {
    1 + bytes.iter().take_while(|byte| **byte & 0x80 != 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_exported() {
        let wat = r#"(module
            (func $trip_signal (param i32)) (func (export "_start"))
            (global $__stack_pointer (mut i32) (i32.const 9)) (memory (export "memory") 1))"#;
        let wasm = wat::parse_str(wat).expect("well-formed");
        let exported = export(wasm.clone());
        wasmparser::validate(&exported).expect("it is valid");
        let text = String::from_utf8_lossy(&exported).into_owned();
        assert_ne!(wasm, exported);
        assert!(text.contains(STACK_POINTER));
        assert_eq!(export(exported.clone()), exported, "once is enough");
    }

    #[test]
    fn other_guests_stay_as_they_are() {
        for wat in [
            "(module)",
            r#"(module (func $f (export "_start")))"#,
            r#"(module (func $trip_signal (export "_start")))"#,
        ] {
            let wasm = wat::parse_str(wat).expect("well-formed");
            assert_eq!(export(wasm.clone()), wasm);
        }
        assert_eq!(export(b"junk".to_vec()), b"junk");
    }
}
