//! Rewriting passes, with whatever they want to be told.

use dormouse_snapshot::{
    Error, Heat, Worth, bound, coalesce, cover, entries, inline, list, mend, outline, promote,
    split, trace,
};

/// More stretches than any module here has.
const STRETCHES: usize = 20_000;

/// What is done to each module, before it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Mend,
    Trace,
    Cover,
    List,
    Bound,
    Promote,
    Inline,
    Coalesce,
    /// What is done to a guest that was built without optimization.
    Lean,
    /// With heat drawn from this seed.
    Outline(u64),
    /// Likewise what stays.
    Split(u64),
    /// All that is done to a language's image.
    Arrange(u64),
}

impl Pass {
    /// `wasm` rewritten.
    pub(super) fn apply(self, wasm: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(match self {
            Self::Mend => mend(wasm)?.into_owned(),
            Self::Trace => trace(wasm)?,
            Self::Cover => cover(wasm)?,
            Self::List => list(wasm, &(0..64).collect::<Vec<u32>>())?,
            Self::Bound => bound(wasm, &[])?.module,
            Self::Promote => promote(wasm)?.into_owned(),
            Self::Inline => inline(wasm)?.into_owned(),
            Self::Coalesce => coalesce(wasm)?.into_owned(),
            Self::Lean => {
                let promoted = promote(wasm)?;
                let inlined = inline(&promoted)?;
                let coalesced = coalesce(&inlined)?;
                mend(&coalesced)?.into_owned()
            }
            Self::Outline(seed) => outlined(wasm, seed)?,
            Self::Split(seed) => {
                let stays = |index: u32| Random(seed ^ u64::from(index)).below(2) == 0;
                split(wasm, stays)?
            }
            Self::Arrange(seed) => {
                let bounded = bound(wasm, &[])?.module;
                let outlined = outlined(&bounded, seed)?;
                let listed = list(&outlined, &[1, 3, 5])?;
                let stays = |index: u32| Random(seed ^ u64::from(index)).below(3) > 0;
                split(&listed, stays)?
            }
        })
    }
}

fn outlined(wasm: &[u8], seed: u64) -> Result<Vec<u8>, Error> {
    let mut random = Random(seed);
    let keep = random.below(8);
    let mut heat: Vec<Heat> = (0..STRETCHES)
        .map(|_| match random.below(16) {
            n if n < keep => Heat::Hot,
            n if n < 2 * keep => Heat::Near,
            _ => Heat::Cold,
        })
        .collect();
    // Nothing is cut out of functions that begin cold.
    for entry in entries(wasm)? {
        heat[entry] = Heat::Hot;
    }
    let worth = Worth {
        bytes: random.below(4) as usize,
    };
    Ok(outline(wasm, &heat, worth)?.module)
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
