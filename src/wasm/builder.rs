//! Making an instance of a module.

use super::{
    CallContext, CallError, Instance, Module,
    imports::{Given, Imports},
    module::Way,
};
use crate::{
    Grants, HostFunctions, Limits, Output, Program, Sandbox, Stdin, Stopper, Value,
    instance::{Failure, Instance as Inner},
};
use std::time::Instant;

/// An instance in the making: what it may reach, what bounds it, and what it
/// imports.
///
/// A module that imports WASI Preview 1 has it, with what the [`Grants`] say;
/// other imports are given with [`import`](Self::import).
///
/// ```
/// use dormouse::{Engine, Module, Value};
/// let module = Module::new(&Engine::new(), "greet.wat", br#"(module
///     (import "env" "log" (func $log (param i32 i32)))
///     (memory (export "memory") 1)
///     (data (i32.const 8) "hello")
///     (func (export "greet") (call $log (i32.const 8) (i32.const 5))))"#)?;
/// let said = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
/// let heard = said.clone();
/// let mut instance = module.instance()
///     .import("env", "log", move |context, args| {
///         let [Value::I32(at), Value::I32(len)] = args else { unreachable!() };
///         let text = context.memory("memory")?.read_string(*at as u64, *len as u64)?;
///         heard.lock().unwrap().push_str(&text);
///         Ok(vec![])
///     })
///     .start()?;
/// instance.call("greet", &[])?;
/// assert_eq!(*said.lock().unwrap(), "hello");
/// # Ok::<(), dormouse::CallError>(())
/// ```
pub struct InstanceBuilder {
    module: Module,
    sandbox: Sandbox,
    args: Vec<Vec<u8>>,
    imports: Imports,
    traced: bool,
}

impl InstanceBuilder {
    pub(super) fn new(module: &Module) -> Self {
        Self {
            module: module.clone(),
            sandbox: Sandbox::new(module.image()),
            args: Vec::new(),
            imports: Imports::default(),
            traced: false,
        }
    }

