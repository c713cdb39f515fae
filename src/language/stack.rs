//! A larger C stack for guests that were linked with a small one.
//!
//! CPython lets calls through C code nest 500 deep and then raises
//! `RecursionError`; each such call was seen to take up to 7.5 KB. The guest's
//! stack of 512 KB ends after some sixty of them, in a trap: a program whose
//! `__init__` or `__eq__` recurses a little would die. The stack of a C program
//! is but a region that a global points into, so it can be moved: memory
//! begins larger by the new stack, which lies behind what the linker laid out,
//! and the global points to its end.
//!
//! C libraries take their heap's bounds from the linker and grow memory from
//! its current end, so they never hand that region out.

use std::ops::Range;
use wasm_encoder::Encode;
use wasmparser::{GlobalSectionReader, MemorySectionReader, Operator, Parser, Payload, ValType};

/// The stack that guests get: twice what 500 calls take, so that what C code
/// does not count (iterators around iterators) nests deep too. Its end has no
/// guard: what passes it overwrites the guest's own heap. Recursion that
/// is not counted was seen to take 130 bytes a Wasm frame, so
/// [`FRAMES`] comes first.
const STACK: u64 = 8 << 20;

/// Frames that code with this stack may nest. Recursions that CPython bounds
/// were seen to take some 30,000; what it does not count must trap while the
/// stack has room.
pub(crate) const FRAMES: usize = 50_000;

/// Bytes of a Wasm page.
const PAGE: u64 = 1 << 16;

/// Section ids.
const MEMORY: u8 = 5;
const GLOBAL: u8 = 6;

/// `wasm` with a stack of [`STACK`] bytes; as it was if its stack cannot be
/// told for certain or is that large already.
pub(crate) fn enlarge(wasm: Vec<u8>) -> Vec<u8> {
    match Plan::of(&wasm) {
        Some(plan) => plan.apply(&wasm),
        None => wasm,
    }
}

/// What is to be replaced: the two sections' contents, and the places in them.
struct Plan {
    memory: Range<usize>,
    memory_limit: Range<usize>,
    pages: u64,
    global: Range<usize>,
    stack_pointer: Range<usize>,
}

impl Plan {
    fn of(wasm: &[u8]) -> Option<Self> {
        let mut memory = None;
        let mut global = None;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let ty = import.ok()?.ty;
                        if !matches!(ty, wasmparser::TypeRef::Func(_)) {
                            return None;
                        }
                    }
                }
                Payload::MemorySection(reader) => memory = Some(Self::memory(wasm, &reader)?),
                Payload::GlobalSection(reader) => global = Some(Self::global(&reader)?),
                Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        let (memory, memory_limit, pages) = memory?;
        let (global, stack_pointer, stack_end) = global?;
        let fits = stack_end > 0 && u64::from(stack_end) <= pages * PAGE;
        // The stack comes first in memory or behind the data; either way it
        // is not larger than where it ends.
        let small = u64::from(stack_end) < STACK;
        let in_order = memory.end < global.start;
        (fits && small && in_order).then_some(Self {
            memory,
            memory_limit,
            pages,
            global,
            stack_pointer,
        })
    }

    /// The only memory: its section's range, its initial size's, that size.
    fn memory(
        wasm: &[u8],
        reader: &MemorySectionReader<'_>,
    ) -> Option<(Range<usize>, Range<usize>, u64)> {
        let range = within(reader.range())?;
        let memories: Vec<_> = reader
            .clone()
            .into_iter_with_offsets()
            .collect::<Result<_, _>>()
            .ok()?;
        let [(offset, ty)] = memories.as_slice() else {
            return None;
        };
        let pages = ty.initial + STACK / PAGE;
        let refused = ty.memory64
            || ty.shared
            || ty.page_size_log2.is_some()
            || pages > PAGE
            || ty.maximum.is_some_and(|maximum| pages > maximum);
        let limit = usize::try_from(*offset).ok()? + 1;
        (!refused).then(|| (range, limit..limit + leb_len(&wasm[limit..]), ty.initial))
    }

    /// The first global, if it is what linkers make the stack pointer: its
    /// section's range, the range of its initial value, that value.
    fn global(reader: &GlobalSectionReader<'_>) -> Option<(Range<usize>, Range<usize>, u32)> {
        let global = reader.clone().into_iter().next()?.ok()?;
        if global.ty.content_type != ValType::I32 || !global.ty.mutable {
            return None;
        }
        let mut operators = global
            .init_expr
            .get_operators_reader()
            .into_iter_with_offsets();
        let (Operator::I32Const { value }, start) = operators.next()?.ok()? else {
            return None;
        };
        let (Operator::End, end) = operators.next()?.ok()? else {
            return None;
        };
        let value_at = within(start + 1..end)?;
        Some((within(reader.range())?, value_at, value.cast_unsigned()))
    }

    fn apply(&self, wasm: &[u8]) -> Vec<u8> {
        let pages = self.pages + STACK / PAGE;
        let mut limit = Vec::new();
        pages.encode(&mut limit);
        let mut stack_pointer = Vec::new();
        // At 4 GiB exactly the address would wrap to 0, which is the same
        // place counted from above.
        let end = u32::try_from(pages * PAGE).unwrap_or(0);
        end.cast_signed().encode(&mut stack_pointer);
        let mut out = Vec::with_capacity(wasm.len() + 16);
        // A section begins with its id and its length, which come anew.
        let before = header_start(wasm, &self.memory);
        out.extend_from_slice(&wasm[..before]);
        section(
            &mut out,
            MEMORY,
            wasm,
            &self.memory,
            &self.memory_limit,
            &limit,
        );
        let between = header_start(wasm, &self.global);
        out.extend_from_slice(&wasm[self.memory.end..between]);
        section(
            &mut out,
            GLOBAL,
            wasm,
            &self.global,
            &self.stack_pointer,
            &stack_pointer,
        );
        out.extend_from_slice(&wasm[self.global.end..]);
        out
    }
}

