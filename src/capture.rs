//! Capturing a guest in the middle of a run.
//!
//! The guest's module is instrumented, run to the snapshot point in a sandbox
//! like any other, and its state read; from that and the original module comes
//! one that goes on from there. See the crate `dormouse-snapshot`.

#[cfg(feature = "javascript")]
use crate::language::javascript;
use crate::{
    Error, ErrorKind, Image, Language, Program, Sandbox, Status,
    arrange::arrange,
    engine::Stop,
    host::DEVICE,
    image::{
        captured::Captured,
        file::CapturedMemory,
        manifest::{ClockBase, Frame, OpenFile},
    },
    instance::{Failure, Instance, Prepared, is_restorable},
    language::{self, wasm},
    program::Entry as ProgramEntry,
};
use dormouse_snapshot::{
    Entry, Form, Guest, Hot, Instrumented, Point, Reference, Rewritten, State, Value, bound,
    coalesce, inline, mend, promote,
};
use std::borrow::Cow;
use wasmi::{Nullable, Ref, Val};

/// Memory that the instrumentation may use for itself, beyond the guest's
/// limit: the log of the stack.
const LOG: u64 = 1 << 30;

/// What is wanted of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Where; at the language's own snapshot point, or at the first call of
    /// `dormouse.snapshot_point`, if nothing.
    pub(crate) point: Option<Point>,
    /// Whether the module is to have its memory in data segments.
    pub(crate) portable: bool,
    /// Whether what goes on asks the host from time to time: see `bound`.
    pub(crate) bounded: bool,
}

/// Runs `program` in `sandbox` up to the point that `request` names, and gives
/// what goes on from there.
///
/// # Errors
///
/// When the run can't take place, never comes to that point, or can't be
/// captured there.
pub(crate) fn capture(
    mut sandbox: Sandbox,
    program: &Program,
    request: &Request,
) -> Result<Captured, Error> {
    let image = sandbox.image().clone();
    if image.snapshot().is_some() {
        return Err(failed(
            "it is an image already; capture the program that it was made from",
        ));
    }
    let is_program = matches!(program.entry, ProgramEntry::Script(_));
    let point = match (&request.point, image.guest_language()) {
        (Some(point), _) => point.clone(),
        (None, Some(language)) => language::point(language, is_program),
        (None, None) => Point::import("dormouse", "snapshot_point"),
    };
    // What is made here is not looked at again when it wakes.
    let mut wasm = mend(image.wasm_bytes()).map_err(refused)?;
    if image.guest_language().is_some() {
        wasm = lean(wasm).map_err(refused)?;
    }
    let instrumented = Instrumented::new(&wasm, &point).map_err(refused)?;
    let mut run = Run::start(&mut sandbox, &image, &instrumented, program)?;
    let (entry, state) = run.run_to(&point, &instrumented, program)?;
    let captured = run.captured(&instrumented, entry)?;
    let mut all = Captured {
        point: point.to_string(),
        frames: frames(&wasm, &captured),
        clock: run.clock(),
        files: run.files()?,
        state,
        ..Captured::default()
    };
    match image.guest_language() {
        Some(language) if request.point.is_none() && !request.portable && !is_program => {
            arrange(&mut all, &captured, language, request.bounded)?;
        }
        _ => {
            let form = if request.portable {
                Form::Portable
            } else {
                Form::Image
            };
            all.take(captured.rewrite(form, &Hot::None).map_err(refused)?);
            if request.bounded {
                all.module = bound(&all.module, &[]).map_err(refused)?.module;
            }
        }
    }
    all.in_place = !request.portable && is_restorable(&all.module)?;
    Ok(all)
}

/// Does what a compiler would have done, for a guest of ours that was built
/// without optimization.
fn lean(wasm: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, dormouse_snapshot::Error> {
    let promoted = match promote(&wasm)? {
        Cow::Owned(promoted) => promoted,
        Cow::Borrowed(_) => return Ok(wasm),
    };
    let inlined = inline(&promoted)?;
    let lean = coalesce(&inlined)?;
    // What came next to each other may have to be said otherwise now.
    Ok(Cow::Owned(mend(&lean)?.into_owned()))
}

impl Captured {
    /// Takes over what was rewritten.
    pub(crate) fn take(&mut self, rewritten: Rewritten) {
        self.module = rewritten.module;
        self.memories = rewritten
            .memories
            .into_iter()
            .map(|memory| CapturedMemory {
                pages: memory.pages,
                page_size: memory.page_size,
                maximum: memory.maximum,
                contents: memory.contents,
            })
            .collect();
    }
}

fn frames(wasm: &[u8], state: &State<'_>) -> Vec<Frame> {
    state
        .functions()
        .map(|function| Frame {
            function,
            name: dormouse_snapshot::function_name(wasm, function),
        })
        .collect()
}

pub(crate) fn failed(problem: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Image, format!("it can't be captured: {problem}"))
}

