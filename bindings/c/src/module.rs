//! Wasm modules.

use crate::{
    error::{Error, catch, free},
    raw,
};
use runtime::Engine;
use std::{
    ffi::{c_char, c_void},
    mem::MaybeUninit,
};

/// A Wasm module, compiled once, for any number of instances.
pub struct Module(pub(crate) runtime::Module);

/// A module from its bytes, binary or text. `name` is what errors call it. The
/// bytes are copied.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_module_new(
    name: *const c_char,
    data: *const c_void,
    length: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Module>> {
    catch(error, || {
        let name = raw::text(name, "the module's name")?;
        let source = raw::bytes(data, length, "the module's data")?;
        let module = runtime::Module::new(&Engine::new(), name, source)?;
        Ok(Box::new(Module(module)))
    })
}

/// A module in a file, binary or text.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_module_open(
    path: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Module>> {
    catch(error, || {
        let path = raw::path(path, "the module's path")?;
        let module = runtime::Module::open(&Engine::new(), path)?;
        Ok(Box::new(Module(module)))
    })
}

/// Frees a module. Its instances go on.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_module_free(module: Option<Box<Module>>) {
    free(module);
}
