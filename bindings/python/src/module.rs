//! Modules that were instantiated.

use crate::{
    callback::Raised,
    error,
    function::{self, Arg, Args, Callee, Function},
    imports::{self, Given},
    options::Options,
    supervise::supervise,
    value,
};
use dormouse::{CallError, Engine, ExternType, Func, Instance, Stopper, Value};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict, PyList, PyString, PyTuple, PyWeakrefReference},
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
};

/// Functions of WASI in which a guest may wait for something.
const MAY_WAIT: [&str; 7] = [
    "poll_oneoff",
    "fd_read",
    "fd_pread",
    "fd_sync",
    "fd_datasync",
    "sock_accept",
    "sock_recv",
];

/// A module, compiled once for any number of instances.
#[pyclass(frozen, module = "dormouse._dormouse")]
pub(crate) struct Compiled {
    pub(crate) inner: dormouse::Module,
}

#[pymethods]
impl Compiled {
    #[new]
    fn new(py: Python<'_>, source: &[u8], name: &str) -> PyResult<Self> {
        let compiled = py.detach(|| dormouse::Module::new(&Engine::new(), name, source));
        let inner = compiled.map_err(|error| error::host(py, &error))?;
        Ok(Self { inner })
    }

    /// What it is called.
    #[getter]
    fn name(&self) -> &str {
        self.inner.name()
    }

    /// What it exports, by name, and what that is.
    #[getter]
    fn exports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let exports = PyDict::new(py);
        for export in self.inner.exports() {
            exports.set_item(&export.name, export.ty.to_string())?;
        }
        Ok(exports)
    }

    /// What it imports, by module and name, and what that is.
    #[getter]
    fn imports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let imports = PyDict::new(py);
        for import in self.inner.imports() {
            imports.set_item((&import.module, &import.name), import.ty.to_string())?;
        }
        Ok(imports)
    }
}

/// How calls go about the interpreter's lock.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Short calls keep it: the guest can reach nothing that waits.
    Keeping,
    /// They let go of it.
    Releasing,
    /// The guest may wait for something, and a signal is to end that.
    Supervised,
}

/// An instance of a module.
#[pyclass(frozen, weakref, module = "dormouse._dormouse")]
pub(crate) struct Module {
    instance: Mutex<Option<Instance>>,
    compiled: Py<Compiled>,
    /// Its functions that were called by name.
    entries: Py<PyDict>,
    externs: Arc<imports::Externs>,
    raised: Raised,
    stopper: Stopper,
    way: Way,
    is_closed: AtomicBool,
    /// The thread of a call that lets go of the interpreter's lock.
    runs_in: Mutex<Option<ThreadId>>,
}

/// A function that was looked up by name.
#[pyclass(frozen)]
struct Entry(Callee);

