//! What the host keeps for one running guest.

use super::{Interrupt, Limiter};
use crate::{
    Error, ErrorKind, Output, Stdin,
    engine::Meter,
    host::Functions,
    wasi::{Beginning, Clock, Context, Random, Root, Stdio},
};
use std::{any::Any, sync::Arc};

/// A store's data.
pub(crate) struct State {
    wasi: Context,
    pub(super) limiter: Limiter,
    pub(super) fuel: Fuel,
    pub(crate) meter: Arc<Meter>,
    /// How the guest is told that it is interrupted, if it can be.
    pub(crate) interrupt: Option<Interrupt>,
    /// Of a seeded run whose language does not itself ask for its program.
    pub(crate) beginning: Option<Beginning>,
    /// The host functions of its run.
    pub(crate) functions: Arc<Functions>,
    language: Option<Box<dyn Any + Send>>,
}

impl State {
    pub(crate) fn new(wasi: Context, memory: u64, fuel: Option<u64>, meter: Arc<Meter>) -> Self {
        Self {
            wasi,
            limiter: Limiter::new(memory, Arc::clone(&meter)),
            fuel: Fuel::new(fuel),
            meter,
            interrupt: None,
            beginning: None,
            functions: Arc::default(),
            language: None,
        }
    }

    /// That of no run, for an instance that rests, or is still to be made with
    /// up to `memory` bytes.
    ///
    /// # Errors
    ///
    /// When the host has no room for it.
    pub(crate) fn nobody(memory: u64) -> Result<Self, Error> {
        let meter = Arc::new(Meter::new(None, None));
        let stdio = Stdio::new(Stdin::default(), Output::Discard, Output::Discard, &meter)
            .map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
        let clock = Clock::new(true, Arc::clone(&meter));
        let context = Context::new(Root::new(&[], 0)?, stdio, clock, Random::new(Some(0))?)?;
        Ok(Self::new(context, memory, None, meter))
    }

    pub(crate) fn wasi(&self) -> &Context {
        &self.wasi
    }

    pub(crate) fn wasi_mut(&mut self) -> &mut Context {
        &mut self.wasi
    }

    pub(crate) fn stdio(&self) -> &Stdio {
        self.wasi.stdio()
    }

    /// Fuel burnt so far, where it is limited.
    pub(crate) fn fuel_used(&self) -> Option<u64> {
        self.fuel.limit.map(|limit| limit - self.fuel.left)
    }

    /// What a language's host functions keep, if that is a `T`.
    #[cfg(feature = "internals")]
    pub(crate) fn language_data<T: Any>(&self) -> Option<&T> {
        self.language.as_ref()?.downcast_ref()
    }

    /// What a language's host functions keep; `T::default()` at first.
    pub(crate) fn language<T: Any + Send + Default>(&mut self) -> &mut T {
        if !self.language.as_ref().is_some_and(|data| data.is::<T>()) {
            self.language = Some(Box::new(T::default()));
        }
        match self.language.as_mut().and_then(|data| data.downcast_mut()) {
            Some(data) => data,
            None => unreachable!("it was put there just now"),
        }
    }
}

/// Fuel that is not in the store yet.
pub(super) struct Fuel {
    left: u64,
    limit: Option<u64>,
}

impl Fuel {
    fn new(limit: Option<u64>) -> Self {
        Self {
            left: limit.unwrap_or(u64::MAX),
            limit,
        }
    }

    pub(super) fn renew(&mut self, limit: Option<u64>) {
        *self = Self::new(limit);
    }

    pub(super) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Takes up to `wanted`.
    pub(super) fn take(&mut self, wanted: u64) -> u64 {
        if !self.is_limited() {
            return wanted;
        }
        let taken = wanted.min(self.left);
        self.left -= taken;
        taken
    }

    pub(super) fn give_back(&mut self, fuel: u64) {
        if self.is_limited() {
            self.left += fuel;
        }
    }
}