    /// What the guest may reach.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Self {
        self.sandbox = self.sandbox.grants(grants);
        self
    }

    /// What bounds the guest. Each call has the deadline and the fuel anew, as
    /// has what runs when the instance starts; deadlines are kept to some 20
    /// milliseconds. Memory is counted over the instance's life. What a call may
    /// write is the limit of output, less what is captured and not
    /// [taken](Instance::take_stdout) yet.
    ///
    /// Without deadline and fuel the guest runs unmetered, which is faster.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.sandbox = self.sandbox.limits(limits);
        self
    }

    /// Functions that a guest can ask for by name, as those of a
    /// [`Sandbox`](Sandbox::functions).
    #[must_use]
    pub fn functions(mut self, functions: HostFunctions) -> Self {
        self.sandbox = self.sandbox.functions(functions);
        self
    }

    /// The guest's arguments, after the module's name.
    #[must_use]
    pub fn args<A: Into<Vec<u8>>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// What the guest reads.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.sandbox = self.sandbox.stdin(stdin);
        self
    }

    /// Where the guest's stdout goes.
    #[must_use]
    pub fn stdout(mut self, stdout: Output) -> Self {
        self.sandbox = self.sandbox.stdout(stdout);
        self
    }

    /// Where the guest's stderr goes.
    #[must_use]
    pub fn stderr(mut self, stderr: Output) -> Self {
        self.sandbox = self.sandbox.stderr(stderr);
        self
    }

    /// Gives the guest `function` for the function that it imports as `name` of
    /// `module`; that import says which arguments the function gets, and which
    /// results it has to give. What the module does not import is not used; what
    /// is given twice is what was given last, also in place of WASI's.
    ///
    /// An error ends the call of the guest with [`CallError::Host`], of kind
    /// [`Import`](crate::ErrorKind::Import), unless it is a [`CallError`] or an
    /// [`Error`](crate::Error) itself: those come out as they are, so that a
    /// function can have the guest [exit](CallError::Exit). A panic, which has been
    /// through the process's panic hook by then, is such an error, too.
    #[must_use]
    pub fn import<F>(mut self, module: &str, name: &str, function: F) -> Self
    where
        F: Fn(
                &mut CallContext<'_>,
                &[Value],
            ) -> Result<Vec<Value>, Box<dyn std::error::Error + Send + Sync>>
            + Send
            + Sync
            + 'static,
    {
        self.imports
            .give(module, name, Given::Function(std::sync::Arc::new(function)));
        self
    }

    /// Gives the guest `value` for the global that it imports as `name` of
    /// `module`; where that can be set, it is the instance's own.
    ///
    /// ```
    /// use dormouse::{Engine, Module, Value};
    /// let module = Module::new(&Engine::new(), "g.wat", br#"(module
    ///     (import "env" "base" (global $base i32))
    ///     (func (export "get") (result i32) (global.get $base)))"#)?;
    /// let mut instance = module.instance().import_global("env", "base", 1024.into()).start()?;
    /// assert_eq!(instance.call("get", &[])?, [Value::I32(1024)]);
    /// # Ok::<(), dormouse::CallError>(())
    /// ```
    #[must_use]
    pub fn import_global(mut self, module: &str, name: &str, value: Value) -> Self {
        self.imports.give(module, name, Given::Global(value));
        self
    }

    /// Gives the guest a memory of its own for the one that it imports as `name`
    /// of `module`, as large as it asks for.
    /// [`Instance::memory`] and [`CallContext::memory`] have it by `name`, unless
    /// the guest exports another one as that.
    ///
    /// ```
    /// use dormouse::{Engine, Module, Value};
    /// let module = Module::new(&Engine::new(), "m.wat", br#"(module
    ///     (import "env" "memory" (memory 1))
    ///     (func (export "peek") (result i32) (i32.load (i32.const 0))))"#)?;
    /// let mut instance = module.instance().import_memory("env", "memory").start()?;
    /// instance.memory("memory")?.write(0, &7_u32.to_le_bytes())?;
    /// assert_eq!(instance.call("peek", &[])?, [Value::I32(7)]);
    /// # Ok::<(), dormouse::CallError>(())
    /// ```
    #[must_use]
    pub fn import_memory(mut self, module: &str, name: &str) -> Self {
        self.imports.give(module, name, Given::Memory);
        self
    }

    /// Has traps say in which function they happened, by
    /// [`Trap::function`](crate::Trap::function). The guest keeps note of that
    /// then, which takes a tenth of the time of one that does little but call.
    #[must_use]
    pub fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// What stops a call from another thread: the one under way, or else the next
    /// one, which then fails with [`ErrorKind::Stopped`](crate::ErrorKind::Stopped).
    /// The instance can be called again. The guest is metered then in any case.
    ///
    /// ```
    /// use dormouse::{CallError, Engine, ErrorKind, Module};
    /// let module = Module::new(&Engine::new(), "loop.wat",
    ///     br#"(module (func (export "loop") (loop (br 0))))"#)?;
    /// let mut builder = module.instance();
    /// let stopper = builder.stopper();
    /// let mut instance = builder.start()?;
    /// let run = std::thread::spawn(move || instance.call("loop", &[]));
    /// stopper.stop();
    /// let error = run.join().expect("it does not panic").expect_err("it was stopped");
    /// assert!(matches!(error, CallError::Host(error) if error.kind() == ErrorKind::Stopped));
    /// # Ok::<(), CallError>(())
    /// ```
    pub fn stopper(&mut self) -> Stopper {
        self.sandbox.stopper()
    }

    /// The instance, once the module's start function and, if it exports one,
    /// `_initialize` have run. A program's `_start` is left to the caller: see
    /// [`Instance::run`].
    ///
    /// # Errors
    ///
    /// When a grant can't be given, an import is missing or of another type, or
    /// what runs does not come to its end.
    pub fn start(mut self) -> Result<Instance, CallError> {
        let way = Way {
            metering: self.sandbox.metering(),
            traced: self.traced,
        };
        let prepared = self.module.prepared(way)?;
        self.imports.check(&self.module)?;
        let program = Program::start(self.module.name()).args(self.args);
        let state = self.sandbox.state(Instant::now(), &program)?;
        let imports = &self.imports;
        let made = if imports.are_used(&self.module) {
            Inner::linked(prepared, state, |store| imports.link(prepared, store))
        } else {
            Inner::new(prepared, state)
        };
        let limits = self.sandbox.session_limits().clone();
        match made {
            Ok(inner) => Instance::started(self.module, inner, limits, way.traced),
            Err(Failure::Error(error)) => Err(CallError::Host(error)),
            Err(Failure::Stop(stop, state)) => Err(CallError::of(stop, &state)),
        }
    }
}

impl std::fmt::Debug for InstanceBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstanceBuilder")
            .field("module", &self.module)
            .field("sandbox", &self.sandbox)
            .field("traced", &self.traced)
            .finish_non_exhaustive()
    }
}
