//! Instances of modules.

use crate::{
    config::{Config, Settings},
    error::{Error, Failure, catch, free, given},
    memory,
    module::Module,
    outcome::Bytes,
    output::Stream,
    raw::{self, Room},
    run::{Known, Stopper},
    value::{Functions, Value},
};
use runtime::{Func, Stdin};
use std::{
    ffi::{c_char, c_void},
    mem::MaybeUninit,
    ptr::NonNull,
    sync::{Mutex, MutexGuard, PoisonError, TryLockError},
};

/// An instance of a module, with a state of its own. One thread uses it at a time:
/// others, and functions that it imports, are refused meanwhile
/// (DORMOUSE_FAILURE_BUSY).
pub struct Instance(Mutex<State>);

struct State {
    instance: runtime::Instance,
    functions: Functions,
    /// Arguments and results, call after call.
    arguments: Vec<runtime::Value>,
    results: Vec<runtime::Value>,
    /// What it wrote, when that was last asked.
    written: [Vec<u8>; 2],
    /// Until it is gone, what stops it knows of it.
    _known: Option<Known>,
}

impl Instance {
    fn start(
        module: &Module,
        settings: Settings,
        stopper: Option<&Stopper>,
    ) -> Result<Self, Error> {
        let functions = Functions::default();
        let mut builder = module
            .0
            .instance()
            .stdout(settings.streams.output(Stream::Stdout))
            .stderr(settings.streams.output(Stream::Stderr))
            .grants(settings.grants)
            .limits(settings.limits)
            .functions(settings.functions)
            .stdin(Stdin::Bytes(settings.stdin));
        for import in settings.imports {
            builder = import.to(builder, &module.0, &functions);
        }
        let known = stopper.map(|stopper| stopper.know(builder.stopper()));
        Ok(Self(Mutex::new(State {
            instance: builder.start()?,
            functions,
            arguments: Vec::new(),
            results: Vec::new(),
            written: Default::default(),
            _known: known,
        })))
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, Error> {
        match self.0.try_lock() {
            Ok(state) => Ok(state),
            Err(TryLockError::Poisoned(poisoned)) => Ok(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                Failure::Busy,
                "the instance is in use: another thread calls it, or a function that it imports \
                 does, for which there is dormouse_context_call",
            )),
        }
    }
}

impl State {
    fn call(
        &mut self,
        function: Func,
        arguments: &[Value],
        results: Room<Value>,
    ) -> Result<(), Error> {
        self.arguments.clear();
        for value in arguments {
            self.arguments.push(self.functions.lower(value)?);
        }
        self.results.clear();
        self.results.resize(results.count(), runtime::Value::Null);
        self.instance
            .call_into(function, &self.arguments, &mut self.results)?;
        for (result, value) in results.zeroed().iter_mut().zip(&self.results) {
            *result = self.functions.lift(*value);
        }
        Ok(())
    }
}

/// Does something with an instance that nobody else uses.
fn with<T>(
    instance: Option<NonNull<Instance>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
    what: impl FnOnce(&mut State) -> Result<T, Error>,
) -> Option<T> {
    catch(error, || {
        what(&mut *raw::handle(instance, "the instance")?.lock()?)
    })
}

/// An instance of a module, once its start function and, if it exports one,
/// _initialize have run. `config` may be NULL for the defaults; WASI, for what
/// imports that, has what it grants. Each call has the deadline and the fuel anew;
/// without both it is faster. `stopper` may be NULL; otherwise dormouse_stopper_stop
/// stops the call under way, or else the next one, and the instance goes on.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_new(
    module: Option<&Module>,
    config: Option<&Config>,
    stopper: Option<NonNull<Stopper>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Instance>> {
    catch(error, || {
        let module = given(module, "the module")?;
        let stopper = raw::optional(stopper);
        let instance = Instance::start(module, Config::of(config), stopper)?;
        Ok(Box::new(instance))
    })
}

/// Calls an exported function with arguments of its types, and sets its results,
/// of which there must be room for exactly as many as it has; that may be where the
/// arguments are. After a trap or a
/// limit the instance can be called again; its memory is as it was left.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_call(
    instance: Option<NonNull<Instance>>,
    name: *const c_char,
    arguments: *const Value,
    argument_count: usize,
    results: *mut Value,
    result_count: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = with(instance, error, |state| {
        let name = raw::text(name, "the function's name")?;
        let arguments = raw::many(arguments, argument_count, "the arguments")?;
        let results = raw::room(results, result_count, "the results")?;
        let function = state.instance.function(name)?;
        state.call(function, arguments, results)
    });
    done.is_some()
}