#[pymethods]
impl Module {
    #[new]
    fn new<'py>(
        py: Python<'py>,
        compiled: Bound<'py, Compiled>,
        args: Vec<Vec<u8>>,
        imports: Vec<Given>,
        options: Options,
    ) -> PyResult<Bound<'py, Self>> {
        let raised = Raised::default();
        let externs = Arc::new(imports::Externs::default());
        let module = &compiled.get().inner;
        let parts = options.parts(&raised)?;
        let builder = module
            .instance()
            .grants(parts.grants)
            .limits(parts.limits)
            .functions(parts.functions)
            .stdin(parts.stdin)
            .stdout(parts.stdout)
            .stderr(parts.stderr)
            .args(args);
        let mut builder = imports::give(py, builder, module, imports, &externs, &raised)?;
        let stopper = builder.stopper();
        let ends = stopper.clone();
        raised.stops(move || ends.stop());
        let started = supervise(py, |_| stopper.stop(), || builder.start());
        if let Some(raised) = raised.take() {
            return Err(raised);
        }
        let instance = started?.map_err(|error| error::call(py, &error))?;
        let this = Self {
            instance: Mutex::new(Some(instance)),
            way: way(module),
            is_closed: AtomicBool::new(false),
            compiled: compiled.unbind(),
            entries: PyDict::new(py).unbind(),
            externs: Arc::clone(&externs),
            raised,
            stopper,
            runs_in: Mutex::new(None),
        };
        let this = Bound::new(py, this)?;
        externs.belong_to(PyWeakrefReference::new(&this)?.unbind());
        Ok(this)
    }

    /// Calls an export; its results as a list.
    #[pyo3(
        signature = (name, a=Arg(None), b=Arg(None), c=Arg(None), d=Arg(None), /, *rest),
        text_signature = "($self, name, /, *args)"
    )]
    fn call<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
        a: Arg<'py>,
        b: Arg<'py>,
        c: Arg<'py>,
        d: Arg<'py>,
        rest: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyList>> {
        let entry = Self::entry(slf, name)?;
        let args = Args::new([a, b, c, d], rest);
        function::call(slf, &entry.get().0, &args, |results| {
            // Nearly always there is one, and no need to count.
            if let [one] = results {
                return PyList::new(slf.py(), [value::in_module(slf, *one)?]);
            }
            let values = results.iter().map(|value| value::in_module(slf, *value));
            PyList::new(slf.py(), values.collect::<PyResult<Vec<_>>>()?)
        })
    }

    /// An export that is a function, to be called.
    fn function<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, Function>> {
        let func = slf.get().look_up(slf.py(), name)?;
        Function::of(slf, func, Some(name.to_owned()))
    }

    /// Runs a program's `_start`; its exit code.
    fn run(&self, py: Python<'_>) -> PyResult<i32> {
        let mut held = self.lock(py)?;
        let instance = open(py, &mut held)?;
        let ran = self.supervised(py, || instance.run());
        self.ended(py, ran)
    }

    /// What it was made from.
    #[getter]
    fn compiled<'py>(&self, py: Python<'py>) -> Bound<'py, Compiled> {
        self.compiled.bind(py).clone()
    }

    /// What it wrote to stdout since this was last asked, where that is kept.
    fn take_stdout<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut held = self.lock(py)?;
        Ok(PyBytes::new(py, &open(py, &mut held)?.take_stdout()))
    }

    /// The same of its stderr.
    fn take_stderr<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut held = self.lock(py)?;
        Ok(PyBytes::new(py, &open(py, &mut held)?.take_stderr()))
    }

    /// Fuel that the last call burnt, where that is limited.
    #[getter]
    fn fuel_used(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        let mut held = self.lock(py)?;
        Ok(open(py, &mut held)?.fuel_used())
    }

    /// How many bytes the memory `name` has.
    fn memory_len(&self, py: Python<'_>, name: &str) -> PyResult<u64> {
        self.with(py, |instance| Ok(instance.memory(name)?.len()))
    }

    /// Bytes of the memory `name`.
    fn memory_read<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        at: u64,
        length: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.with(py, |instance| instance.memory(name)?.read_vec(at, length))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Writes `bytes` to the memory `name`.
    fn memory_write(&self, py: Python<'_>, name: &str, at: u64, bytes: &[u8]) -> PyResult<()> {
        self.with(py, |instance| instance.memory(name)?.write(at, bytes))
    }

    /// Adds pages of 64 KiB to the memory `name`; how many there were.
    fn memory_grow(&self, py: Python<'_>, name: &str, pages: u64) -> PyResult<u64> {
        self.with(py, |instance| instance.memory(name)?.grow(pages))
    }

    /// What the global `name` is.
    fn global_get<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let value = slf.get().with(slf.py(), |instance| instance.global(name))?;
        value::in_module(slf, value)
    }

    /// Sets the global `name`.
    fn global_set(&self, py: Python<'_>, name: &str, given: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut exports = self.compiled.get().inner.exports().iter();
        let ty = exports.find_map(|export| match export.ty {
            ExternType::Global { ty, .. } if export.name == name => Some(ty),
            _ => None,
        });
        let value = match ty {
            Some(ty) => value::read(given, ty, self)?,
            // The library says what is wrong.
            None => Value::Null,
        };
        self.with(py, |instance| instance.set_global(name, value))
    }

    /// Stops the call under way, or else the next one.
    fn stop(&self) {
        self.stopper.stop();
    }

    /// Ends it, and what it runs.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.is_closed.store(true, Ordering::Relaxed);
        if let Err(TryLockError::WouldBlock) = self.instance.try_lock() {
            self.stopper.stop();
        }
        let instance = self.lock(py)?.take();
        py.detach(|| drop(instance));
        self.entries.bind(py).clear();
        self.externs.clear();
        Ok(())
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.is_closed()
    }
}

impl Module {
    /// The function that is exported as `name`.
    fn entry<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, Entry>> {
        let (py, this) = (slf.py(), slf.get());
        let entries = this.entries.bind(py);
        if let Some(entry) = entries.get_item(name)? {
            return Ok(entry.cast_into::<Entry>()?);
        }
        let text = name.to_str()?.to_owned();
        let func = this.look_up(py, &text)?;
        let entry = Bound::new(py, Entry(this.callee(py, func, Some(text))?))?;
        entries.set_item(name, &entry)?;
        Ok(entry)
    }

