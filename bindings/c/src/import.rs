//! Functions that modules import.

use crate::{
    config::{Config, change},
    error::{Error, Failure, catch, given},
    memory,
    output::Release,
    raw::{self, User},
    value::{Functions, Value},
};
use runtime::{CallContext, ExternType, InstanceBuilder, Module};
use std::{
    ffi::{c_char, c_void},
    mem::MaybeUninit,
    ptr::NonNull,
    sync::Arc,
};

/// The guest that calls an imported function, for as long as that takes.
pub struct Context<'a, 'b> {
    guest: &'a mut CallContext<'b>,
    functions: &'a Functions,
    /// What the function failed with, if it said so.
    failed: Option<String>,
}

/// Is called when a guest calls a function that it imports: with as many
/// arguments, and room for as many results, as the import has. Results are zero
/// unless they are set. Where it gives false, the guest's call ends with an error,
/// DORMOUSE_FAILURE_IMPORT; see dormouse_context_fail. It is called in the thread
/// that calls the guest. It must not throw, nor longjmp out of itself.
pub type Import = Option<
    extern "C" fn(
        user: *mut c_void,
        context: Option<&mut Context<'_, '_>>,
        arguments: *const Value,
        argument_count: usize,
        results: *mut Value,
        result_count: usize,
    ) -> bool,
>;

/// A function that is given for imports of a name.
#[derive(Clone)]
pub(crate) struct Given {
    module: String,
    name: String,
    function: Function,
    user: Arc<User>,
}

type Function = extern "C" fn(
    *mut c_void,
    Option<&mut Context<'_, '_>>,
    *const Value,
    usize,
    *mut Value,
    usize,
) -> bool;

impl Given {
    /// Gives it to an instance of `module`, if that imports it.
    pub(crate) fn to(
        self,
        builder: InstanceBuilder,
        module: &Module,
        functions: &Functions,
    ) -> InstanceBuilder {
        let wanted = module
            .imports()
            .iter()
            .find(|import| import.module == self.module && import.name == self.name);
        let Some(ExternType::Function(ty)) = wanted.map(|import| &import.ty) else {
            return builder;
        };
        let zeros: Vec<Value> = ty.results.iter().map(|ty| Value::zero(*ty)).collect();
        let functions = functions.clone();
        let (module, name) = (self.module.clone(), self.name.clone());
        builder.import(&module, &name, move |guest, arguments| {
            self.call(guest, arguments, zeros.clone(), &functions)
        })
    }

    fn call(
        &self,
        guest: &mut CallContext<'_>,
        arguments: &[runtime::Value],
        mut results: Vec<Value>,
        functions: &Functions,
    ) -> Result<Vec<runtime::Value>, Box<dyn std::error::Error + Send + Sync>> {
        let lift = |value: &runtime::Value| functions.lift(*value);
        let arguments: Vec<Value> = arguments.iter().map(lift).collect();
        let mut context = Context {
            guest,
            functions,
            failed: None,
        };
        let is_fine = (self.function)(
            self.user.pointer(),
            Some(&mut context),
            arguments.as_ptr(),
            arguments.len(),
            results.as_mut_ptr(),
            results.len(),
        );
        if !is_fine {
            let failed = context.failed.unwrap_or_else(|| "it failed".to_owned());
            return Err(failed.into());
        }
        let results = results.iter().map(|value| functions.lower(value));
        let results: Result<Vec<_>, Error> = results.collect();
        results.map_err(|error| error.message().into())
    }
}

/// Gives instances a function for the one that their module imports as `name` of
/// `module`, also in place of WASI's; modules that don't import it are not
/// concerned. `release`, if it is not NULL, is called with `user` when nothing can
/// call that function any more, also where this fails.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_import(
    config: Option<NonNull<Config>>,
    module: *const c_char,
    name: *const c_char,
    function: Import,
    user: *mut c_void,
    release: Release,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    // Where this fails, it is released here, when nobody holds the configuration.
    let user = Arc::new(User::new(user, release));
    change(config, error, |settings| {
        settings.imports.push(Given {
            module: raw::text(module, "the import's module")?.to_owned(),
            name: raw::text(name, "the import's name")?.to_owned(),
            function: given(function, "the function")?,
            user: Arc::clone(&user),
        });
        Ok(())
    })
}

/// Says why an imported function gives false: `message` is copied.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_context_fail(
    context: Option<&mut Context<'_, '_>>,
    message: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = catch(error, || {
        let message = raw::text(message, "the message")?.to_owned();
        given(context, "the context")?.failed = Some(message);
        Ok(())
    });
    done.is_some()
}

/// As dormouse_instance_call, of the guest that calls: as part of its own call,
/// under its deadline.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_context_call(
    context: Option<&mut Context<'_, '_>>,
    name: *const c_char,
    arguments: *const Value,
    argument_count: usize,
    results: *mut Value,
    result_count: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = catch(error, || {
        let context = given(context, "the context")?;
        let name = raw::text(name, "the function's name")?;
        let arguments = raw::many(arguments, argument_count, "the arguments")?;
        let results = raw::room(results, result_count, "the results")?;
        let lower = |value| context.functions.lower(value);
        let arguments: Vec<_> = arguments.iter().map(lower).collect::<Result<_, _>>()?;
        let values = context.guest.call(name, &arguments)?;
        if values.len() != results.count() {
            let (has, room) = (values.len(), results.count());
            let message =
                format!("{name} has been called; it has {has} results, but room is for {room}");
            return Err(Error::new(Failure::Invoke, message));
        }
        for (result, value) in results.zeroed().iter_mut().zip(values) {
            *result = context.functions.lift(value);
        }
        Ok(())
    });
    done.is_some()
}

/// As dormouse_instance_memory_size, of the guest that calls.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_context_memory_size(
    context: Option<&mut Context<'_, '_>>,
    memory: *const c_char,
    bytes: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = catch(error, || {
        let name = memory::name(memory)?;
        let view = given(context, "the context")?.guest.memory(name)?;
        memory::size(&view, bytes)
    });
    done.is_some()
}

/// As dormouse_instance_memory_read, of the guest that calls.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_context_memory_read(
    context: Option<&mut Context<'_, '_>>,
    memory: *const c_char,
    at: u64,
    into: *mut c_void,
    length: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = catch(error, || {
        let name = memory::name(memory)?;
        let view = given(context, "the context")?.guest.memory(name)?;
        memory::read(&view, at, into, length)
    });
    done.is_some()
}

/// As dormouse_instance_memory_write, of the guest that calls.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_context_memory_write(
    context: Option<&mut Context<'_, '_>>,
    memory: *const c_char,
    at: u64,
    data: *const c_void,
    length: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = catch(error, || {
        let name = memory::name(memory)?;
        let mut view = given(context, "the context")?.guest.memory(name)?;
        memory::write(&mut view, at, data, length)
    });
    done.is_some()
}
