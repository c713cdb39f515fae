//! Instances of modules, and calls of what they export.

use super::{
    CallError, Func, FunctionType, MemoryView, Module, convert, global,
    handles::{self, Handles},
    leaf::Leaf,
};
use crate::{
    Error, ErrorKind, Function, Limits, Value,
    engine::Stop,
    instance::{Instance as Inner, State},
};
use dormouse_snapshot::CURRENT_FUNCTION;
use std::sync::Arc;
use wasmi::{AsContextMut, Extern, FuncType, Memory, Val};

/// An instance of a [`Module`], with a state of its own.
///
/// It can be sent to another thread, and belongs to one at a time.
///
/// ```
/// use dormouse::{Engine, Instance, Module, Value};
/// let module = Module::new(&Engine::new(), "add.wat", br#"(module
///     (func (export "add") (param i32 i32) (result i32)
///         local.get 0 local.get 1 i32.add))"#)?;
/// let mut instance = Instance::new(&module)?;
/// assert_eq!(instance.call("add", &[Value::I32(5), Value::I32(7)])?, [Value::I32(12)]);
/// # Ok::<(), dormouse::CallError>(())
/// ```
pub struct Instance {
    pub(super) inner: Inner,
    module: Module,
    limits: Limits,
    traced: bool,
    /// What it has exited with.
    exited: Option<i32>,
    /// Where arguments and results are put, call after call.
    pub(super) params: Vec<Val>,
    pub(super) results: Vec<Val>,
}

impl Instance {
    /// An instance with nothing granted, the default limits and captured output.
    ///
    /// # Errors
    ///
    /// As of [`InstanceBuilder::start`](crate::InstanceBuilder::start).
    pub fn new(module: &Module) -> Result<Self, CallError> {
        module.instance().start()
    }

    /// `inner`, once it is initialized.
    pub(super) fn started(
        module: Module,
        mut inner: Inner,
        limits: Limits,
        traced: bool,
    ) -> Result<Self, CallError> {
        let raw = *inner.raw();
        Handles::of(inner.store_mut().data_mut()).instance = Some(raw);
        let mut instance = Self {
            inner,
            module,
            limits,
            traced,
            exited: None,
            params: Vec::new(),
            results: Vec::new(),
        };
        if let Some(Extern::Func(_)) = instance.export("_initialize") {
            instance.call("_initialize", &[])?;
        }
        Ok(instance)
    }

    /// Calls the exported function `name`; its results, in order.
    ///
    /// # Errors
    ///
    /// When there is no such function, `args` are not what it takes, or it does
    /// not return.
    pub fn call(&mut self, name: &str, args: &[Value]) -> Result<Vec<Value>, CallError> {
        let func = self.function(name)?;
        self.call_function(func, args)
    }

    /// The exported function `name`, to be called with
    /// [`call_into`](Self::call_into) again and again.
    ///
    /// # Errors
    ///
    /// When there is no such function.
    pub fn function(&mut self, name: &str) -> Result<Func, Error> {
        if let Some(func) = Handles::of(self.state_mut()).named(name) {
            return Ok(func);
        }
        let export = self.export(name);
        let found = function(self.inner.store_mut(), export, name);
        if let (Ok(func), Some(leaf)) = (&found, self.module.leaf(name)) {
            Handles::of(self.inner.store_mut().data_mut()).set_leaf(*func, leaf);
        }
        found.map_err(|error| {
            let exports = self.module.exports().iter();
            let functions: Vec<String> = exports
                .filter(|export| matches!(export.ty, super::ExternType::Function(_)))
                .map(ToString::to_string)
                .collect();
            let there = match functions.as_slice() {
                [] => "the module exports no function".to_owned(),
                names => format!("there are {}", names.join(", ")),
            };
            Error::new(error.kind(), format!("{error}; {there}"))
        })
    }