/// Writes the section `id` of `wasm` whose contents are at `range`, with the
/// bytes at `place` replaced by `new`.
fn section(
    out: &mut Vec<u8>,
    id: u8,
    wasm: &[u8],
    range: &Range<usize>,
    place: &Range<usize>,
    new: &[u8],
) {
    let contents = [
        &wasm[range.start..place.start],
        new,
        &wasm[place.end..range.end],
    ]
    .concat();
    out.push(id);
    contents.encode(out);
}

/// Where the header of the section with contents at `range` begins: its length
/// may be written longer than need be, so go back to the byte that is its id.
fn header_start(wasm: &[u8], range: &Range<usize>) -> usize {
    let mut length = range.start - 1;
    while length > 0 && wasm[length - 1] & 0x80 != 0 {
        length -= 1;
    }
    length - 1
}

/// Offsets in a file as places in memory.
fn within(range: Range<u64>) -> Option<Range<usize>> {
    Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}

/// Bytes of the LEB128 number that `bytes` begins with.
fn leb_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `enlarge` makes of `text`, run: memory's pages, the stack pointer.
    fn enlarged(text: &str) -> (u64, i32) {
        let wasm = enlarge(wat::parse_str(text).unwrap());
        let engine = wasmi::Engine::default();
        let module = wasmi::Module::new(&engine, &wasm).unwrap();
        let mut store = wasmi::Store::new(&engine, ());
        let instance = wasmi::Linker::new(&engine)
            .instantiate_and_start(&mut store, &module)
            .unwrap();
        let memory = instance.get_memory(&store, "m").unwrap();
        let global = instance.get_global(&store, "g").unwrap();
        let wasmi::Val::I32(value) = global.get(&store) else {
            panic!("no i32")
        };
        (memory.size(&store), value)
    }

    #[test]
    fn stack_lies_behind_what_was_there() {
        let text = r#"(module (memory (export "m") 160)
            (global (export "g") (mut i32) (i32.const 524288))
            (global i64 (i64.const 7)) (func) (data (i32.const 0) "x"))"#;
        assert_eq!(enlarged(text), (160 + 128, (160 + 128) << 16));
    }

    #[test]
    fn what_is_not_certain_stays() {
        for (text, pages, value) in [
            // The memory may not grow.
            (
                r#"(module (memory (export "m") 9 9)
                (global (export "g") (mut i32) (i32.const 65536)))"#,
                9,
                65_536,
            ),
            // No pointer into memory.
            (
                r#"(module (memory (export "m") 1)
                (global (export "g") (mut i32) (i32.const 65537)))"#,
                1,
                65_537,
            ),
            // Nothing that moves.
            (
                r#"(module (memory (export "m") 1)
                (global (export "g") i32 (i32.const 1024)))"#,
                1,
                1_024,
            ),
            // Large already.
            (
                r#"(module (memory (export "m") 200)
                (global (export "g") (mut i32) (i32.const 8388608)))"#,
                200,
                8_388_608,
            ),
        ] {
            assert_eq!(enlarged(text), (pages, value), "{text}");
        }
    }

    #[test]
    fn without_memory_or_globals_nothing_changes() {
        for text in [
            "(module)",
            "(module (memory 1))",
            "(module (global (mut i32) (i32.const 1)))",
            r#"(module (import "a" "m" (memory 1)) (global (mut i32) (i32.const 1)))"#,
        ] {
            let wasm = wat::parse_str(text).unwrap();
            assert_eq!(enlarge(wasm.clone()), wasm, "{text}");
        }
        assert_eq!(enlarge(b"\0asm\x01\0\0\0\x05\xff".to_vec()).len(), 10);
    }
}
