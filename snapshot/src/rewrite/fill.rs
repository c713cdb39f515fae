//! Segments that give memories and tables their captured content.

use wasm_encoder::{ConstExpr, DataSection, ElementSection, Elements};

fn offset(is_64: bool, at: usize) -> ConstExpr {
    if is_64 {
        ConstExpr::i64_const((at as u64).cast_signed())
    } else {
        // A 32-bit memory has no greater offset.
        ConstExpr::i32_const(u32::try_from(at).unwrap_or(u32::MAX).cast_signed())
    }
}

/// Adds a segment for each run of functions in `table`; the rest is null.
pub(super) fn fill_table(
    section: &mut ElementSection,
    index: u32,
    is_64: bool,
    table: &[Option<u32>],
) {
    let mut at = 0;
    for run in table.chunk_by(|a, b| a.is_some() == b.is_some()) {
        let functions: Vec<u32> = run.iter().copied().flatten().collect();
        if !functions.is_empty() {
            let offset = offset(is_64, at);
            section.active(Some(index), &offset, Elements::Functions(functions.into()));
        }
        at += run.len();
    }
}

/// Segments that all memories may be made of: validators allow 100,000, the
/// module's own among them.
pub(super) const MAX_SEGMENTS: usize = 20_000;

/// Adds segments for all of `contents` but its longer runs of zeros.
pub(super) fn fill_memory(
    section: &mut DataSection,
    index: u32,
    is_64: bool,
    contents: &[u8],
    max_segments: usize,
) {
    let mut gap = 32;
    let mut runs = nonzero_runs(contents, gap);
    while runs.len() > max_segments {
        gap *= 4;
        runs = nonzero_runs(contents, gap);
    }
    for run in runs {
        let offset = offset(is_64, run.start);
        section.active(index, &offset, contents[run].iter().copied());
    }
}

/// The parts of `bytes` between runs of at least `gap` zeros.
fn nonzero_runs(bytes: &[u8], gap: usize) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == 0 {
            continue;
        }
        match runs.last_mut() {
            Some(run) if at - run.end < gap => run.end = at + 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}