    /// What `func` takes and gives.
    ///
    /// # Errors
    ///
    /// When it is another instance's.
    pub fn function_type(&mut self, func: Func) -> Result<FunctionType, Error> {
        let (_, ty) = resolve(self.inner.store_mut(), func)?;
        Ok(FunctionType::from(&ty))
    }

    /// Calls `func`; its results, in order.
    ///
    /// # Errors
    ///
    /// As of [`call`](Self::call), and when the function is another instance's.
    pub fn call_function(&mut self, func: Func, args: &[Value]) -> Result<Vec<Value>, CallError> {
        if let Some(count) = self.leaf(func).map(|leaf| leaf.results()) {
            let mut results = vec![Value::Null; count];
            if self.call_leaf(func, args, &mut results) {
                return Ok(results);
            }
        }
        let raw = self.lower(func, args)?;
        self.call_raw(raw)?;
        let store = self.inner.store_mut();
        let results = self.results.iter();
        Ok(results.map(|value| convert::lift(store, value)).collect())
    }

    /// Calls `func` and puts its results into `results`. Allocates nothing, unless
    /// references are passed.
    ///
    /// # Errors
    ///
    /// As of [`call_function`](Self::call_function), and when it has more or
    /// fewer results than `results` has places. The function was not called then.
    pub fn call_into(
        &mut self,
        func: Func,
        args: &[Value],
        results: &mut [Value],
    ) -> Result<(), CallError> {
        if self.call_leaf(func, args, results) {
            return Ok(());
        }
        let raw = self.lower(func, args)?;
        self.check_room(results)?;
        self.call_raw(raw)?;
        self.lift_into(results);
        Ok(())
    }

    /// Runs a program's `_start`; its exit code.
    ///
    /// ```
    /// use dormouse::{Engine, Instance, Module};
    /// let module = Module::new(&Engine::new(), "exit.wat", br#"(module
    ///     (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    ///     (func (export "_start") (call $exit (i32.const 7))))"#)?;
    /// assert_eq!(Instance::new(&module)?.run()?, 7);
    /// # Ok::<(), dormouse::CallError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`call`](Self::call), but that an exit is none.
    pub fn run(&mut self) -> Result<i32, CallError> {
        match self.call("_start", &[]) {
            Ok(_) => Ok(0),
            Err(CallError::Exit(code)) => Ok(code),
            Err(error) => Err(error),
        }
    }

