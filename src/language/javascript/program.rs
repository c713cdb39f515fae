//! The prepared engine, and what happens to a program in it.

use super::{
    Data,
    event_loop::{self, Ended},
    exports::{Exports, address, pointer},
    modules::{meta, strip_mark},
    point::with_point,
    saved::Handles,
    stream::Streams,
};
use crate::{Program, engine::Stop, instance::Instance, program::Entry};
use wasmi::{Func, Val};

/// A program whose top level waits for ever ends so, as elsewhere.
pub(super) const EXIT_NEVER_SETTLED: i32 = 13;

/// A program that ends by an error.
pub(super) const EXIT_UNCAUGHT: i32 = 1;

/// The one argument that the runtime is prepared with: no other is as common.
const PREPARED_ARGUMENT: &str = "-c";

/// Tag of the engine's exceptions, in a value's upper half.
const TAG_EXCEPTION: u64 = 6;

/// The engine after its preparation. Calls are made on the instance that
/// holds it.
#[derive(Clone, Copy)]
pub(crate) struct Engine {
    pub(super) exports: Exports,
    pub(super) handles: Handles,
}

/// The engine has an exception: what it is, as a handle.
pub(super) struct Thrown(pub(super) i32);

/// Outer: a limit or trap. Inner: an exception.
pub(super) type Evaluated<T> = Result<Result<T, Thrown>, Stop>;

/// Runs `program`; its exit code.
pub(super) fn run(
    instance: &mut Instance,
    engine: &Engine,
    program: &Program,
) -> Result<i32, Stop> {
    engine.attach(instance, program);
    match begin(instance, engine, program)? {
        Ok(main) => drive(instance, engine, main),
        Err(Thrown(error)) => {
            let code = engine.report(instance, error, false)?;
            language(instance).streams.flush()?;
            Ok(code)
        }
    }
}

/// Runs a program's top level; the promise that it is, if it is one.
pub(super) fn begin(
    instance: &mut Instance,
    engine: &Engine,
    program: &Program,
) -> Evaluated<Option<i32>> {
    let (Entry::Code(source) | Entry::Script(source)) = &program.entry else {
        return Err(Stop::new("JavaScript runs source text only"));
    };
    if let Err(thrown) = start(instance, engine, program)? {
        return Ok(Err(thrown));
    }
    let main = match evaluate(instance, engine, program, source)? {
        Ok(main) => main,
        Err(thrown) => return Ok(Err(thrown)),
    };
    let is_promise = engine.exports.qjs_is_promise;
    let is_promise = Engine::ask(instance, is_promise.func(), &[main])? != 0;
    Ok(Ok(is_promise.then_some(main)))
}

/// Runs what is left to do after a program's top level; the exit code.
pub(super) fn drive(
    instance: &mut Instance,
    engine: &Engine,
    main: Option<i32>,
) -> Result<i32, Stop> {
    let ended = event_loop::run(instance, engine, main)?;
    language(instance).streams.flush()?;
    match ended {
        Ended::Exit(code) => Ok(code),
        Ended::AtPoint => Err(Stop::new(
            "the program waits to be captured, but nobody does",
        )),
    }
}

pub(super) fn language(instance: &mut Instance) -> &mut Data {
    instance.store_mut().data_mut().language::<Data>()
}

/// Tells the runtime what this run is about.
pub(super) fn start(instance: &mut Instance, engine: &Engine, program: &Program) -> Evaluated<()> {
    if program.name == PREPARED_ARGUMENT && program.args.is_empty() {
        engine.fill_cells(instance)?;
        return Ok(Ok(()));
    }
    tell(instance, engine, program)
}

/// The same, for a runtime that was prepared with any arguments.
pub(super) fn tell(instance: &mut Instance, engine: &Engine, program: &Program) -> Evaluated<()> {
    engine.fill_cells(instance)?;
    let mut text = program.name.replace('\0', "");
    for argument in &program.args {
        text.push('\0');
        text.push_str(&String::from_utf8_lossy(argument));
    }
    let Ok(at) = engine.copy_in(instance, text.as_bytes())? else {
        return engine.exception(instance).map(Err);
    };
    let new_string = engine.exports.qjs_new_string.func();
    let args = Engine::ask(instance, new_string, &[at, pointer(text.len())])?;
    let result = engine.call(instance, engine.handles.start, &[args])?;
    Ok(engine.checked(instance, result)?.map(|_| ()))
}

