//! A running guest: the one place where a store and a linker are assembled.

#[cfg(feature = "bench")]
pub mod bench;
mod call;
mod cold;
mod copy;
mod interrupt;
mod limiter;
mod prepared;
mod reset;
mod resting;
mod room;
mod state;
mod wake;

#[cfg(test)]
mod tests;

pub(crate) use call::{Waiting, is_metered, nested, settle, top_up};
pub(crate) use cold::{Cold, cold_code};
pub(crate) use interrupt::Interrupt;
pub(crate) use prepared::{Code, Prepared};
pub(crate) use reset::is_restorable;
pub(crate) use room::on_room_for;
pub(crate) use state::State;
pub(crate) use wake::{Reserved, Reserving, WakeError};

use crate::wasi::read_at_last;
use crate::{
    Error, ErrorKind, Limit,
    engine::{
        Engine, Metering, Stop, Watched,
        mapping::{MappedStore, Reservation},
    },
};
use limiter::Limiter;
use resting::Rested;
use wasmi::{Linker, ResumableCall, Store, Val};

/// Whether an import has another type than what the host provides.
fn is_linking(error: &wasmi::Error) -> bool {
    use wasmi::errors::{ErrorKind, InstantiationError as Failed};
    matches!(
        error.kind(),
        ErrorKind::Linker(_)
            | ErrorKind::Instantiation(
                Failed::ImportTypeMismatch { .. }
                    | Failed::FuncTypeMismatch { .. }
                    | Failed::GlobalTypeMismatch { .. }
                    | Failed::TableTypeMismatch { .. }
                    | Failed::MemoryTypeMismatch { .. }
            )
    )
}

/// A guest with its own store: memory, tables, globals and host state.
pub(crate) struct Instance {
    store: MappedStore<State>,
    instance: wasmi::Instance,
    metering: Metering,
    awake: Option<wake::Awake>,
}

/// Why a guest could not be instantiated.
pub(crate) enum Failure {
    /// Its start function stopped it, or it needs more than its limits allow.
    Stop(Stop, Box<State>),
    /// The host could not.
    Error(Error),
}

impl Instance {
    /// Instantiates `prepared` with `state`, running its start function.
    pub(crate) fn new(prepared: &Prepared, state: State) -> Result<Self, Failure> {
        let mut store = store(&prepared.engine, state, Reservation::empty());
        if prepared.engine.metering() == Metering::On {
            call::fill(&mut store).map_err(Failure::Error)?;
        }
        Self::instantiate(prepared, store, &prepared.linker)
    }

    /// The same with imports of its own: `link` gives the linker, whatever is in
    /// the store by then.
    pub(crate) fn linked(
        prepared: &Prepared,
        state: State,
        link: impl FnOnce(&mut MappedStore<State>) -> Result<Linker<State>, Error>,
    ) -> Result<Self, Failure> {
        let mut store = store(&prepared.engine, state, Reservation::empty());
        if prepared.engine.metering() == Metering::On {
            call::fill(&mut store).map_err(Failure::Error)?;
        }
        let linker = link(&mut store).map_err(Failure::Error)?;
        Self::instantiate(prepared, store, &linker)
    }

    /// An instance of whatever `prepared` is: of a module, or of an image: one
    /// that rested, or else one in what was reserved for it.
    pub(crate) fn of(
        prepared: &Prepared,
        state: State,
        reserving: Option<Reserving>,
    ) -> Result<Self, Failure> {
        let (Some(_), Some(reserving)) = (prepared.memories(), reserving) else {
            return Self::new(prepared, state);
        };
        let woken = match prepared.resting.take(&state) {
            Some(Rested::Instance(instance)) => instance.go_on(prepared, state),
            Some(Rested::Space(reservation)) => Self::wake(prepared, state, reservation),
            None => match reserving.end() {
                Reserved::Space(reservation) => Self::wake(prepared, state, reservation),
                Reserved::Store(store) => Self::wake_in(prepared, state, store),
            },
        };
        woken.map_err(|error| match error {
            WakeError::Failed(failure) => failure,
            WakeError::TooLarge(state) => Failure::Stop(state.meter.hit(Limit::Memory), state),
        })
    }

    /// Whether it goes on from a snapshot.
    pub(crate) fn is_awake(&self) -> bool {
        self.awake.is_some()
    }

    fn instantiate(
        prepared: &Prepared,
        mut store: MappedStore<State>,
        linker: &Linker<State>,
    ) -> Result<Self, Failure> {
        if prepared.module.imports().next().is_some() {
            call::watch(&mut store);
        }
        let memory = store.data().limiter.memory();
        let start = || linker.instantiate_and_start(&mut store, &prepared.module);
        let started = on_room_for(memory, start)
            .unwrap_or_else(|error| Err(Stop::new(format!("there is no thread for it: {error}"))));
        match started {
            Ok(instance) => Ok(Self {
                store,
                instance,
                metering: prepared.engine.metering(),
                awake: None,
            }),
            Err(error) if is_linking(&error) => Err(Failure::Error(Error::new(
                ErrorKind::Module,
                format!("the module can't be linked: {error}"),
            ))),
            Err(error) => {
                let stop = call::note_limits(&mut store, error);
                Err(Failure::Stop(stop, Box::new(store.into_data())))
            }
        }
    }