/// Sets `function` to the number of an exported function, for
/// dormouse_instance_call_function, which need not look for it. It is this
/// instance's alone.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_function(
    instance: Option<NonNull<Instance>>,
    name: *const c_char,
    function: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = with(instance, error, |state| {
        let name = raw::text(name, "the function's name")?;
        let number = given(function, "where to say which function it is")?;
        number.write(state.functions.number(state.instance.function(name)?));
        Ok(())
    });
    done.is_some()
}

/// Calls a function by its number, as dormouse_instance_call does by its name.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_call_function(
    instance: Option<NonNull<Instance>>,
    function: u64,
    arguments: *const Value,
    argument_count: usize,
    results: *mut Value,
    result_count: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = with(instance, error, |state| {
        let arguments = raw::many(arguments, argument_count, "the arguments")?;
        let results = raw::room(results, result_count, "the results")?;
        let function = state.functions.get(function)?;
        state.call(function, arguments, results)
    });
    done.is_some()
}

/// Sets `bytes` to how many bytes an exported memory has now. Here and below, NULL
/// for `memory` is "memory", as compilers call it.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_memory_size(
    instance: Option<NonNull<Instance>>,
    memory: *const c_char,
    bytes: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = with(instance, error, |state| {
        memory::size(&state.instance.memory(memory::name(memory)?)?, bytes)
    });
    done.is_some()
}

/// Copies `length` bytes from the address `at` of an exported memory to `into`.
/// Where they would go past its end, `into` is zeroed, and that is an error,
/// DORMOUSE_FAILURE_MEMORY.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_memory_read(
    instance: Option<NonNull<Instance>>,
    memory: *const c_char,
    at: u64,
    into: *mut c_void,
    length: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = with(instance, error, |state| {
        let view = state.instance.memory(memory::name(memory)?)?;
        memory::read(&view, at, into, length)
    });
    done.is_some()
}

/// Copies `length` bytes to the address `at` of an exported memory. Where they
/// would go past its end, nothing is copied, and that is an error,
/// DORMOUSE_FAILURE_MEMORY.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_memory_write(
    instance: Option<NonNull<Instance>>,
    memory: *const c_char,
    at: u64,
    data: *const c_void,
    length: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = with(instance, error, |state| {
        let mut view = state.instance.memory(memory::name(memory)?)?;
        memory::write(&mut view, at, data, length)
    });
    done.is_some()
}

/// Adds pages of 64 KiB to an exported memory. `before`, unless it is NULL, is set
/// to how many there were.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_memory_grow(
    instance: Option<NonNull<Instance>>,
    memory: *const c_char,
    pages: u64,
    before: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = with(instance, error, |state| {
        let mut view = state.instance.memory(memory::name(memory)?)?;
        let there_were = view.grow(pages)?;
        if let Some(before) = before {
            before.write(there_were);
        }
        Ok(())
    });
    done.is_some()
}

/// Sets `value` to what an exported global is.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_global(
    instance: Option<NonNull<Instance>>,
    name: *const c_char,
    value: Option<&mut MaybeUninit<Value>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = with(instance, error, |state| {
        let value = given(value, "where to say what it is")?;
        let global = state
            .instance
            .global(raw::text(name, "the global's name")?)?;
        value.write(state.functions.lift(global));
        Ok(())
    });
    done.is_some()
}

/// Sets an exported global.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_set_global(
    instance: Option<NonNull<Instance>>,
    name: *const c_char,
    value: Option<&Value>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = with(instance, error, |state| {
        let value = state.functions.lower(given(value, "the value")?)?;
        let name = raw::text(name, "the global's name")?;
        Ok(state.instance.set_global(name, value)?)
    });
    done.is_some()
}

/// What the guest wrote to `stream`, a dormouse_stream, since that was last asked.
/// It is the instance's, until the same is asked again.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_output(
    instance: Option<NonNull<Instance>>,
    stream: i32,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Bytes {
    let bytes = with(instance, error, |state| {
        let (place, mut bytes) = match Stream::of(stream)? {
            Stream::Stdout => (0, state.instance.take_stdout()),
            Stream::Stderr => (1, state.instance.take_stderr()),
        };
        bytes.push(0);
        state.written[place] = bytes;
        Ok(Bytes::before_end(Some(&state.written[place])))
    });
    bytes.unwrap_or(Bytes::before_end(None))
}

/// Frees an instance.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_instance_free(instance: Option<Box<Instance>>) {
    free(instance);
}
