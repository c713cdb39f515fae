//! A run that is captured at any call of its host, put into an image file and
//! woken from it, gives what it gives without a stop: by our own engine, loaded
//! as every program is, with what is done to make images fast, and also where an
//! instance is used for a second time.
//!
//! The first two bytes say which of that is done; a module is made from the rest.

mod running;

#[allow(dead_code, reason = "shared with the tests of the crate")]
#[path = "../../../snapshot/tests/support/generated.rs"]
mod generated;

use crate::{
    host::{Contents, Host},
    smith,
};
use dormouse_snapshot::{Error, Heat, Worth, bound, coalesce, inline, list, mend, outline, split};
use running::Running;
use std::cell::Cell;

/// Stretches that something is said of.
const STRETCHES: usize = 5000;

/// What is done to a module on its way.
#[derive(Debug, Clone, Copy, Default)]
struct How {
    flags: u8,
    seed: u8,
}

thread_local! {
    /// Of the module in hand.
    static HOW: Cell<How> = Cell::default();
}

/// Stops the module made from `bytes` at calls of one of its host's functions;
/// panics where that is to be seen.
pub fn same_result(bytes: &[u8]) {
    let [flags, seed, rest @ ..] = bytes else {
        return;
    };
    let how = How {
        flags: *flags,
        seed: *seed,
    };
    if let Some(wasm) = smith::module(rest) {
        HOW.set(how);
        let prepared = how.prepare(&wasm).expect("it is valid");
        // A call or two at a time: there are many things to try with each.
        let stops = |number, count, nth| {
            number == usize::from(how.seed) % count && how.calls().contains(&nth)
        };
        // Without a memory it is loaded as an image is, and these are mended before.
        let mended = mend(&wasm).expect("it is valid");
        generated::check_rewritten(&mended, &prepared, stops);
    }
}

impl How {
    fn of_this() -> Self {
        HOW.get()
    }

    fn is_metered(self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether the image is loaded without looking at it again.
    fn is_own(self) -> bool {
        self.flags & 2 != 0
    }

    fn is_lean(self) -> bool {
        self.flags & 4 != 0
    }

    fn is_bounded(self) -> bool {
        self.flags & 8 != 0
    }

    fn is_arranged(self) -> bool {
        self.flags & 16 != 0
    }

    /// Whether what is looked at is not the image's first run.
    fn is_reset(self) -> bool {
        self.flags & 32 != 0
    }

    /// Those at which a module is stopped.
    fn calls(self) -> &'static [u64] {
        match self.flags >> 6 {
            0 => &[1],
            1 => &[2],
            2 => &[3, 4],
            _ => &[7, 19],
        }
    }

    /// What is done before a module is captured.
    fn prepare(self, wasm: &[u8]) -> Result<Vec<u8>, Error> {
        let mended = mend(wasm)?;
        if !self.is_lean() {
            return Ok(mended.into_owned());
        }
        let inlined = inline(&mended)?;
        let lean = coalesce(&inlined)?;
        Ok(mend(&lean)?.into_owned())
    }

    /// What is done to an image's module.
    fn arrange(self, mut wasm: Vec<u8>) -> Result<Vec<u8>, Error> {
        if self.is_bounded() {
            let counts: Vec<u32> = self.drawn(7).collect();
            wasm = bound(&wasm, &counts)?.module;
        }
        if !self.is_arranged() {
            return Ok(wasm);
        }
        let heat: Vec<Heat> = self
            .drawn(5)
            .map(|drawn| match drawn {
                0 | 1 => Heat::Cold,
                2 => Heat::Near,
                _ => Heat::Hot,
            })
            .collect();
        let outlined = outline(&wasm, &heat, Worth::default())?;
        let even = |index: u32| (index ^ u32::from(self.seed)).count_ones() & 1 == 0;
        let hot: Vec<u32> = (0..100).filter(|index| even(*index)).collect();
        let listed = list(&outlined.module, &hot)?;
        split(&listed, |index| {
            outlined.near.contains(&index) || even(index)
        })
    }

    /// Numbers below `limit`, one for each stretch.
    fn drawn(self, limit: u32) -> impl Iterator<Item = u32> {
        let mut state = u64::from(self.seed) + 1;
        (0..STRETCHES).map(move |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32 % limit
        })
    }
}