    /// The exported memory `name`, or the one that was
    /// [given](crate::InstanceBuilder::import_memory) for an import of that name.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn memory(&mut self, name: &str) -> Result<MemoryView<'_>, Error> {
        let export = self.export(name);
        let memory = memory(self.state_mut(), export, name)?;
        let store = self.inner.store_mut().as_context_mut();
        Ok(MemoryView::new(store, memory))
    }

    /// What the exported global `name` is.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn global(&mut self, name: &str) -> Result<Value, Error> {
        let export = self.export(name);
        global::get(self.inner.store_mut(), export, name)
    }

    /// Sets the exported global `name`.
    ///
    /// # Errors
    ///
    /// When there is none, or it can't be set, or is of another type.
    pub fn set_global(&mut self, name: &str, value: Value) -> Result<(), Error> {
        let export = self.export(name);
        global::set(self.inner.store_mut(), export, name, value)
    }

    /// How many elements the exported table `name` has.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn table_len(&mut self, name: &str) -> Result<u64, Error> {
        let table = global::table_of(self.export(name), name)?;
        Ok(table.size(&*self.inner.store_mut()))
    }

    /// The element `index` of the exported table `name`.
    ///
    /// # Errors
    ///
    /// When there is no such table, or it has fewer elements.
    pub fn table_get(&mut self, name: &str, index: u64) -> Result<Value, Error> {
        let export = self.export(name);
        global::element(self.inner.store_mut(), export, name, index)
    }

    /// What it was made from.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// What the guest wrote to stdout since this was last asked, where it is
    /// captured.
    ///
    /// ```
    /// use dormouse::{Engine, Instance, Module};
    /// let module = Module::new(&Engine::new(), "hello.wat", br#"(module
    ///     (import "wasi_snapshot_preview1" "fd_write"
    ///         (func $write (param i32 i32 i32 i32) (result i32)))
    ///     (memory (export "memory") 1)
    ///     (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
    ///     (func (export "_start")
    ///         (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))))"#)?;
    /// let mut instance = Instance::new(&module)?;
    /// instance.run()?;
    /// assert_eq!(instance.take_stdout(), b"hello\n");
    /// # Ok::<(), dormouse::CallError>(())
    /// ```
    pub fn take_stdout(&mut self) -> Vec<u8> {
        self.inner.state().stdio().out.take()
    }

    /// The same of its stderr.
    pub fn take_stderr(&mut self) -> Vec<u8> {
        self.inner.state().stdio().err.take()
    }

    /// Fuel that the last call burnt, where that is
    /// [limited](crate::Limits::fuel).
    pub fn fuel_used(&self) -> Option<u64> {
        self.inner.state().fuel_used()
    }

    fn state_mut(&mut self) -> &mut State {
        self.inner.store_mut().data_mut()
    }

    fn export(&mut self, name: &str) -> Option<Extern> {
        self.inner.raw().get_export(self.inner.store(), name)
    }

    /// Makes arguments, and room for results, ready for a call of `func`.
    pub(super) fn lower(&mut self, func: Func, args: &[Value]) -> Result<wasmi::Func, CallError> {
        let handles = Handles::of(self.inner.store_mut().data_mut());
        let resolved = handles.get(func).ok_or_else(foreign)?;
        let (raw, types) = (resolved.raw, resolved.ty.params());
        self.results.clear();
        self.results
            .resize(resolved.ty.results().len(), Val::I32(0));
        self.params.clear();
        let numbers = args.iter().zip(types);
        let numbers = numbers.map_while(|(value, ty)| convert::number(*value, *ty));
        self.params.extend(numbers);
        if args.len() == types.len() && self.params.len() == args.len() {
            return Ok(raw);
        }
        // It is wrong, or has references.
        let ty = resolved.ty.clone();
        let store = self.inner.store_mut();
        if convert::lower_all(store, args, ty.params(), &mut self.params) {
            return Ok(raw);
        }
        let given = convert::given(store, args);
        Err(wrong(store.data_mut(), func, &given))
    }

    /// Calls `func` without entering it, if it is so short, and nothing would stop
    /// or count it; whether it did.
    #[inline]
    pub(super) fn call_leaf(&mut self, func: Func, args: &[Value], results: &mut [Value]) -> bool {
        if self.exited.is_some() || self.inner.state().meter.is_ended() {
            return false;
        }
        self.leaf(func).is_some_and(|leaf| leaf.call(args, results))
    }

    /// `func`, if it is so short, and its fuel is not counted.
    #[inline]
    pub(super) fn leaf(&mut self, func: Func) -> Option<&Arc<Leaf>> {
        if self.limits.fuel.is_some() {
            return None;
        }
        let handles = Handles::of(self.inner.store_mut().data_mut());
        handles.get(func)?.leaf.as_ref()
    }

    /// Whether `results` has a place for each result.
    pub(super) fn check_room(&self, results: &[Value]) -> Result<(), CallError> {
        if self.results.len() == results.len() {
            return Ok(());
        }
        Err(CallError::invoke(format!(
            "there is room for {} results, and the function gives {}",
            results.len(),
            self.results.len()
        )))
    }

    fn lift_into(&mut self, results: &mut [Value]) {
        let store = self.inner.store_mut();
        for (place, value) in results.iter_mut().zip(&self.results) {
            *place = convert::lift(store, value);
        }
    }

    /// Calls `raw` with what is ready.
    fn call_raw(&mut self, raw: wasmi::Func) -> Result<(), CallError> {
        self.begin()?;
        let ended = self.inner.call(raw, &self.params, &mut self.results);
        self.settle(ended)
    }

    /// What a call that has ended gives.
    pub(super) fn end(
        &mut self,
        ended: Result<(), Stop>,
        results: &mut [Value],
    ) -> Result<(), CallError> {
        self.settle(ended)?;
        self.lift_into(results);
        Ok(())
    }

    /// Sees to what a call leaves.
    fn settle(&mut self, ended: Result<(), Stop>) -> Result<(), CallError> {
        if self.limits.fuel.is_some() {
            self.inner.settle();
        }
        let ended = ended.map_err(|stop| self.ended(stop));
        let meter = &self.inner.state().meter;
        if meter.is_ended() {
            // It was meant for this call.
            meter.unend();
        }
        ended
    }

    /// Counts anew for another call.
    pub(super) fn begin(&mut self) -> Result<(), CallError> {
        if let Some(code) = self.exited {
            return Err(CallError::invoke(format!(
                "the guest has exited with code {code}; go on with another instance"
            )));
        }
        let state = self.inner.state();
        let meter = &state.meter;
        if meter.is_ended() {
            meter.unend();
            return Err(CallError::stopped());
        }
        meter.begin(self.limits.deadline);
        if let Some(limit) = self.limits.output
            && meter.output_left() != limit
        {
            let stdio = state.stdio();
            let held = stdio.out.captured() as u64 + stdio.err.captured() as u64;
            meter.allow_output(limit.saturating_sub(held));
        }
        if self.limits.fuel.is_some() {
            self.inner.refuel(self.limits.fuel)?;
        }
        Ok(())
    }

    /// Why a call ended.
    fn ended(&mut self, stop: Stop) -> CallError {
        let mut error = CallError::of(stop, self.inner.state());
        match &mut error {
            CallError::Exit(code) => self.exited = Some(*code),
            CallError::Trap(trap) if self.traced && trap.function.is_none() => {
                let index = self.inner.global(CURRENT_FUNCTION);
                trap.function = index.map(|index| Function {
                    index,
                    name: dormouse_snapshot::function_name(self.module.image().wasm_bytes(), index),
                });
            }
            _ => {}
        }
        error
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("module", &self.module.name())
            .field("exited", &self.exited)
            .finish_non_exhaustive()
    }
}