fn refused(error: dormouse_snapshot::Error) -> Error {
    failed(&error).with_source(error)
}

/// A run on its way to the snapshot point.
struct Run {
    instance: Instance,
    language: Option<Language>,
}

impl Run {
    fn start(
        sandbox: &mut Sandbox,
        image: &Image,
        instrumented: &Instrumented<'_>,
        program: &Program,
    ) -> Result<Self, Error> {
        let language = image.guest_language();
        let prepared = Prepared::new(
            instrumented.wasm(),
            sandbox.metering(),
            language::frames(language),
            language::link(language),
        )?;
        let state = sandbox.capturing_state(program, LOG)?;
        match Instance::new(&prepared, state) {
            Ok(instance) => Ok(Self { instance, language }),
            Err(Failure::Error(error)) => Err(error),
            Err(Failure::Stop(stop, _)) => Err(failed(format!("it does not start: {stop}"))),
        }
    }

    /// Runs on to `point`. Gives what was called, and what the language's host
    /// side has to keep.
    fn run_to(
        &mut self,
        point: &Point,
        instrumented: &Instrumented<'_>,
        program: &Program,
    ) -> Result<(Option<Entry>, serde_json::Value), Error> {
        #[cfg(feature = "javascript")]
        if let (Point::Idle, Some(Language::JavaScript)) = (point, self.language) {
            let engine = javascript::prepare_image(&mut self.instance)?
                .map_err(|stop| failed(format!("the engine does not start: {stop}")))?;
            return match program.entry {
                ProgramEntry::Script(_) => self.javascript_to_point(&engine, program),
                _ => Ok((None, engine.saved())),
            };
        }
        let mut entry = None;
        if let Some(start) = instrumented.start() {
            self.call(start)?;
            entry = Some(Entry::Start);
        }
        if !instrumented.reached(&self.guest()) {
            let name = self.entry(point, program)?;
            self.call(&name)?;
            entry = Some(Entry::Export(name));
        }
        if matches!(point, Point::Import { .. }) && !instrumented.reached(&self.guest()) {
            return Err(failed(format!(
                "it ended without coming to its snapshot point, {point}"
            )));
        }
        Ok((entry, serde_json::Value::Null))
    }

    #[cfg(feature = "javascript")]
    /// Runs a JavaScript program to where it waits for being captured.
    fn javascript_to_point(
        &mut self,
        engine: &javascript::Engine,
        program: &Program,
    ) -> Result<(Option<Entry>, serde_json::Value), Error> {
        match javascript::run_to_point(&mut self.instance, engine, program)? {
            Ok(Some(state)) => Ok((None, state)),
            Ok(None) => Err(self.ended(&Stop::i32_exit(0))),
            Err(stop) => Err(self.ended(&stop)),
        }
    }

    /// The export that the host calls.
    fn entry(&mut self, point: &Point, program: &Program) -> Result<String, Error> {
        if let Point::Init { export } = point {
            if export != "_initialize" && self.instance.func("_initialize").is_some() {
                self.call("_initialize")?;
            }
            return Ok(export.clone());
        }
        if let ProgramEntry::Invoke { function, args } = &program.entry {
            if !args.is_empty() {
                return Err(failed(
                    "a function that is captured can't be given arguments",
                ));
            }
            return Ok(function.clone());
        }
        match wasm::entry(&self.instance) {
            Some(name) => Ok(name.to_owned()),
            None => Err(failed(
                "the module has neither _start nor _initialize; name an exported function with \
                 --init or --invoke",
            )),
        }
    }

    /// Calls an export without arguments, until it returns or unwinds.
    fn call(&mut self, name: &str) -> Result<(), Error> {
        let Some(func) = self.instance.func(name) else {
            return Err(failed(format!("there is no exported function {name:?}")));
        };
        let ty = func.ty(self.instance.store());
        if !ty.params().is_empty() {
            return Err(failed(format!(
                "the exported function {name:?} takes arguments"
            )));
        }
        let mut results: Vec<Val> = ty
            .results()
            .iter()
            .map(|ty| Val::default_for_ty(*ty))
            .collect();
        self.instance
            .call(func, &[], &mut results)
            .map_err(|stop| self.ended(&stop))
    }

