//! Starting the engine and evaluating `runtimes/javascript/` in it.

use super::{
    Data, cells,
    exports::{Exports, pointer},
    functions::FUNCTIONS,
    guest_error,
    program::Engine,
    saved::Handles,
};
use crate::{
    Error,
    engine::Stop,
    image::cache::{NO_SOURCES, fingerprint},
    instance::Instance,
};

/// What the engine may use of its own 1 MiB stack. The rest is for native
/// frames that begin just below this.
const MAX_STACK: i32 = 512 << 10;

/// Bytes that the program allocates between collections of cycles.
const GC_THRESHOLD: i32 = 4 << 20;

/// The scripts, in order. Each is a function of `host` and `internals`. Their
/// names mark the frames that stacks leave out.
const SCRIPTS: &[(&str, &str)] = &[
    (
        "dormouse:primordials",
        include_str!("../../../runtimes/javascript/primordials.js"),
    ),
    (
        "dormouse:inspect",
        include_str!("../../../runtimes/javascript/inspect.js"),
    ),
    (
        "dormouse:console",
        include_str!("../../../runtimes/javascript/console.js"),
    ),
    (
        "dormouse:timers",
        include_str!("../../../runtimes/javascript/timers.js"),
    ),
    (
        "dormouse:encoding",
        include_str!("../../../runtimes/javascript/encoding.js"),
    ),
    (
        "dormouse:random",
        include_str!("../../../runtimes/javascript/random.js"),
    ),
    (
        "dormouse:url",
        include_str!("../../../runtimes/javascript/url.js"),
    ),
    (
        "dormouse:clone",
        include_str!("../../../runtimes/javascript/clone.js"),
    ),
    (
        "dormouse:files",
        include_str!("../../../runtimes/javascript/files.js"),
    ),
    (
        "dormouse:std",
        include_str!("../../../runtimes/javascript/std.js"),
    ),
    (
        "dormouse:os",
        include_str!("../../../runtimes/javascript/os.js"),
    ),
    (
        "dormouse:calls",
        include_str!("../../../runtimes/javascript/calls.js"),
    ),
    (
        "dormouse:objects",
        include_str!("../../../runtimes/javascript/objects.js"),
    ),
    (
        "dormouse:events",
        include_str!("../../../runtimes/javascript/events.js"),
    ),
    (
        "dormouse:headers",
        include_str!("../../../runtimes/javascript/headers.js"),
    ),
    (
        "dormouse:blob",
        include_str!("../../../runtimes/javascript/blob.js"),
    ),
    (
        "dormouse:fetch",
        include_str!("../../../runtimes/javascript/fetch.js"),
    ),
    (
        "dormouse:http",
        include_str!("../../../runtimes/javascript/http.js"),
    ),
    (
        "dormouse:dormouse",
        include_str!("../../../runtimes/javascript/dormouse.js"),
    ),
    (
        "dormouse:session",
        include_str!("../../../runtimes/javascript/session.js"),
    ),
    (
        "dormouse:start",
        include_str!("../../../runtimes/javascript/start.js"),
    ),
];

/// What warms the engine up, as a script.
const WARM_UP: (&str, &str) = (
    "dormouse:warm",
    include_str!("../../../runtimes/javascript/warm.js"),
);

/// Modules that are there before any program, by the name that specifiers
/// resolve to.
const MODULES: &[(&str, &str)] = &[
    (
        "qjs:std",
        include_str!("../../../runtimes/javascript/std.mjs"),
    ),
    (
        "qjs:os",
        include_str!("../../../runtimes/javascript/os.mjs"),
    ),
    (
        "qjs:dormouse",
        include_str!("../../../runtimes/javascript/dormouse.mjs"),
    ),
];

/// Changes with any of that.
pub(crate) const FINGERPRINT: u64 = {
    let warm_up = fingerprint(NO_SOURCES, WARM_UP.1.as_bytes());
    fingerprint_all(fingerprint_all(warm_up, SCRIPTS), MODULES)
};

