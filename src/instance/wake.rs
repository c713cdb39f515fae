//! Instances from images, and back to them.

use super::{
    Failure, Instance, Prepared, State, call, limiter::Taken, prepared::ImageMemories, store,
};
use crate::{
    Error, ErrorKind,
    engine::{
        Metering, ahead,
        mapping::{MappedStore, Memories, Reservation},
    },
};
use dormouse_snapshot::LOADED;
#[cfg(feature = "bench")]
use std::ops::Range;
use std::thread::{self, JoinHandle};
use wasmi::{Extern, Global, Mutability, Val};

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

/// Address space for an instance, being reserved.
pub(crate) enum Reserving {
    /// On another thread, while its image is loaded.
    Beside(JoinHandle<Reservation>, Memories, u64),
    /// When it is needed.
    Later(Memories, u64),
}

impl Reserving {
    /// Begins to reserve space for `memories` under a limit of `limit` bytes;
    /// on another thread if `beside`, and a processor is idle.
    pub(crate) fn begin(memories: &Memories, limit: u64, beside: bool) -> Self {
        if beside && ahead::idle_processors() > 0 {
            let its = memories.clone();
            let thread = thread::Builder::new()
                .name("dormouse-reserve".to_owned())
                .spawn(move || Reservation::new(&its, limit));
            if let Ok(thread) = thread {
                return Self::Beside(thread, memories.clone(), limit);
            }
        }
        Self::Later(memories.clone(), limit)
    }

    /// The reservation.
    pub(crate) fn end(self) -> Reservation {
        match self {
            Self::Beside(thread, memories, limit) => match thread.join() {
                Ok(reservation) => reservation,
                Err(_) => Reservation::new(&memories, limit),
            },
            Self::Later(memories, limit) => Reservation::new(&memories, limit),
        }
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
        let mut store = store(prepared, state, reservation)?;
        let memories = store.memories(&image.memories, &image.types)?;
        let linker = prepared.link(&memories)?;
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
    #[cfg(any(test, feature = "bench"))]
    pub(crate) fn reset(self, prepared: &Prepared, state: State) -> Result<Self, WakeError> {
        let image = image(prepared)?;
        if prepared.is_reset_in_place() {
            self.reset_in_place(prepared, image, state)
        } else {
            self.reset_anew(prepared, image, state)
        }
    }

    #[cfg(any(test, feature = "bench"))]
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

    #[cfg(any(test, feature = "bench"))]
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
fn mutable_globals(instance: &wasmi::Instance, store: &MappedStore<State>) -> Vec<(Global, Val)> {
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
