//! Loading the part of an image's code that most runs don't need.
//!
//! See `dormouse_snapshot::split`: the main module calls `dormouse.load` before
//! it calls a function of the cold one.

use super::State;
use crate::{
    Error,
    engine::{
        Engine, Stop,
        mapping::{Trusted, module_unchecked},
    },
};
use dormouse_snapshot::{COLD, LINKED, MAIN};
use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};
use wasmi::{Caller, Extern, Linker, Module, Nullable, Ref};
use wasmparser::{Parser, Payload};

/// Bytes that somebody owns.
pub(crate) type Shared = Arc<dyn Deref<Target = [u8]> + Send + Sync>;

/// An image's cold code, unloaded at first.
pub(crate) struct Cold {
    /// The image's bytes.
    wasm: Shared,
    /// How many of them are the module.
    length: usize,
    /// Whether it need not be validated: as for the main module.
    is_trusted: bool,
    module: OnceLock<Option<Module>>,
}

impl Cold {
    /// The cold code in the first `length` bytes of `wasm`, if there is any.
    pub(crate) fn new(wasm: Shared, length: usize, is_trusted: bool) -> Self {
        Self {
            wasm,
            length,
            is_trusted,
            module: OnceLock::new(),
        }
    }

    /// Lets guests of `linker` call `dormouse.load`.
    pub(super) fn link(self, engine: &Engine, linker: &mut Linker<State>) -> Result<(), Stop> {
        let (engine, inner, cold) = (engine.clone(), linker.clone(), self);
        linker.func_wrap(
            "dormouse",
            "load",
            move |caller: Caller<'_, State>| -> Result<(), Stop> {
                let module = cold.module.get_or_init(|| cold.parse(&engine));
                match module {
                    Some(module) => load(caller, module, inner.clone()),
                    None => Err(broken("it can't be read")),
                }
            },
        )?;
        Ok(())
    }

    /// Loads foreign code, whether it will be called or not.
    pub(super) fn load(&mut self, engine: &mut Engine) -> Result<(), Error> {
        let main = self.wasm.get(..self.length).unwrap_or_default();
        if let Some(wasm) = cold_code(main) {
            let module = crate::engine::load(engine, wasm)?;
            self.module = OnceLock::from(Some(module));
        }
        Ok(())
    }

    fn parse(&self, engine: &Engine) -> Option<Module> {
        let wasm = cold_code(self.wasm.get(..self.length)?)?;
        // It was validated with the main module.
        let wasm = self.is_trusted.then(|| Trusted::built_here(wasm))?;
        module_unchecked(engine, &wasm).ok()
    }
}

/// The cold code in the module `main`, if it was split.
pub(crate) fn cold_code(main: &[u8]) -> Option<&[u8]> {
    Parser::new(0).parse_all(main).find_map(|part| match part {
        Ok(Payload::CustomSection(section)) if section.name() == COLD => Some(section.data()),
        _ => None,
    })
}

fn broken(what: &str) -> Stop {
    Stop::new(format!(
        "the image's cold code can't be loaded: {what}; build the image again"
    ))
}

/// Instantiates the cold module beside the main one, which called for it.
fn load(
    mut caller: Caller<'_, State>,
    cold: &Module,
    mut linker: Linker<State>,
) -> Result<(), Stop> {
    for import in cold.imports() {
        let (module, name) = (import.module(), import.name());
        let found = match module {
            MAIN => caller.get_export(name),
            LINKED => linked(&caller, name),
            _ => continue,
        };
        let found = found.ok_or_else(|| broken("the main module lacks what it imports"))?;
        linker.define(module, name, found)?;
    }
    linker.instantiate_and_start(&mut caller, cold)?;
    Ok(())
}

/// The main module's function with the number `name`.
fn linked(caller: &Caller<'_, State>, name: &str) -> Option<Extern> {
    let table = caller.get_export(LINKED)?.into_table()?;
    match table.get(caller, name.parse().ok()?)? {
        Ref::Func(Nullable::Val(func)) => Some(Extern::Func(func)),
        _ => None,
    }
}