const fn fingerprint_all(before: u64, sources: &[(&str, &str)]) -> u64 {
    let mut hash = before;
    let mut index = 0;
    while index < sources.len() {
        hash = fingerprint(hash, sources[index].1.as_bytes());
        index += 1;
    }
    hash
}

/// Starts the engine; afterwards nothing of it depends on the run.
///
/// # Errors
///
/// When the guest is not the engine that we know. The inner result is a limit
/// that stopped it.
pub(crate) fn prepare(instance: &mut Instance) -> Result<Result<Engine, Stop>, Error> {
    let exports = Exports::new(instance.store(), instance.raw())?;
    instance.store_mut().data_mut().language::<Data>().exports = Some(exports);
    let handles = Handles::default();
    let engine = Engine { exports, handles };
    told(Bootstrap { engine, instance }.run())
}

/// The same for an image: the engine is also warmed up. That takes as long
/// again, and gains each program that wakes a twentieth at most.
///
/// # Errors
///
/// As [`prepare`].
pub(crate) fn prepare_image(instance: &mut Instance) -> Result<Result<Engine, Stop>, Error> {
    match prepare(instance)? {
        Ok(engine) => told(Bootstrap { engine, instance }.warm_up()),
        Err(stop) => Ok(Err(stop)),
    }
}

fn told(step: Step<Engine>) -> Result<Result<Engine, Stop>, Error> {
    match step {
        Ok(Ok(engine)) => Ok(Ok(engine)),
        Ok(Err(message)) => Err(guest_error(message)),
        Err(stop) => Ok(Err(stop)),
    }
}

/// Outer: a limit or trap. Inner: the engine does not do as we expect.
type Step<T> = Result<Result<T, String>, Stop>;

struct Bootstrap<'a> {
    engine: Engine,
    instance: &'a mut Instance,
}

/// Passes an inner error up.
macro_rules! expect {
    ($step:expr) => {
        match $step? {
            Ok(value) => value,
            Err(message) => return Ok(Err(message)),
        }
    };
}

