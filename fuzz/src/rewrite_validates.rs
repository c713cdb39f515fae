//! What is made of a valid module is valid, whatever is done to it and in
//! whichever order; what is not valid is an error, and nothing worse.
//!
//! The first byte says how many passes there are, and whether the module is made
//! from the bytes behind them or is these bytes; each pass takes two bytes.

use crate::smith;
use dormouse_snapshot::{
    CALLS, COMPARES, COVERAGE, CURRENT_FUNCTION, DEPTH, EDGES, Error, HOT, Heat, Instrumented,
    LOADED, Point, Worth, bound, calls, coalesce, compares, counts, cover, edges, entries,
    function_name, inline, list, mend, outline, promote, split, trace,
};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// Passes over one module. Each may make it several times as long.
const MOST_PASSES: usize = 5;

/// Bytes of a module that is rewritten once more.
const MOST_BYTES: usize = 1 << 20;

/// Stretches that something is said of; of those beyond, nothing.
const STRETCHES: usize = 2000;

/// Applies passes to a module, both as `bytes` have them.
pub fn rewrite_validates(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let count = usize::from(first >> 1) % (MOST_PASSES + 1);
    let Some((choices, rest)) = rest.split_at_checked(2 * count) else {
        return;
    };
    let made = match first & 1 {
        0 => smith::module(rest),
        _ => Some(rest.to_vec()),
    };
    let Some(mut wasm) = made else {
        return;
    };
    if !is_valid(&wasm) {
        return try_all(&wasm);
    }
    let mut done = Vec::new();
    for choice in choices.chunks(2) {
        let (pass, seed) = (Pass::of(choice[0]), choice[1]);
        if wasm.len() > MOST_BYTES || pass.exports().iter().any(|name| exports(&wasm, name)) {
            continue;
        }
        done.push(pass);
        match pass.apply(&wasm, seed) {
            Ok(rewritten) => wasm = rewritten,
            Err(error) => pass.check_error(&error, &done),
        }
        if let Err(error) = validator().validate_all(&wasm) {
            panic!("{done:?} give what is not valid: {error}");
        }
    }
}

/// What the engine accepts: see `src/engine/load.rs`.
fn validator() -> Validator {
    Validator::new_with_features(
        WasmFeatures::WASM2
            | WasmFeatures::MULTI_MEMORY
            | WasmFeatures::MEMORY64
            | WasmFeatures::TAIL_CALL
            | WasmFeatures::EXTENDED_CONST
            | WasmFeatures::RELAXED_SIMD,
    )
}

fn is_valid(wasm: &[u8]) -> bool {
    Parser::is_core_wasm(wasm) && validator().validate_all(wasm).is_ok()
}

/// Gives each pass what is not valid.
fn try_all(wasm: &[u8]) {
    for pass in Pass::ALL {
        _ = pass.apply(wasm, 7);
    }
    _ = entries(wasm);
    _ = function_name(wasm, 1);
    _ = counts(wasm).count();
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Mend,
    Promote,
    Inline,
    Coalesce,
    Cover,
    Trace,
    Bound,
    Outline,
    List,
    Split,
    Instrument,
    Edges,
    Compares,
    Calls,
}

impl Pass {
    const ALL: [Self; 14] = [
        Self::Mend,
        Self::Promote,
        Self::Inline,
        Self::Coalesce,
        Self::Cover,
        Self::Trace,
        Self::Bound,
        Self::Outline,
        Self::List,
        Self::Split,
        Self::Instrument,
        Self::Edges,
        Self::Compares,
        Self::Calls,
    ];

    fn of(choice: u8) -> Self {
        Self::ALL[usize::from(choice) % Self::ALL.len()]
    }

