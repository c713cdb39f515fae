//! What a function of the embedder sees of the guest that called it.

use super::{CallError, Func, MemoryView, convert, global, handles::Handles, instance};
use crate::{
    Error, Value,
    engine::Stop,
    instance::{State, nested},
};
use wasmi::{AsContextMut, Caller, Extern, Val};

/// Calls into a guest that functions it calls may make, inside of each other.
/// Each has a stack of its own, which a hostile guest can have grow to 80 MiB,
/// and takes some of the host's.
const MAX_NESTED: usize = 16;

/// The guest that calls a function of the embedder's, for as long as that takes:
/// see [`InstanceBuilder::import`](crate::InstanceBuilder::import).
///
/// ```
/// use dormouse::{Engine, Module, Value};
/// // The guest asks for a name; the function puts it where the guest says.
/// let module = Module::new(&Engine::new(), "name.wat", br#"(module
///     (import "env" "name" (func $name (result i32)))
///     (memory (export "memory") 1)
///     (global $top (mut i32) (i32.const 16))
///     (func (export "alloc") (param $len i32) (result i32)
///         (global.get $top)
///         (global.set $top (i32.add (global.get $top) (local.get $len))))
///     (func (export "first") (result i32) (i32.load8_u (call $name))))"#)?;
/// let mut instance = module.instance()
///     .import("env", "name", |context, _| {
///         let at = context.call("alloc", &[Value::I32(3)])?;
///         let [Value::I32(at)] = at[..] else { unreachable!() };
///         context.memory("memory")?.write(at as u64, b"Ada")?;
///         Ok(vec![Value::I32(at)])
///     })
///     .start()?;
/// assert_eq!(instance.call("first", &[])?, [Value::I32(b'A'.into())]);
/// # Ok::<(), dormouse::CallError>(())
/// ```
pub struct CallContext<'a>(Caller<'a, State>);

impl<'a> CallContext<'a> {
    pub(super) fn new(caller: Caller<'a, State>) -> Self {
        Self(caller)
    }

    pub(super) fn into_caller(self) -> Caller<'a, State> {
        self.0
    }

    /// The guest's memory `name`.
    ///
    /// # Errors
    ///
    /// When it exports no memory of that name.
    pub fn memory(&mut self, name: &str) -> Result<MemoryView<'_>, Error> {
        let export = self.export(name);
        let memory = instance::memory(self.0.data_mut(), export, name)?;
        Ok(MemoryView::new(self.0.as_context_mut(), memory))
    }

    /// What the guest's exported global `name` is.
    ///
    /// # Errors
    ///
    /// When it exports no global of that name.
    pub fn global(&mut self, name: &str) -> Result<Value, Error> {
        let export = self.export(name);
        global::get(&mut self.0, export, name)
    }

    /// Sets the guest's exported global `name`.
    ///
    /// # Errors
    ///
    /// When it exports no global of that name, or that can't be set, or is of
    /// another type.
    pub fn set_global(&mut self, name: &str, value: Value) -> Result<(), Error> {
        let export = self.export(name);
        global::set(&mut self.0, export, name, value)
    }

    /// Calls the guest's exported function `name` in turn, as part of the call
    /// under way: under its deadline, and with its fuel.
    ///
    /// # Errors
    ///
    /// When there is no such function, it is called wrongly, or does not return;
    /// and where such calls are under way inside of each other already, more than
    /// 16.
    pub fn call(&mut self, name: &str, args: &[Value]) -> Result<Vec<Value>, CallError> {
        let func = self.function(name)?;
        self.call_function(func, args)
    }

    /// The guest's exported function `name`.
    ///
    /// # Errors
    ///
    /// When there is no such function.
    pub fn function(&mut self, name: &str) -> Result<Func, Error> {
        if let Some(func) = Handles::of(self.0.data_mut()).named(name) {
            return Ok(func);
        }
        let export = self.export(name);
        instance::function(&mut self.0, export, name)
    }

    /// Calls a function of the guest, as [`call`](Self::call) does; for instance
    /// one that it gave as an argument.
    ///
    /// # Errors
    ///
    /// As of [`call`](Self::call), and when the function is another instance's.
    pub fn call_function(&mut self, func: Func, args: &[Value]) -> Result<Vec<Value>, CallError> {
        let (raw, ty) = instance::resolve(&mut self.0, func)?;
        let mut params = Vec::with_capacity(args.len());
        if !convert::lower_all(&mut self.0, args, ty.params(), &mut params) {
            let given = convert::given(&mut self.0, args);
            return Err(instance::wrong(self.0.data_mut(), func, &given));
        }
        let mut results = vec![Val::I32(0); ty.results().len()];
        self.nest(|caller| nested(caller, raw, &params, &mut results))?;
        Ok(results
            .iter()
            .map(|value| convert::lift(&mut self.0, value))
            .collect())
    }

    /// Has the guest run on inside of this call.
    fn nest(
        &mut self,
        call: impl FnOnce(&mut Caller<'a, State>) -> Result<(), Stop>,
    ) -> Result<(), CallError> {
        let handles = Handles::of(self.0.data_mut());
        if handles.depth >= MAX_NESTED {
            return Err(CallError::invoke(format!(
                "{MAX_NESTED} calls into the guest are under way inside of each other, and no \
                 more are allowed"
            )));
        }
        handles.depth += 1;
        let called = call(&mut self.0);
        Handles::of(self.0.data_mut()).depth -= 1;
        called.map_err(|stop| CallError::of(stop, self.0.data()))
    }

    /// What the guest exports as `name`.
    fn export(&mut self, name: &str) -> Option<Extern> {
        // The guest is not the caller where its host calls what it only exports
        // again; and it is no instance yet while it starts.
        match Handles::of(self.0.data_mut()).instance {
            Some(instance) => instance.get_export(&self.0, name),
            None => self.0.get_export(name),
        }
    }
}

impl std::fmt::Debug for CallContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallContext")
    }
}