impl Bootstrap<'_> {
    fn run(mut self) -> Step<Engine> {
        let exports = self.engine.exports;
        self.ask(exports._initialize.func(), &[])?;
        if self.ask(exports.qjs_init.func(), &[])? != 0 {
            return Ok(Err("it does not start".to_owned()));
        }
        self.ask(exports.qjs_set_max_stack_size.func(), &[MAX_STACK])?;
        self.ask(exports.qjs_set_gc_threshold.func(), &[GC_THRESHOLD])?;
        self.ask(exports.qjs_set_module_loader.func(), &[1])?;
        self.ask(exports.qjs_set_promise_rejection_handler.func(), &[1])?;
        let scratch = self.ask(exports.wasm_malloc.func(), &[8])?;
        self.engine.handles.scratch = scratch;
        self.data().streams.set_scratch(scratch);
        self.engine.handles.undefined = self.ask(exports.qjs_get_undefined.func(), &[])?;
        expect!(self.check_values());

        let host = expect!(self.host_functions());
        let internals = self.ask(exports.qjs_new_object.func(), &[])?;
        for (name, source) in SCRIPTS {
            let source = format!("({source})");
            let function = expect!(self.evaluate(name, &source, 0));
            let result = self
                .engine
                .call(self.instance, function, &[host, internals])?;
            expect!(self.check(name, result));
        }
        let hooks = self.get(internals, "hooks")?;
        self.engine.handles.start = self.get(hooks, "start")?;
        self.engine.handles.tick = self.get(hooks, "tick")?;
        self.engine.handles.report = self.get(hooks, "report")?;
        self.engine.handles.session = self.get(hooks, "session")?;
        self.engine.handles.flush = self.get(hooks, "flush")?;
        let cells = self.get(hooks, "cells")?;
        let of_buffer = exports.qjs_get_array_buffer.func();
        self.engine.handles.cells = self.ask(of_buffer, &[cells, scratch])?;
        if exports.read_u32(self.instance.store(), scratch) != Some(cells::SIZE as u32) {
            return Ok(Err("it gives buffers differently".to_owned()));
        }
        for (name, source) in MODULES {
            expect!(self.evaluate(name, source, Engine::MODULE));
        }
        expect!(self.run_jobs("its own modules"));
        Ok(Ok(self.engine))
    }

    fn warm_up(mut self) -> Step<Engine> {
        let exports = self.engine.exports;
        let (name, source) = WARM_UP;
        let value = expect!(self.evaluate(name, source, Engine::SCRIPT));
        self.ask(exports.qjs_free_value.func(), &[value])?;
        expect!(self.run_jobs(name));
        self.ask(exports.qjs_run_gc.func(), &[])?;
        Ok(Ok(self.engine))
    }

    /// Runs what promises have to be done.
    fn run_jobs(&mut self, name: &str) -> Step<()> {
        let done = self.engine.run_jobs(self.instance)?.is_ok();
        if done && self.data().rejections.is_empty() {
            return Ok(Ok(()));
        }
        Ok(Err(format!("{name}: a promise is rejected")))
    }

    fn ask(&mut self, func: &wasmi::Func, args: &[i32]) -> Result<i32, Stop> {
        Engine::ask(self.instance, func, args)
    }

    fn data(&mut self) -> &mut Data {
        self.instance.store_mut().data_mut().language::<Data>()
    }

    /// Arguments are read without asking the engine where their
    /// representation says it all; that representation must be as we know it.
    fn check_values(&mut self) -> Step<()> {
        let undefined = self.engine.handles.undefined;
        let seven = expect!(self.evaluate("dormouse:check", "7", Engine::SCRIPT));
        let text = expect!(self.evaluate("dormouse:check", "'x'", Engine::SCRIPT));
        let get_true = self.engine.exports.qjs_get_true;
        let truth = self.ask(get_true.func(), &[])?;
        let store = self.instance.store();
        let read = |handle| self.engine.exports.read_u64(store, handle);
        if read(seven) == Some(7)
            && read(truth) == Some(1 << 32 | 1)
            && read(undefined).map(|value| value >> 32) == Some(3)
            && read(text).map(|value| value >> 32) == Some(0xffff_fff9)
        {
            return Ok(Ok(()));
        }
        Ok(Err("it represents values differently".to_owned()))
    }

    fn host_functions(&mut self) -> Step<i32> {
        let exports = self.engine.exports;
        let host = self.ask(exports.qjs_new_object.func(), &[])?;
        for (name, _) in FUNCTIONS {
            let at = expect!(self.engine.copy_in(self.instance, name.as_bytes()));
            let params = [at, pointer(name.len()), 0];
            let function = self.ask(exports.qjs_new_host_function.func(), &params)?;
            self.ask(exports.qjs_set_prop_string.func(), &[host, at, function])?;
            self.ask(exports.qjs_free_value.func(), &[function])?;
            self.ask(exports.wasm_free.func(), &[at])?;
        }
        Ok(Ok(host))
    }

    fn evaluate(&mut self, name: &str, source: &str, flags: i32) -> Step<i32> {
        let value = expect!(
            self.engine
                .eval(self.instance, name, source.as_bytes(), flags)
        );
        self.check(name, value)
    }

    fn check(&mut self, name: &str, value: i32) -> Step<i32> {
        let exports = self.engine.exports;
        if self.ask(exports.qjs_is_exception.func(), &[value])? == 0 {
            return Ok(Ok(value));
        }
        let error = self.ask(exports.qjs_get_exception.func(), &[])?;
        let message = self.engine.text(self.instance, error)?;
        let stack = self.get(error, "stack")?;
        let stack = self.engine.text(self.instance, stack)?;
        Ok(Err(format!("{name}: {message}\n{stack}")))
    }

    fn get(&mut self, object: i32, name: &str) -> Result<i32, Stop> {
        let Ok(at) = self.engine.copy_in(self.instance, name.as_bytes())? else {
            return Ok(self.engine.handles.undefined);
        };
        let get = self.engine.exports.qjs_get_prop_string;
        self.ask(get.func(), &[object, at])
    }
}