    /// What a module must not export yet: names begin so.
    fn exports(self) -> &'static [&'static str] {
        match self {
            Self::Cover => &[COVERAGE],
            Self::Trace => &[CURRENT_FUNCTION],
            Self::List => &[HOT],
            Self::Split => &[LOADED],
            Self::Edges => &[EDGES],
            Self::Compares => &[COMPARES],
            Self::Calls => &[CALLS, DEPTH],
            _ => &[],
        }
    }

    /// What differs from call to call depends on `seed`.
    fn apply(self, wasm: &[u8], seed: u8) -> Result<Vec<u8>, Error> {
        Ok(match self {
            Self::Mend => mend(wasm)?.into_owned(),
            Self::Promote => promote(wasm)?.into_owned(),
            Self::Inline => inline(wasm)?.into_owned(),
            Self::Coalesce => coalesce(wasm)?.into_owned(),
            Self::Cover => cover(wasm)?,
            Self::Trace => trace(wasm)?,
            Self::Bound => {
                let counts: Vec<u32> = (0..STRETCHES)
                    .map(|at| drawn(seed, at).saturating_sub(1 << 31))
                    .collect();
                let bounded = bound(wasm, &counts)?;
                let stretches = cover(&bounded.module).and_then(|_| entries(&bounded.module))?;
                let last = stretches.last().map_or(0, |last| last + 1);
                assert!(last <= bounded.stretches.len(), "stretches are missing");
                bounded.module
            }
            Self::Outline => {
                let heat: Vec<Heat> = (0..STRETCHES)
                    .map(|at| match drawn(seed, at) % 5 {
                        0 | 1 => Heat::Cold,
                        2 => Heat::Near,
                        _ => Heat::Hot,
                    })
                    .collect();
                let bytes = usize::from(seed % 12);
                outline(wasm, &heat, Worth { bytes })?.module
            }
            Self::List => {
                let functions: Vec<u32> = (0..40)
                    .filter(|index| drawn(seed, *index) & 1 == 0)
                    .map(|index| index as u32)
                    .collect();
                list(wasm, &functions)?
            }
            Self::Split => split(wasm, |index| drawn(seed, index as usize) & 1 == 0)?,
            Self::Instrument => Instrumented::new(wasm, &point(wasm, seed))?.wasm().to_vec(),
            Self::Edges => edges(wasm)?.0,
            Self::Compares => compares(wasm)?,
            Self::Calls => calls(wasm)?,
        })
    }

    /// Passes that say so can't do everything; `split` is for images, as
    /// `same_result` has them.
    fn check_error(self, error: &Error, done: &[Self]) {
        let may_fail = match self {
            Self::Split => true,
            Self::Instrument => error.is_refusal(),
            _ => false,
        };
        assert!(may_fail, "{done:?}: {error}");
    }
}

/// Bits that depend on `seed` and a position.
fn drawn(seed: u8, at: usize) -> u32 {
    let mixed = (at as u64 + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(u64::from(seed).wrapping_mul(0xbf58_476d_1ce4_e5b9));
    ((mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32) as u32
}

/// Whether a module exports something whose name begins so.
fn exports(wasm: &[u8], name: &str) -> bool {
    Parser::new(0).parse_all(wasm).any(|payload| match payload {
        Ok(Payload::ExportSection(section)) => section
            .into_iter()
            .any(|export| export.is_ok_and(|export| export.name.starts_with(name))),
        _ => false,
    })
}

/// One of the calls that `wasm` can be captured at.
fn point(wasm: &[u8], seed: u8) -> Point {
    let mut points = vec![Point::Idle];
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::ImportSection(section)) => {
                for import in section.into_imports().flatten() {
                    points.push(Point::Import {
                        module: import.module.to_owned(),
                        name: import.name.to_owned(),
                        args: (0..u32::from(seed & 1))
                            .map(|index| (index, u64::from(seed)))
                            .collect(),
                        nth: 1 + u64::from(seed >> 6),
                    });
                }
            }
            Ok(Payload::ExportSection(section)) => {
                for export in section.into_iter().flatten() {
                    points.push(Point::Init {
                        export: export.name.to_owned(),
                    });
                }
            }
            _ => {}
        }
    }
    let at = usize::from(seed) % points.len();
    points.swap_remove(at)
}