    /// The exported function `name`.
    pub(crate) fn func(&self, name: &str) -> Option<wasmi::Func> {
        self.instance.get_func(&self.store, name)
    }

    /// Calls `func`, until it returns, exits, traps or runs into a limit.
    pub(crate) fn call(
        &mut self,
        func: wasmi::Func,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<(), Stop> {
        let metering = self.metering;
        self.on_room(|store, _| match metering {
            Metering::Off => func.call(store, params, results),
            Metering::On => call::metered(store, func, params, results),
        })
    }

    /// Calls `func` for as long as a brief call may take, where the guest is
    /// metered; gives what [goes on](Self::finish), if it takes longer.
    pub(crate) fn call_briefly(
        &mut self,
        func: wasmi::Func,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<Option<ResumableCall>, Stop> {
        if self.metering == Metering::Off {
            return self.call(func, params, results).map(|()| None);
        }
        self.on_room(|store, _| call::brief(store, func, params, results))
    }

    /// Goes on with a call until it ends.
    pub(crate) fn finish(&mut self, call: ResumableCall, results: &mut [Val]) -> Result<(), Stop> {
        self.on_room(|store, _| call::rest(store, call, results))
    }

    /// Calls `func`, which takes and gives nothing, until it ends, or waits for
    /// what its host has to say.
    pub(crate) fn begin(&mut self, func: wasmi::Func) -> Result<Option<Waiting>, Stop> {
        self.on_room(|store, _| {
            let call = func.call_resumable(&mut *store, &[], &mut [])?;
            call::drive(store, call, &mut [])
        })
    }

    /// Goes on with a guest that waits, now that its host has something to say.
    pub(crate) fn go_on_with(&mut self, waiting: Waiting) -> Result<Option<Waiting>, Stop> {
        self.on_room(|store, instance| {
            let memory = instance
                .get_memory(&mut *store, "memory")
                .ok_or_else(|| Stop::new("the guest has no memory any more"))?;
            let errno = read_at_last(&mut *store, memory, State::wasi_mut)?;
            let errno = [wasmi::Val::I32(errno)];
            let call = waiting.0.resume(&mut *store, &errno, &mut [])?;
            call::drive(store, call, &mut [])
        })
    }

    /// Calls the guest where the native stack bears it.
    fn on_room<R: Send>(
        &mut self,
        guest: impl FnOnce(&mut MappedStore<State>, &wasmi::Instance) -> Result<R, Stop> + Send,
    ) -> Result<R, Stop> {
        let (store, instance) = (&mut self.store, &self.instance);
        let limiter = &mut store.data_mut().limiter;
        limiter.returned();
        let memory = limiter.memory();
        let no_thread = |error| Stop::new(format!("there is no thread for it: {error}"));
        let watched = store.stop().map(Watched::begin).transpose();
        let _watched = watched.map_err(no_thread)?;
        let called = on_room_for(memory, || guest(&mut *store, instance))
            .unwrap_or_else(|error| Err(no_thread(error)));
        called.map_err(|stop| call::note_limits(store, stop))
    }

    /// The exported `i32` global `name`, as an index, if it is one.
    pub(crate) fn global(&self, name: &str) -> Option<u32> {
        let value = self
            .instance
            .get_global(&self.store, name)?
            .get(&self.store);
        value.i32().and_then(|value| u32::try_from(value).ok())
    }

    /// What the exported memory `name` holds.
    pub(crate) fn memory(&self, name: &str) -> Option<&[u8]> {
        let memory = self.instance.get_memory(&self.store, name)?;
        Some(memory.data(&self.store))
    }

    /// The exports' names, and whether each is a function.
    pub(crate) fn exports(&self) -> impl Iterator<Item = (String, bool)> {
        self.instance
            .exports(&self.store)
            .map(|export| (export.name().to_owned(), export.into_func().is_some()))
    }

    pub(crate) fn store(&self) -> &Store<State> {
        self.store.store()
    }

    pub(crate) fn store_mut(&mut self) -> &mut MappedStore<State> {
        &mut self.store
    }

    pub(crate) fn raw(&self) -> &wasmi::Instance {
        &self.instance
    }

    pub(crate) fn state(&self) -> &State {
        self.store.data()
    }

    /// Counts the fuel that is left as not burnt: nothing is called any more.
    pub(crate) fn settle(&mut self) {
        call::drain(&mut self.store);
    }

    /// Lets the guest burn `fuel` from now on; as much as it likes if `None`.
    ///
    /// # Errors
    ///
    /// When it does not burn any, as it is not metered.
    pub(crate) fn refuel(&mut self, fuel: Option<u64>) -> Result<(), Error> {
        if self.metering == Metering::Off {
            return match fuel {
                None => Ok(()),
                Some(_) => Err(Error::new(
                    ErrorKind::Invoke,
                    "fuel is not counted in this session; open it in a sandbox whose limits \
                     have fuel",
                )),
            };
        }
        self.store.data_mut().fuel.renew(fuel);
        call::fill(&mut self.store)
    }

    #[cfg(test)]
    pub(crate) fn into_state(mut self) -> State {
        self.settle();
        self.store.into_data()
    }
}

/// A store for an instance, under the limits of `state`; without fuel.
fn store(engine: &Engine, state: State, reservation: Reservation) -> MappedStore<State> {
    let mut store = Store::new(engine.inner(), state);
    store.limiter(|state| &mut state.limiter);
    MappedStore::new(store, reservation)
}