    fn look_up(&self, py: Python<'_>, name: &str) -> PyResult<Func> {
        self.with(py, |instance| instance.function(name))
    }

    /// What calls of `func` need to know.
    pub(crate) fn callee(
        &self,
        py: Python<'_>,
        func: Func,
        name: Option<String>,
    ) -> PyResult<Callee> {
        self.with(py, |instance| {
            Ok(Callee {
                func,
                ty: instance.function_type(func)?,
                name,
                pure: instance.pure(func),
            })
        })
    }

    /// Whether nothing of it is to be called any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// A number for a Python object, which a guest can hold.
    pub(crate) fn keep(&self, object: &Bound<'_, PyAny>) -> u64 {
        self.externs.keep(object)
    }

    /// The object that `id` stands for.
    pub(crate) fn kept<'py>(&self, py: Python<'py>, id: u64) -> PyResult<Bound<'py, PyAny>> {
        self.externs.kept(py, id)
    }

    /// Looks at the instance, or changes it.
    fn with<T>(
        &self,
        py: Python<'_>,
        look: impl FnOnce(&mut Instance) -> Result<T, dormouse::Error>,
    ) -> PyResult<T> {
        let mut held = self.lock(py)?;
        look(open(py, &mut held)?).map_err(|error| error::host(py, &error))
    }

    /// Calls `func`: a short call in this thread; what takes longer without the
    /// interpreter's lock, and so that a signal ends it.
    pub(crate) fn enter(
        &self,
        py: Python<'_>,
        func: Func,
        args: &[Value],
        results: &mut [Value],
    ) -> PyResult<()> {
        let mut held = self.lock(py)?;
        let instance = open(py, &mut held)?;
        let called = match self.way {
            Way::Keeping => Ok(instance.call_briefly(func, args, results)),
            Way::Releasing => {
                self.set_runs_in(Some(thread::current().id()));
                let called = py.detach(|| instance.call_briefly(func, args, results));
                self.set_runs_in(None);
                Ok(called)
            }
            Way::Supervised => self.supervised(py, || {
                instance.call_into(func, args, results).map(|()| None)
            }),
        };
        let called = match called {
            Ok(Ok(None)) => return Ok(()),
            Ok(Ok(Some(rest))) => self.supervised(py, || instance.finish(rest, results)),
            Ok(Err(error)) => Ok(Err(error)),
            Err(error) => Err(error),
        };
        drop(held);
        self.ended(py, called)
    }

    fn supervised<T: Send>(&self, py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
        let done = supervise(
            py,
            |_| self.stopper.stop(),
            || {
                self.set_runs_in(Some(thread::current().id()));
                work()
            },
        );
        self.set_runs_in(None);
        done
    }

    fn set_runs_in(&self, thread: Option<ThreadId>) {
        *self.runs_in.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }

    /// What a call gave; what was raised on the way comes first.
    fn ended<T>(&self, py: Python<'_>, called: PyResult<Result<T, CallError>>) -> PyResult<T> {
        if let Some(raised) = self.raised.take() {
            return Err(raised);
        }
        called?.map_err(|error| error::call(py, &error))
    }

    /// The instance, once no other thread runs it.
    #[inline]
    fn lock(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Option<Instance>>> {
        loop {
            match self.instance.try_lock() {
                Ok(held) => return Ok(held),
                Err(TryLockError::Poisoned(held)) => return Ok(held.into_inner()),
                Err(TryLockError::WouldBlock) => self.wait(py)?,
            }
        }
    }

    #[cold]
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let runs_in = *self.runs_in.lock().unwrap_or_else(PoisonError::into_inner);
        if runs_in == Some(thread::current().id()) {
            let message = "the module is running: a function that it calls can't use it";
            return Err(error::raise(py, "CallError", (message,)));
        }
        py.detach(|| drop(self.instance.lock()));
        Ok(())
    }
}

/// The instance, if it was not closed.
#[inline]
fn open<'a>(py: Python<'_>, held: &'a mut Option<Instance>) -> PyResult<&'a mut Instance> {
    held.as_mut()
        .ok_or_else(|| error::raise(py, "CallError", ("the module is closed",)))
}

fn way(module: &dormouse::Module) -> Way {
    let imports = module.imports();
    if imports.is_empty() {
        Way::Keeping
    } else if imports
        .iter()
        .any(|import| MAY_WAIT.contains(&&*import.name) || import.module == "dormouse")
    {
        Way::Supervised
    } else {
        Way::Releasing
    }
}
