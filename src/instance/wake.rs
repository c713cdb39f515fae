//! Instances from images, and back to them.

use super::{
    Failure, Instance, Prepared, State, call,
    limiter::Taken,
    prepared::{ImageMemories, mismatch},
    store,
};
use crate::{
    Error, ErrorKind,
    engine::{
        Engine, Metering, ahead,
        mapping::{MappedStore, Memories, Reservation},
    },
};
use dormouse_snapshot::{LOADED, STOP};
#[cfg(feature = "bench")]
use std::ops::Range;
use std::thread::{self, JoinHandle};
use wasmi::{Extern, Global, MemoryType, Mutability, Val};

/// Why an instance did not wake.
pub(crate) enum WakeError {
    /// The image's memories are larger than the run's limit allows. A plain
    /// start may need less.
    TooLarge(Box<State>),
    /// As for any instance.
    Failed(Failure),
}

impl From<Error> for WakeError {
    fn from(error: Error) -> Self {
        Self::Failed(Failure::Error(error))
    }
}

/// What an instance's memories will lie in, being made.
pub(crate) enum Reserving {
    /// On another thread, while its image is loaded.
    Beside(JoinHandle<Reserved>, Memories, u64),
    /// When it is needed.
    Later(Memories, u64),
}

/// What an instance's memories will lie in.
pub(crate) enum Reserved {
    /// Address space.
    Space(Reservation),
    /// Address space, with the memories in it, in the store of an instance
    /// still to be made; its state is nobody's.
    Store(Box<MappedStore<State>>),
}

impl Reserving {
    /// Begins to reserve space for `memories` under a limit of `limit` bytes.
    /// With an `engine`, that the image will be loaded for, on another thread,
    /// if a processor is idle, which puts the memories there too.
    pub(crate) fn begin(memories: &Memories, limit: u64, engine: Option<&Engine>) -> Self {
        if let Some(engine) = engine
            && ahead::idle_processors() > 0
        {
            let (its, engine) = (memories.clone(), engine.clone());
            let thread = thread::Builder::new()
                .name("dormouse-reserve".to_owned())
                .spawn(move || reserve_and_lay(&engine, &its, limit));
            if let Ok(thread) = thread {
                return Self::Beside(thread, memories.clone(), limit);
            }
        }
        Self::Later(memories.clone(), limit)
    }

    /// What was made.
    pub(crate) fn end(self) -> Reserved {
        match self {
            Self::Beside(thread, memories, limit) => thread
                .join()
                .unwrap_or_else(|_| Reserved::Space(Reservation::new(&memories, limit))),
            Self::Later(memories, limit) => Reserved::Space(Reservation::new(&memories, limit)),
        }
    }
}

/// A store with `memories`, as far as that can be told without the module that
/// imports them.
fn reserve_and_lay(engine: &Engine, memories: &Memories, limit: u64) -> Reserved {
    let reservation = Reservation::new(memories, limit);
    let Ok(nobody) = State::nobody(u64::MAX) else {
        return Reserved::Space(reservation);
    };
    let mut store = store(engine, nobody, reservation);
    let types = vec![MemoryType::new(0, None); memories.contents().len()];
    match store.memories(memories, &types) {
        Ok(_) => Reserved::Store(Box::new(store)),
        Err(_) => Reserved::Space(Reservation::new(memories, limit)),
    }
}

/// What an instance was when it woke.
pub(super) struct Awake {
    globals: Vec<(Global, Val)>,
    taken: Taken,
}

impl Instance {
    /// An instance of the image `prepared`, going on from where it was
    /// captured; `reservation` is one for its memories.
    pub(crate) fn wake(
        prepared: &Prepared,
        state: State,
        reservation: Reservation,
    ) -> Result<Self, WakeError> {
        let image = image(prepared)?;
        let limit = state.limiter.memory_left();
        if image.memories.bytes() > limit {
            return Err(WakeError::TooLarge(Box::new(state)));
        }
        let reservation = if limit > reservation.limit() {
            Reservation::new(&image.memories, limit)
        } else {
            reservation
        };
        let before = state.limiter.left();
        let mut store = store(&prepared.engine, state, reservation);
        store.memories(&image.memories, &image.types)?;
        Self::awaken(prepared, store, before)
    }

    /// The same in `store`, where its memories are already.
    pub(crate) fn wake_in(
        prepared: &Prepared,
        mut state: State,
        mut store: Box<MappedStore<State>>,
    ) -> Result<Self, WakeError> {
        let image = image(prepared)?;
        let limit = state.limiter.memory_left();
        if limit > store.reservation().limit()
            || !wasmi::Engine::same(store.store().engine(), prepared.engine.inner())
            || !store.has_made(&image.memories, &image.types)
        {
            return Self::wake(prepared, state, Reservation::new(&image.memories, limit));
        }
        let before = state.limiter.left();
        if !state.limiter.take(Taken::memory(image.memories.bytes())) {
            return Err(WakeError::TooLarge(Box::new(state)));
        }
        *store.data_mut() = state;
        Self::awaken(prepared, *store, before)
    }

