//! What `benches/wake.rs` measures; no part of the library's interface.

use super::{Code, Instance, Prepared, State};
use crate::{
    Error, ErrorKind, Image, Output, Program, Sandbox, Stdin,
    engine::{
        Engine, MAX_RECURSION_DEPTH, Meter, Metering,
        mapping::{Contents, Extent, Memories, PAGE, Reservation, Source, Trusted},
    },
    wasi::{Clock, Context, Random, Root, Stdio},
};
use std::{fs::File, path::Path, sync::Arc};
use wasmi::Val;

/// As much memory as any instance here wants.
const LIMIT: u64 = 256 << 20;

/// A guest with all of WASI's usual imports and a memory to touch.
const GUEST: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read"
        (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
        (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
    (import "dormouse" "memory0" (memory 0))
    (global (export "stack") (mut i32) (i32.const 7))
    (export "memory" (memory 0))
    (func (export "touch") (param $pages i32) (result i32)
        (local $at i32)
        (block $done
            (loop $next
                (br_if $done (i32.eqz (local.get $pages)))
                (i32.store (local.get $at) (i32.const 9))
                (local.set $at (i32.add (local.get $at) (i32.const 4096)))
                (local.set $pages (i32.sub (local.get $pages) (i32.const 1)))
                (br $next)))
        (i32.const 0)))"#;

/// An image to wake instances from.
pub struct Dormant {
    prepared: Prepared,
    ready: Option<Reservation>,
}

/// One of its instances.
pub struct Awake(Instance);

impl Dormant {
    /// An image whose memory is the file at `path`, with one page of zeros
    /// after each 16 of contents.
    ///
    /// # Errors
    ///
    /// When the file can't be used.
    pub fn new(path: &Path) -> Result<Self, Error> {
        let io = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string());
        let file = File::open(path).map_err(io)?;
        let pages = file.metadata().map_err(io)?.len() / PAGE;
        let extents = (0..pages)
            .step_by(16)
            .map(|page| Extent {
                guest: (page + page / 16) * PAGE,
                file: page * PAGE,
                len: (pages - page).min(16) * PAGE,
            })
            .collect();
        let contents = Contents {
            pages: pages + pages / 16 + 1,
            maximum: None,
            extents,
        };
        let wasm =
            wat::parse_str(GUEST).map_err(|e| Error::new(ErrorKind::Module, e.to_string()))?;
        let prepared = Prepared::image(
            &Code::Trusted(Trusted::built_here(&wasm)),
            None,
            Memories::new(Source::File(Arc::new(file)), vec![contents])?,
            &Engine::new(Metering::Off, MAX_RECURSION_DEPTH),
            |_| Ok(()),
        )?
        .reset_in_place(true);
        Ok(Self {
            prepared,
            ready: None,
        })
    }

    /// Remembers what `awake` has written to.
    pub fn remember(&mut self, awake: &Awake) {
        let written = awake.0.written(&self.prepared);
        if let Some(image) = &mut self.prepared.image {
            image.memories = image.memories.clone().with_written(written);
        }
    }

    /// Makes a reservation ready for the next instance.
    pub fn reserve(&mut self) {
        self.ready = self
            .prepared
            .memories()
            .map(|memories| Reservation::new(memories, LIMIT));
    }

    /// An instance.
    ///
    /// # Errors
    ///
    /// When it doesn't wake.
    pub fn wake(&mut self) -> Result<Awake, Error> {
        if self.ready.is_none() {
            self.reserve();
        }
        let ready = self.ready.take().unwrap_or_else(Reservation::empty);
        match Instance::wake(&self.prepared, state()?, ready) {
            Ok(instance) => Ok(Awake(instance)),
            Err(_) => Err(Error::new(ErrorKind::Engine, "it does not wake")),
        }
    }

    /// The instance as it was.
    ///
    /// # Errors
    ///
    /// When it can't be reset.
    pub fn reset(&self, awake: Awake) -> Result<Awake, Error> {
        match awake.0.reset(&self.prepared, state()?) {
            Ok(instance) => Ok(Awake(instance)),
            Err(_) => Err(Error::new(ErrorKind::Engine, "it is not reset")),
        }
    }
}

/// An instance of a language's image, held by its process.
pub struct Held(#[expect(dead_code, reason = "it is only to be there")] Instance);

/// An instance of `image`, woken only, or, if `runs`, when it has run `program`.
///
/// # Errors
///
/// When it does not wake.
pub fn hold(image: &Image, program: &Program, runs: bool) -> Result<Held, Error> {
    Sandbox::new(image).hold(program, runs).map(Held)
}

impl Awake {
    /// Writes to `pages` OS pages.
    ///
    /// # Errors
    ///
    /// When the guest traps.
    pub fn touch(&mut self, pages: i32) -> Result<(), Error> {
        let missing = || Error::new(ErrorKind::Invoke, "there is no touch");
        let touch = self.0.func("touch").ok_or_else(missing)?;
        let mut results = [Val::I32(0)];
        self.0
            .call(touch, &[Val::I32(pages)], &mut results)
            .map_err(|stop| Error::new(ErrorKind::Engine, stop.to_string()))
    }
}

/// The host's side of a run that grants nothing.
fn state() -> Result<State, Error> {
    let meter = Arc::new(Meter::new(None, None));
    let stdio = Stdio::new(
        Stdin::default(),
        Output::default(),
        Output::default(),
        &meter,
    )
    .map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
    let clock = Clock::new(false, Arc::clone(&meter));
    let root = Root::new(&[], 0)?;
    let context = Context::new(root, stdio, clock, Random::new(Some(1))?)?;
    Ok(State::new(context, LIMIT, None, meter))
}

/// Building the host's side of a run, which waking and resetting include.
///
/// # Errors
///
/// When it can't be built.
pub fn build_state() -> Result<(), Error> {
    state().map(drop)
}
