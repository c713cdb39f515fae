//! How wasmi is set up.

/// Frames that guest code may nest, unless its language has a limit of its own.
/// Interpreters count calls themselves and must come to the end of their
/// counting first, so that programs get an exception instead of a trap.
pub(crate) const MAX_RECURSION_DEPTH: usize = 200_000;

/// Bytes of values that those frames may hold. With the frames' own records
/// this bounds what a hostile recursion costs the host to about 80 MiB, for
/// as long as it lasts.
const MAX_STACK_HEIGHT: usize = 32 << 20;

/// Finished stacks that wasmi keeps for reuse; a deep recursion's stack must
/// not stay behind.
const MAX_CACHED_STACKS: usize = 1;

/// Translation is free: it happens once per function and module, so charging
/// the run that comes first would make fuel differ from run to run; and a run
/// that is out of fuel in the middle of it could not be resumed.
const FUEL_COSTS: wasmi::CustomFuelCosts = wasmi::CustomFuelCosts {
    bytes_copied_per_fuel: 64,
    fuel_per_bytes_translated: 0,
    fuel_per_bytes_validated: 0,
};

/// Whether modules may use vectors. On big-endian machines wasmi 2.0.0 takes their
/// lanes in the wrong order, and gives wrong results without a word. On riscv64 its
/// `i8x16.shuffle` stays a call, so that a loop of some ten thousand rounds overflows the
/// native stack.
pub(super) const HAS_VECTORS: bool =
    cfg!(all(target_endian = "little", not(target_arch = "riscv64")));

/// Whether the interpreter counts what it executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metering {
    /// No: fastest; somebody else must end a guest that loops.
    Off,
    /// Yes: fuel can run out, between any two basic blocks.
    On,
}

/// A configured interpreter.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    inner: wasmi::Engine,
    metering: Metering,
    frames: usize,
    tail_calls: bool,
}

impl Engine {
    pub(crate) fn new(metering: Metering, frames: usize) -> Self {
        Self {
            inner: wasmi::Engine::new(&config(metering, frames)),
            metering,
            frames,
            tail_calls: false,
        }
    }

    /// Whether modules with tail calls are valid. They are to be mended first:
    /// see [`load`](super::load).
    pub(super) fn has_tail_calls(&self) -> bool {
        self.tail_calls
    }

    /// The same engine anew, for modules with tail calls.
    pub(super) fn with_tail_calls(&self) -> Self {
        let mut config = config(self.metering, self.frames);
        config.wasm_tail_call(true);
        Self {
            inner: wasmi::Engine::new(&config),
            tail_calls: true,
            ..self.clone()
        }
    }

    pub(crate) fn inner(&self) -> &wasmi::Engine {
        &self.inner
    }

    pub(crate) fn metering(&self) -> Metering {
        self.metering
    }
}

fn config(metering: Metering, frames: usize) -> wasmi::Config {
    let mut config = wasmi::Config::default();
    config
        .consume_fuel(metering == Metering::On)
        .compilation_mode(wasmi::CompilationMode::LazyTranslation)
        .fuel_cost(FUEL_COSTS)
        // wasmi would copy them, and an image keeps its memory in one.
        .ignore_custom_sections(true)
        // Only once they have been mended.
        .wasm_tail_call(false)
        .set_max_recursion_depth(frames)
        .set_max_stack_height(MAX_STACK_HEIGHT)
        .set_max_cached_stacks(MAX_CACHED_STACKS);
    if !HAS_VECTORS {
        config.wasm_simd(false).wasm_relaxed_simd(false);
    }
    config
}