/// Evaluates the source: the promise of a module, or a script's value.
fn evaluate(
    instance: &mut Instance,
    engine: &Engine,
    program: &Program,
    source: &[u8],
) -> Evaluated<i32> {
    let source = strip_mark(source);
    if program.name.ends_with(".mjs") {
        return engine.run_module(instance, &program.name, source);
    }
    let script_error = match engine.compile(instance, &program.name, source, Engine::SCRIPT)? {
        Ok(script) => return engine.run_compiled(instance, script),
        Err(error) => error,
    };
    if !engine.is_named(instance, script_error.0, "SyntaxError")? {
        return Ok(Err(script_error));
    }
    // What is no script may still be a module: one that imports, exports, or
    // awaits at its top level. If it is neither, the parser that came further
    // knows better what is wrong.
    match engine.run_module(instance, &program.name, source)? {
        Err(error) if engine.is_named(instance, error.0, "SyntaxError")? => {
            let as_script = engine.position(instance, script_error.0)?;
            let as_module = engine.position(instance, error.0)?;
            Ok(Err(if as_module > as_script {
                error
            } else {
                script_error
            }))
        }
        other => Ok(other),
    }
}

impl Engine {
    /// Flags of the engine's evaluation.
    pub(super) const SCRIPT: i32 = 0;
    pub(super) const MODULE: i32 = 1;
    const COMPILE_ONLY: i32 = 1 << 5;
    /// A script that may await at its top level.
    pub(super) const ASYNC: i32 = 1 << 7;

    /// Gives the host's functions what they need. All that the host keeps for
    /// the language is made anew, so that nothing before this point can matter.
    pub(super) fn attach(&self, instance: &mut Instance, program: &Program) {
        let state = instance.store_mut().data_mut();
        let streams = Streams::new(state.stdio(), self.handles.scratch);
        let data = state.language::<Data>();
        *data = Data {
            exports: Some(self.exports),
            streams,
            cells: self.handles.cells,
            main_name: program.name.clone(),
            guest_path: data.guest_path.take(),
            ..Data::default()
        };
    }

    /// Calls a function of integers that gives an integer or nothing.
    pub(super) fn ask(instance: &mut Instance, func: &Func, args: &[i32]) -> Result<i32, Stop> {
        let mut params = [const { Val::I32(0) }; 5];
        for (param, arg) in params.iter_mut().zip(args) {
            *param = Val::I32(*arg);
        }
        let count = args.len().min(params.len());
        let mut results = [Val::I32(0)];
        let used = func.ty(instance.store()).results().len().min(1);
        instance.call(*func, &params[..count], &mut results[..used])?;
        Ok(results[0].i32().unwrap_or(0))
    }

    /// A number's handle read, and freed.
    pub(super) fn take_number(&self, instance: &mut Instance, handle: i32) -> Result<f64, Stop> {
        let mut results = [Val::F64(0.0.into())];
        instance.call(
            *self.exports.qjs_get_float64.func(),
            &[Val::I32(handle)],
            &mut results,
        )?;
        self.free(instance, handle)?;
        Ok(results[0].f64().map_or(f64::NAN, f64::from))
    }

    pub(super) fn free(&self, instance: &mut Instance, handle: i32) -> Result<(), Stop> {
        Self::ask(instance, self.exports.qjs_free_value.func(), &[handle]).map(|_| ())
    }

    /// A copy of `bytes` in the engine's memory, NUL-terminated.
    pub(super) fn copy_in(
        &self,
        instance: &mut Instance,
        bytes: &[u8],
    ) -> Result<Result<i32, String>, Stop> {
        let at = Self::ask(
            instance,
            self.exports.wasm_malloc.func(),
            &[pointer(bytes.len() + 1)],
        )?;
        if at == 0 {
            return Ok(Err("its memory is full".to_owned()));
        }
        let store = instance.store_mut();
        let written = self.exports.write(store, at, bytes).and_then(|()| {
            self.exports
                .write(store, pointer(address(at) + bytes.len()), &[0])
        });
        Ok(written
            .map(|()| at)
            .ok_or_else(|| "it allocated outside its memory".to_owned()))
    }

    /// Calls a JavaScript function; the handle of its result or exception.
    pub(super) fn call(
        &self,
        instance: &mut Instance,
        function: i32,
        args: &[i32],
    ) -> Result<i32, Stop> {
        let bytes: Vec<u8> = args.iter().flat_map(|arg| arg.to_le_bytes()).collect();
        let written = self
            .exports
            .write(instance.store_mut(), self.handles.scratch, &bytes);
        written.ok_or_else(|| super::imports::broken("arguments outside its memory"))?;
        let params = [
            function,
            self.handles.undefined,
            pointer(args.len()),
            self.handles.scratch,
        ];
        Self::ask(instance, self.exports.qjs_call.func(), &params)
    }

    /// Evaluates a text; the handle of the result or exception.
    pub(super) fn eval(
        &self,
        instance: &mut Instance,
        name: &str,
        source: &[u8],
        flags: i32,
    ) -> Result<Result<i32, String>, Stop> {
        let Ok(text) = self.copy_in(instance, source)? else {
            return Ok(Err("its memory is full".to_owned()));
        };
        let Ok(file) = self.copy_in(instance, name.replace('\0', "").as_bytes())? else {
            return Ok(Err("its memory is full".to_owned()));
        };
        let params = [text, pointer(source.len()), file, flags];
        let result = Self::ask(instance, self.exports.qjs_eval.func(), &params)?;
        Self::ask(instance, self.exports.wasm_free.func(), &[text])?;
        Self::ask(instance, self.exports.wasm_free.func(), &[file])?;
        Ok(Ok(result))
    }

