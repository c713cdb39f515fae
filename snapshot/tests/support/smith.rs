//! Modules that nobody wrote.

use super::TAIL_CALLS;
use wasm_smith::{Config, InstructionKinds, Module};

/// Loops and calls that a module may begin, in all.
const FUEL: u32 = 400;

/// Bytes that one module is made of.
const SIZE: usize = 4096;

/// Bytes that depend on `seed` alone.
pub(crate) fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..SIZE / 8)
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
        })
        .collect()
}

/// What may be imported: every kind of value goes in and out.
fn imports() -> Vec<u8> {
    wat::parse_str(
        r#"(module
            (import "any" "a" (func))
            (import "any" "b" (func (result i32)))
            (import "any" "c" (func (param i32) (result i32)))
            (import "any" "d" (func (param i64 f32) (result f64 i32)))
            (import "any" "e" (func (param v128) (result v128)))
            (import "any" "f" (func (param funcref) (result funcref)))
            (import "any" "g" (func (param externref i32) (result externref)))
            (import "any" "h" (func (param i32 i32 i64 f64) (result i64 f32))))"#,
    )
    .expect("well-formed")
}

/// A module, and whether its code avoids traps.
pub(crate) fn module(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut source = arbitrary::Unstructured::new(bytes);
    let shape: u8 = source.arbitrary().ok()?;
    let config = Config {
        available_imports: Some(imports()),
        allowed_instructions: InstructionKinds::all(),
        disallow_traps: shape & 3 != 0,
        exceptions_enabled: false,
        gc_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        compact_imports_enabled: false,
        export_everything: true,
        max_memory32_bytes: 4 << 16,
        max_memory64_bytes: 4 << 16,
        memory_max_size_required: true,
        max_memories: 3,
        max_tables: 3,
        max_table_elements: 20,
        table_max_size_required: true,
        tail_call_enabled: TAIL_CALLS,
        max_instructions: 300,
        min_funcs: 3,
        max_funcs: 12,
        max_type_size: 200,
        ..Config::default()
    };
    let mut module = Module::new(config, &mut source).ok()?;
    module.ensure_termination(FUEL).ok()?;
    Some(module.to_bytes())
}