    /// The guest ended before the point.
    fn ended(&self, stop: &Stop) -> Error {
        let status = crate::sandbox::status_of(Err(stop), self.instance.state());
        failed(match status {
            Status::Exit(0) if self.language.is_some() => "the program ended before it came to \
                its snapshot point; have it call dormouse.snapshot_point()"
                .to_owned(),
            Status::Exit(code) => {
                format!("the program ended with exit code {code} before its snapshot point")
            }
            Status::Limit(limit) => {
                format!("the program hit its {limit} limit before its snapshot point")
            }
            Status::Trap(trap) => format!(
                "the program trapped before its snapshot point: {}",
                trap.message
            ),
        })
    }

    fn guest(&self) -> View<'_> {
        View(&self.instance)
    }

    fn captured<'i>(
        &self,
        instrumented: &'i Instrumented<'_>,
        entry: Option<Entry>,
    ) -> Result<State<'i>, Error> {
        instrumented.state(&self.guest(), entry).map_err(refused)
    }

    /// Where the guest's clocks go on: not before what it was shown, so that
    /// time never goes back, and no later, so that the image of a guest that
    /// looked at no clock does not depend on when it was made.
    fn clock(&self) -> ClockBase {
        let shown = self.instance.state().wasi().clock().last_shown();
        ClockBase {
            monotonic: u64::try_from(shown.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// What is open beside the standard streams and the root. What would be
    /// lost is an error: other open files, and what lies in `/tmp`.
    fn files(&self) -> Result<Vec<OpenFile>, Error> {
        let wasi = self.instance.state().wasi();
        let channel = language::channel(self.language);
        let is_channel = |path: &String| channel.is_some() && path.as_str() == DEVICE;
        if let Some(path) = wasi
            .root()
            .open_paths()
            .iter()
            .find(|path| !is_channel(path))
        {
            return Err(failed(format!(
                "{path} is open at the snapshot point; only the standard streams and the root can \
                 be open there, so close the file before"
            )));
        }
        if let Some(name) = wasi.root().tmp_entry() {
            return Err(failed(format!(
                "/tmp/{name} would be lost: /tmp is empty whenever an image is run; remove it \
                 before the snapshot point, or mount a folder at /tmp"
            )));
        }
        let mut files = Vec::new();
        for fd in wasi.open_descriptors() {
            if channel != Some(fd) {
                return Err(failed(format!(
                    "the file descriptor {fd} is open at the snapshot point; only the standard \
                     streams and the root can be open there, so close the file before"
                )));
            }
            let path = DEVICE.to_owned();
            files.push(OpenFile { fd, path });
        }
        Ok(files)
    }
}

/// What capturing sees of an instance.
pub(crate) struct View<'i>(pub(crate) &'i Instance);

impl Guest for View<'_> {
    fn global(&self, name: &str) -> Option<Value> {
        let store = self.0.store();
        let value = self.0.raw().get_global(store, name)?.get(store);
        Some(match value {
            Val::I32(value) => Value::I32(value),
            Val::I64(value) => Value::I64(value),
            Val::F32(value) => Value::F32(value.to_bits()),
            Val::F64(value) => Value::F64(value.to_bits()),
            Val::V128(value) => Value::V128(value.as_u128()),
            Val::FuncRef(reference) => Value::Reference(function(&reference)),
            Val::ExternRef(reference) => Value::Reference(external(reference.is_null())),
        })
    }

    fn memory(&self, name: &str) -> Option<&[u8]> {
        let store = self.0.store();
        Some(self.0.raw().get_memory(store, name)?.data(store))
    }

    fn table(&self, name: &str) -> Option<Vec<Reference>> {
        let store = self.0.store();
        let table = self.0.raw().get_table(store, name)?;
        (0..table.size(store))
            .map(|index| {
                Some(match table.get(store, index)? {
                    Ref::Func(reference) => function(&reference),
                    Ref::Extern(reference) => external(reference.is_null()),
                })
            })
            .collect()
    }
}

/// wasmi's functions can't be compared. What they print as is the number of
/// the function in its store, and that of the store.
fn function(reference: &Nullable<wasmi::Func>) -> Reference {
    match reference {
        Nullable::Null => Reference::Null,
        Nullable::Val(function) => Reference::Function(format!("{function:?}")),
    }
}

fn external(is_null: bool) -> Reference {
    if is_null {
        Reference::Null
    } else {
        Reference::Extern
    }
}