    /// `value`, unless it stands for an exception.
    pub(super) fn checked(&self, instance: &mut Instance, value: i32) -> Evaluated<i32> {
        if value != 0 && Self::ask(instance, self.exports.qjs_is_exception.func(), &[value])? == 0 {
            return Ok(Ok(value));
        }
        self.exception(instance).map(Err)
    }

    pub(super) fn exception(&self, instance: &mut Instance) -> Result<Thrown, Stop> {
        Self::ask(instance, self.exports.qjs_get_exception.func(), &[]).map(Thrown)
    }

    pub(super) fn compile(
        &self,
        instance: &mut Instance,
        name: &str,
        source: &[u8],
        flags: i32,
    ) -> Evaluated<i32> {
        match self.eval(instance, name, source, flags | Self::COMPILE_ONLY)? {
            Ok(value) => self.checked(instance, value),
            Err(_) => {
                let context = Self::ask(instance, self.exports.qjs_get_context_ptr.func(), &[])?;
                let mut results = [Val::I64(0)];
                let throw = *self.exports.JS_ThrowOutOfMemory.func();
                instance.call(throw, &[Val::I32(context)], &mut results)?;
                self.exception(instance).map(Err)
            }
        }
    }

    fn run_module(&self, instance: &mut Instance, name: &str, source: &[u8]) -> Evaluated<i32> {
        let path = language(instance).guest_path.clone();
        let name = path.as_deref().unwrap_or(name);
        let source = &with_point(language(instance).way, source);
        match self.compile(instance, name, source, Self::MODULE)? {
            Ok(module) => {
                if let Some(path) = &path {
                    self.set_meta(instance, module, path)?;
                }
                self.run_compiled(instance, module)
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Fills `import.meta` of a compiled module.
    fn set_meta(&self, instance: &mut Instance, module: i32, path: &str) -> Result<(), Stop> {
        let context = Self::ask(instance, self.exports.qjs_get_context_ptr.func(), &[])?;
        let value = self.exports.read_u64(instance.store(), module).unwrap_or(0);
        let params = [Val::I32(context), Val::I32(value as u32 as i32)];
        let mut results = [Val::I64(0)];
        instance.call(*self.exports.JS_GetImportMeta.func(), &params, &mut results)?;
        let Some(object) = self.hold(instance, results[0].i64().unwrap_or(0))? else {
            return Ok(());
        };
        for (key, text) in meta(path) {
            let (Ok(key), Ok(at)) = (
                self.copy_in(instance, key.as_bytes())?,
                self.copy_in(instance, text.as_bytes())?,
            ) else {
                return Ok(());
            };
            let new_string = self.exports.qjs_new_string.func();
            let value = Self::ask(instance, new_string, &[at, pointer(text.len())])?;
            Self::ask(
                instance,
                self.exports.qjs_set_prop_string.func(),
                &[object, key, value],
            )?;
            self.free(instance, value)?;
        }
        self.free(instance, object)
    }

    /// A handle of a value that the engine gave us plainly.
    fn hold(&self, instance: &mut Instance, value: i64) -> Result<Option<i32>, Stop> {
        // Any handle's cell will do: its undefined needs no freeing.
        let cell = Self::ask(instance, self.exports.qjs_get_undefined.func(), &[])?;
        let written = self
            .exports
            .write(instance.store_mut(), cell, &value.to_le_bytes());
        Ok(written.map(|()| cell))
    }

    /// Runs a compiled script or module; its value or its promise.
    pub(super) fn run_compiled(&self, instance: &mut Instance, compiled: i32) -> Evaluated<i32> {
        let context = Self::ask(instance, self.exports.qjs_get_context_ptr.func(), &[])?;
        let value = self
            .exports
            .read_u64(instance.store(), compiled)
            .unwrap_or(0);
        let params = [Val::I32(context), Val::I64(value.cast_signed())];
        let mut results = [Val::I64(0)];
        // The engine frees the compiled value itself.
        instance.call(*self.exports.JS_EvalFunction.func(), &params, &mut results)?;
        let result = results[0].i64().unwrap_or(0);
        if result.cast_unsigned() >> 32 == TAG_EXCEPTION {
            return self.exception(instance).map(Err);
        }
        match self.hold(instance, result)? {
            Some(handle) => Ok(Ok(handle)),
            None => self.exception(instance).map(Err),
        }
    }

    /// Runs what promises have to be done, to the end.
    pub(super) fn run_jobs(&self, instance: &mut Instance) -> Evaluated<()> {
        while Self::ask(instance, self.exports.qjs_is_job_pending.func(), &[])? != 0 {
            if Self::ask(instance, self.exports.qjs_execute_pending_job.func(), &[])? < 0 {
                return self.exception(instance).map(Err);
            }
        }
        Ok(Ok(()))
    }
}