    /// An instance whose memories are in `store`, and whose limiter had
    /// `before` before it had them.
    fn awaken(
        prepared: &Prepared,
        mut store: MappedStore<State>,
        before: Taken,
    ) -> Result<Self, WakeError> {
        if prepared.engine.metering() == Metering::On {
            call::fill(&mut store)?;
        }
        let mut linker = prepared.link(&store.made())?;
        if prepared.is_bounded() {
            store.data_mut().limiter.for_host(true);
            let made = store.make_stop();
            store.data_mut().limiter.for_host(false);
            linker
                .define(STOP.0, STOP.1, made?)
                .map_err(|error| mismatch(&format!("it can't be stopped: {error}")))?;
        }
        let mut instance =
            Self::instantiate(prepared, store, &linker).map_err(WakeError::Failed)?;
        instance.awake = Some(Awake {
            globals: mutable_globals(&instance.instance, &instance.store),
            taken: instance.store.data().limiter.taken_since(before),
        });
        Ok(instance)
    }

    /// What of each of its memories a woken instance has written to, for the
    /// image to remember: see [`with_written`](crate::engine::mapping::Memories::with_written).
    #[cfg(feature = "bench")]
    pub(crate) fn written(&self, prepared: &Prepared) -> Vec<Vec<Range<u64>>> {
        prepared
            .memories()
            .map(|memories| self.store.written(memories))
            .unwrap_or_default()
    }

    /// Brings a woken instance back to its image, for another run with
    /// `state`, in place where [`is_restorable`](super::is_restorable) said so,
    /// else in the same address space: what [`rest`](Self::rest) and
    /// [`of`](Self::of) do, at once.
    #[cfg(any(test, feature = "bench", feature = "fuzz"))]
    pub(crate) fn reset(self, prepared: &Prepared, state: State) -> Result<Self, WakeError> {
        let image = image(prepared)?;
        if prepared.is_reset_in_place() {
            self.reset_in_place(prepared, image, state)
        } else {
            self.reset_anew(prepared, image, state)
        }
    }

    #[cfg(any(test, feature = "bench", feature = "fuzz"))]
    fn reset_in_place(
        mut self,
        prepared: &Prepared,
        image: &ImageMemories,
        state: State,
    ) -> Result<Self, WakeError> {
        if state.limiter.memory_left() > self.store.reservation().limit() || !self.rewind(image)? {
            return self.reset_anew(prepared, image, state);
        }
        self.go_on(prepared, state)
    }

    /// Brings memory and globals back to the image; `false` where that can't be.
    pub(super) fn rewind(&mut self, image: &ImageMemories) -> Result<bool, Error> {
        let Some(awake) = &self.awake else {
            return Ok(false);
        };
        if !self.store.restore(&image.memories)? {
            return Ok(false);
        }
        for (global, value) in &awake.globals {
            global
                .set(&mut self.store, value.clone())
                .map_err(|error| {
                    Error::new(
                        ErrorKind::Engine,
                        format!("a global can't be reset: {error}"),
                    )
                })?;
        }
        Ok(true)
    }

    /// Goes on from the image, where it is, with `state`.
    pub(super) fn go_on(
        mut self,
        prepared: &Prepared,
        mut state: State,
    ) -> Result<Self, WakeError> {
        let taken = self.awake.as_ref().map(|awake| awake.taken);
        if !taken.is_none_or(|taken| state.limiter.take(taken)) {
            return Err(WakeError::TooLarge(Box::new(state)));
        }
        *self.store.data_mut() = state;
        if prepared.engine.metering() == Metering::On {
            call::fill(&mut self.store)?;
        }
        Ok(self)
    }

    #[cfg(any(test, feature = "bench", feature = "fuzz"))]
    fn reset_anew(
        self,
        prepared: &Prepared,
        image: &ImageMemories,
        state: State,
    ) -> Result<Self, WakeError> {
        let (_, mut reservation) = self.store.into_parts();
        reservation.renew(&image.memories);
        Self::wake(prepared, state, reservation)
    }
}

fn image(prepared: &Prepared) -> Result<&ImageMemories, Error> {
    prepared.image.as_ref().ok_or_else(|| {
        Error::new(
            ErrorKind::Engine,
            "the module is not an image's, so there is nothing to wake from",
        )
    })
}

/// The exported globals that the guest can change, with their values.
pub(super) fn mutable_globals(
    instance: &wasmi::Instance,
    store: &MappedStore<State>,
) -> Vec<(Global, Val)> {
    instance
        .exports(store)
        // Code that was loaded stays so.
        .filter(|export| export.name() != LOADED)
        .filter_map(|export| match export.into_extern() {
            Extern::Global(global) if global.ty(store).mutability() == Mutability::Var => {
                Some((global, global.get(store)))
            }
            _ => None,
        })
        .collect()
}