fn foreign() -> Error {
    let message = "the function is another instance's; look it up in the one to be called";
    Error::new(ErrorKind::Invoke, message)
}

/// What `func` stands for.
pub(super) fn resolve(
    store: &mut impl AsContextMut<Data = State>,
    func: Func,
) -> Result<(wasmi::Func, FuncType), Error> {
    let mut store = store.as_context_mut();
    let handles = Handles::of(store.data_mut());
    let resolved = handles.get(func).ok_or_else(foreign)?;
    Ok((resolved.raw, resolved.ty.clone()))
}

/// `func` was given other arguments than it takes.
pub(super) fn wrong(state: &mut State, func: Func, given: &str) -> CallError {
    CallError::Host(match Handles::of(state).get(func) {
        Some(resolved) => convert::mismatch(resolved.name.as_deref(), &resolved.ty, given),
        None => foreign(),
    })
}

/// The exported function `name`, which is looked up for the first time.
pub(super) fn function(
    store: &mut impl AsContextMut<Data = State>,
    export: Option<Extern>,
    name: &str,
) -> Result<Func, Error> {
    match export {
        Some(Extern::Func(raw)) => Ok(handles::name(store, raw, name)),
        other => Err(global::no(other, name, "function")),
    }
}

/// The memory `name`.
pub(super) fn memory(
    state: &mut State,
    export: Option<Extern>,
    name: &str,
) -> Result<Memory, Error> {
    if let Some(Extern::Memory(memory)) = export {
        return Ok(memory);
    }
    let mut given = Handles::of(state).memories.iter();
    match given.find(|(given, _)| given == name) {
        Some((_, memory)) => Ok(*memory),
        None => Err(global::no(export, name, "memory")),
    }
}
