//! Guests with a host of the target's own, run as any program is: loaded by our
//! engine, captured into an image file, woken from its mapped pages, reset.

use crate::{
    capture::View,
    engine::{Engine, MAX_RECURSION_DEPTH, Metering, mapping::Memories, mapping::Trusted},
    image::{
        cache,
        captured::{Captured, Origin},
        file::CapturedMemory,
        opened::Opened,
        trust::Trust,
    },
    instance::{
        Code as Loaded, Cold, Failure, Instance, Prepared, Reserving, State, is_restorable,
    },
};
use dormouse_snapshot::{Reference, Value};
use std::{any::Any, sync::Arc};
use wasmi::{Caller, ExternRef, FuncType, Linker, Nullable, Val};

/// Bytes of memory that a guest may have, and what instruments it.
const MEMORY: u64 = 1 << 30;

pub use dormouse_snapshot::CapturedMemory as Memory;

/// The functions that a guest can import, and what they keep.
pub trait Host: Any + Send + Default {
    /// The module that they are imported from.
    const MODULE: &'static str;

    /// Their names and types.
    fn functions() -> Vec<(&'static str, FuncType)>;

    /// Answers a call.
    fn call(&mut self, args: &[Val], results: &[Val]) -> Vec<Answer>;
}

/// What a function gives.
pub enum Answer {
    Value(Val),
    /// A new thing of the host's.
    Thing(u64),
}

/// A module or an image, loaded.
pub struct Code(Prepared);

fn metering(is_metered: bool) -> Metering {
    if is_metered {
        Metering::On
    } else {
        Metering::Off
    }
}

impl Code {
    /// A module.
    pub fn module<H: Host>(wasm: &[u8], is_metered: bool) -> Result<Self, String> {
        Prepared::new(wasm, metering(is_metered), MAX_RECURSION_DEPTH, link::<H>)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// The image of a module that was captured with `memories`; if it `is_own`,
    /// as this installation loads what it has made.
    pub fn image<H: Host>(
        module: &[u8],
        memories: &[Memory],
        is_metered: bool,
        is_own: bool,
    ) -> Result<Self, String> {
        Self::load::<H>(module, memories, is_metered, is_own).map_err(|error| error.to_string())
    }

    fn load<H: Host>(
        module: &[u8],
        memories: &[Memory],
        is_metered: bool,
        is_own: bool,
    ) -> Result<Self, crate::Error> {
        let memories = memories.iter().map(|memory| CapturedMemory {
            pages: memory.pages,
            page_size: memory.page_size,
            maximum: memory.maximum,
            contents: memory.contents.clone(),
        });
        let captured = Captured {
            module: module.to_vec(),
            memories: memories.collect(),
            in_place: is_restorable(module)?,
            ..Captured::default()
        };
        let image = captured.image(&Origin::default())?;
        cache::validate(&image)?;
        let trust = if is_own { Trust::Own } else { Trust::Foreign };
        let opened = Opened::checked(image, trust)?;
        let memories = Memories::new(opened.source.clone(), opened.contents())?;
        let in_place = opened.parts.manifest.in_place;
        let length = opened.parts.module(&opened.bytes).len();
        let bytes = Arc::new(opened.bytes);
        let wasm = bytes.get(..length).unwrap_or_default();
        let code = if is_own {
            Loaded::Trusted(Trusted::built_here(wasm))
        } else {
            Loaded::Foreign(wasm)
        };
        let cold = Cold::new(Arc::clone(&bytes) as _, length, is_own);
        let engine = Engine::new(metering(is_metered), MAX_RECURSION_DEPTH);
        let prepared = Prepared::image(&code, Some(cold), memories, &engine, link::<H>)?;
        Ok(Self(prepared.reset_in_place(in_place)))
    }

    /// An instance; what its start function told the host and how it ended, if
    /// it did not return.
    pub fn start<H: Host>(&self, host: H) -> Result<Guest, (H, String)> {
        let mut state = match State::nobody(MEMORY) {
            Ok(state) => state,
            Err(error) => return Err((host, error.to_string())),
        };
        *state.language::<H>() = host;
        let reserving = self.0.memories();
        let reserving = reserving.map(|memories| Reserving::begin(memories, MEMORY, None));
        match Instance::of(&self.0, state, reserving) {
            Ok(instance) => Ok(Guest(instance)),
            Err(Failure::Stop(stop, mut state)) => {
                Err((std::mem::take(state.language::<H>()), stop.to_string()))
            }
            Err(Failure::Error(error)) => Err((H::default(), error.to_string())),
        }
    }

    /// Keeps an instance whose run has ended for the next to start.
    pub fn rest(&self, guest: Guest) {
        guest.0.rest(&self.0, true);
    }
}

/// A live guest.
pub struct Guest(Instance);

impl Guest {
    /// Calls the export `name`.
    pub fn call(
        &mut self,
        name: &str,
        argument: impl Fn(wasmi::ValType) -> Val,
    ) -> Result<Vec<Val>, String> {
        let func = self.0.func(name).ok_or("there is no such export")?;
        let ty = func.ty(self.0.store());
        let params: Vec<Val> = ty.params().iter().map(|ty| argument(*ty)).collect();
        let results = ty.results().iter().map(|ty| Val::default_for_ty(*ty));
        let mut results: Vec<Val> = results.collect();
        match self.0.call(func, &params, &mut results) {
            Ok(()) => Ok(results),
            Err(stop) => Err(stop.to_string()),
        }
    }

    /// What its host keeps.
    pub fn host<H: Host>(&self) -> &H {
        let state = self.0.state();
        state.language_data().expect("it was given one")
    }

    /// Each export's name and what it is.
    pub fn exports(&self) -> Vec<(String, wasmi::Extern)> {
        let exports = self.0.raw().exports(self.0.store());
        exports
            .map(|export| (export.name().to_owned(), export.into_extern()))
            .collect()
    }
}

/// What capturing sees of it.
impl dormouse_snapshot::Guest for Guest {
    fn global(&self, name: &str) -> Option<Value> {
        View(&self.0).global(name)
    }

    fn memory(&self, name: &str) -> Option<&[u8]> {
        self.0.memory(name)
    }

    fn table(&self, name: &str) -> Option<Vec<Reference>> {
        View(&self.0).table(name)
    }
}

fn link<H: Host>(linker: &mut Linker<State>) -> Result<(), crate::Error> {
    for (name, ty) in H::functions() {
        let linked = linker.func_new(H::MODULE, name, ty, |caller, args, results| {
            answer::<H>(caller, args, results);
            Ok(())
        });
        linked.map_err(|error| crate::Error::new(crate::ErrorKind::Engine, error.to_string()))?;
    }
    Ok(())
}

fn answer<H: Host>(mut caller: Caller<'_, State>, args: &[Val], results: &mut [Val]) {
    let answers = caller.data_mut().language::<H>().call(args, results);
    for (result, answer) in results.iter_mut().zip(answers) {
        *result = match answer {
            Answer::Value(value) => value,
            Answer::Thing(bits) => Val::ExternRef(Nullable::Val(ExternRef::new(&mut caller, bits))),
        };
    }
}
