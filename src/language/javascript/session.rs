//! A session: an engine in which scripts are evaluated one after the other.
//!
//! Between two pieces nothing of the guest is on the stack. A piece is a script
//! in the global scope, so that what it declares stays; one that awaits at its
//! top level is an asynchronous script, whose value comes as a promise. Its
//! timers are waited for, as a program's are; where it ends by an error, those
//! that are still to come are forgotten.

use super::{
    bootstrap::prepare,
    event_loop::{self, Ended},
    exports::{Exports, pointer},
    modules::strip_mark,
    program::{self, EXIT_NEVER_SETTLED, Engine, Evaluated, Thrown, language},
};
use crate::{
    Error, GuestError, Image, Program,
    engine::{Pause, Stop},
    instance::Instance,
    language::session::{Question, Reply, no_copy},
};
use std::collections::BTreeSet;

/// Names that pieces declare with `let`, `const` and `class` which are kept to
/// complete words by: no object has them, so that the guest can't be asked.
const MAX_NAMES: usize = 10_000;

/// How often what promises still have to do is interrupted, some ten thousand
/// steps each, before it is left to the next piece.
const MAX_STOPS: u32 = 50;

/// The engine's side of a session.
pub(crate) struct Session {
    engine: Engine,
    /// Pieces so far: they are called by their number.
    pieces: u32,
    declared: BTreeSet<String>,
}

/// What a piece gives: its value, or the promise that its value comes by.
enum Value {
    Plain(i32),
    Promised(i32),
}

impl Session {
    pub(crate) fn begin(
        image: &Image,
        instance: &mut Instance,
    ) -> Result<Result<Self, Stop>, Error> {
        let engine = match image.snapshot() {
            Some(snapshot) => Engine::restored(instance, &snapshot.manifest.state)?,
            None => match prepare(instance)? {
                Ok(engine) => engine,
                Err(stop) => return Ok(Err(stop)),
            },
        };
        let session = Self {
            engine,
            pieces: 0,
            declared: BTreeSet::new(),
        };
        Ok(session.start(instance).map(|()| session))
    }

    fn start(&self, instance: &mut Instance) -> Result<(), Stop> {
        let program = Program::session();
        self.engine.attach(instance, &program);
        let listen = self.engine.exports.qjs_set_interrupt_handler;
        Engine::ask(instance, listen.func(), &[1])?;
        match program::start(instance, &self.engine, &program)? {
            Ok(()) => Ok(()),
            Err(_) => Err(Stop::new("the runtime does not start")),
        }
    }

    /// The engine is data between two pieces, so that a copy of its memory is a
    /// copy of it.
    pub(crate) fn copy(
        &self,
        instance: &mut Instance,
        other: &mut Instance,
    ) -> Result<Self, Error> {
        if language(other).streams.has_files() {
            return Err(no_copy("its program has a file open; close it first"));
        }
        instance.copy_from(other)?;
        let exports = Exports::new(instance.store(), instance.raw())?;
        let handles = self.engine.handles;
        let mut copy = Self {
            engine: Engine { exports, handles },
            pieces: self.pieces,
            declared: self.declared.clone(),
        };
        copy.engine.attach(instance, &Program::copy());
        language(instance).cwd.clone_from(&language(other).cwd);
        copy.ask(instance, Question::Refresh).map_err(no_copy)?;
        Ok(copy)
    }

    pub(crate) fn ask(
        &mut self,
        instance: &mut Instance,
        question: Question<'_>,
    ) -> Result<Reply, Stop> {
        match question {
            Question::Run(code) => self.run(instance, code, false),
            Question::Show(code) => self.run(instance, code, true),
            Question::IsComplete(code) => Ok(Reply {
                is_complete: self.is_complete(instance, code)?,
                ..Reply::default()
            }),
            Question::Refresh => {
                self.engine.fill_cells(instance)?;
                Ok(Reply::default())
            }
            Question::Complete(text) => Ok(Reply {
                names: self.complete(instance, text)?,
                ..Reply::default()
            }),
        }
    }

    fn run(&mut self, instance: &mut Instance, code: &str, shows: bool) -> Result<Reply, Stop> {
        self.pieces += 1;
        let name = format!("<session {}>", self.pieces);
        language(instance).main_name.clone_from(&name);
        language(instance).uncaught = None;
        let error = match self.run_to_end(instance, &name, code, shows) {
            Ok(None) => None,
            Ok(Some(error)) => {
                self.forget(instance)?;
                Some(error)
            }
            // While the engine slept.
            Err(stop) if Pause::of(&stop) == Some(Pause::Interrupt) => {
                instance.state().meter.take_interrupt();
                self.forget(instance)?;
                self.engine
                    .write_error(instance, "Uncaught InternalError: interrupted\n")?;
                Some(GuestError {
                    name: "InternalError".to_owned(),
                    message: "interrupted".to_owned(),
                })
            }
            Err(stop) => {
                // What was written is there also if a limit comes.
                let _ = language(instance).streams.flush();
                return Err(stop);
            }
        };
        language(instance).streams.flush()?;
        self.note_names(code);
        Ok(Reply {
            error,
            ..Reply::default()
        })
    }

    /// Runs a piece and what it leaves to do; the error that it ends by.
    fn run_to_end(
        &self,
        instance: &mut Instance,
        name: &str,
        code: &str,
        shows: bool,
    ) -> Result<Option<GuestError>, Stop> {
        let value = match self.evaluate(instance, name, code)? {
            Ok(value) => value,
            Err(Thrown(error)) => {
                self.engine.report(instance, error, false)?;
                return self.uncaught(instance);
            }
        };
        let main = match value {
            Value::Plain(_) => None,
            Value::Promised(promise) => Some(promise),
        };
        let Ended::Exit(code) = event_loop::run(instance, &self.engine, main)? else {
            return Err(Stop::new("a session has no snapshot point"));
        };
        if code == EXIT_NEVER_SETTLED && main.is_some() {
            return Ok(Some(GuestError {
                name: "Error".to_owned(),
                message: "it waits for a promise that nothing will settle".to_owned(),
            }));
        }
        if code != 0 {
            return self.uncaught(instance);
        }
        let handle = self.value(instance, value)?;
        if shows && let Err(Thrown(error)) = self.hook(instance, "show", handle)? {
            self.engine.report(instance, error, false)?;
            return self.uncaught(instance);
        }
        self.engine.free(instance, handle)?;
        Ok(None)
    }

    /// Evaluates a piece as a script, or if it is none, as one that awaits.
    fn evaluate(&self, instance: &mut Instance, name: &str, code: &str) -> Evaluated<Value> {
        let source = strip_mark(code.as_bytes());
        let engine = &self.engine;
        let error = match engine.compile(instance, name, source, Engine::SCRIPT)? {
            Ok(script) => {
                let ran = engine.run_compiled(instance, script)?;
                return Ok(ran.map(Value::Plain));
            }
            Err(error) => error,
        };
        if !engine.is_named(instance, error.0, "SyntaxError")? {
            return Ok(Err(error));
        }
        match engine.compile(instance, name, source, Engine::ASYNC)? {
            Ok(script) => {
                engine.free(instance, error.0)?;
                let ran = engine.run_compiled(instance, script)?;
                Ok(ran.map(Value::Promised))
            }
            Err(other) => {
                let further =
                    engine.position(instance, other.0)? > engine.position(instance, error.0)?;
                Ok(Err(if further { other } else { error }))
            }
        }
    }

    /// What a piece that has run gave.
    fn value(&self, instance: &mut Instance, value: Value) -> Result<i32, Stop> {
        let exports = &self.engine.exports;
        let promise = match value {
            Value::Plain(handle) => return Ok(handle),
            Value::Promised(promise) => promise,
        };
        let object = Engine::ask(instance, exports.qjs_promise_result.func(), &[promise])?;
        self.engine.free(instance, promise)?;
        let Ok(key) = self.engine.copy_in(instance, b"value")? else {
            return Ok(object);
        };
        let get = exports.qjs_get_prop_string.func();
        let handle = Engine::ask(instance, get, &[object, key])?;
        Engine::ask(instance, exports.wasm_free.func(), &[key])?;
        self.engine.free(instance, object)?;
        Ok(handle)
    }

    /// The error that was shown last.
    fn uncaught(&self, instance: &mut Instance) -> Result<Option<GuestError>, Stop> {
        let described = match language(instance).uncaught.take() {
            Some(error) => self.hook(instance, "describe", error)?,
            None => Ok(String::new()),
        };
        let described = described.unwrap_or_default();
        let (name, message) = described.split_once('\0').unwrap_or(("Error", ""));
        Ok(Some(GuestError {
            name: name.to_owned(),
            message: message.to_owned(),
        }))
    }

    /// Forgets what a piece that ended by an error left to do.
    fn forget(&self, instance: &mut Instance) -> Result<(), Stop> {
        // Promises that go on and on are interrupted until one of them gives up.
        language(instance).is_stopping = true;
        for _ in 0..MAX_STOPS {
            match self.engine.run_jobs(instance)? {
                Ok(()) => break,
                Err(Thrown(error)) => self.engine.free(instance, error)?,
            }
        }
        language(instance).is_stopping = false;
        for handle in language(instance).rejections.take() {
            self.engine.free(instance, handle)?;
        }
        let nothing = self.engine.handles.undefined;
        self.hook(instance, "forget", nothing).map(drop)
    }

    /// Asks the runtime something by a word for it.
    fn hook(&self, instance: &mut Instance, word: &str, value: i32) -> Evaluated<String> {
        let Some(word) = self.new_string(instance, word)? else {
            return self.engine.exception(instance).map(Err);
        };
        let function = self.engine.handles.session;
        let result = self.engine.call(instance, function, &[word, value])?;
        self.engine.free(instance, word)?;
        match self.engine.checked(instance, result)? {
            Err(thrown) => Ok(Err(thrown)),
            Ok(result) => {
                let text = self.engine.text(instance, result)?;
                self.engine.free(instance, result)?;
                Ok(Ok(text))
            }
        }
    }

    fn new_string(&self, instance: &mut Instance, text: &str) -> Result<Option<i32>, Stop> {
        let Ok(at) = self.engine.copy_in(instance, text.as_bytes())? else {
            return Ok(None);
        };
        let exports = &self.engine.exports;
        let new = exports.qjs_new_string.func();
        let handle = Engine::ask(instance, new, &[at, pointer(text.len())])?;
        Engine::ask(instance, exports.wasm_free.func(), &[at])?;
        Ok((handle != 0).then_some(handle))
    }

    /// Whether the parser comes to an end of `code` that it has expected.
    fn is_complete(&self, instance: &mut Instance, code: &str) -> Result<bool, Stop> {
        let engine = &self.engine;
        let mut is_complete = true;
        for flags in [Engine::SCRIPT, Engine::ASYNC] {
            let source = strip_mark(code.as_bytes());
            match engine.compile(instance, "<session>", source, flags)? {
                Ok(script) => {
                    engine.free(instance, script)?;
                    return Ok(true);
                }
                Err(Thrown(error)) => {
                    let message = engine.property(instance, error, "message")?;
                    let position = engine.position(instance, error)?;
                    engine.free(instance, error)?;
                    is_complete &= !goes_on(code, &message, position);
                }
            }
        }
        Ok(is_complete)
    }

    fn complete(&self, instance: &mut Instance, text: &str) -> Result<Vec<String>, Stop> {
        let mut asked = text.replace('\0', " ");
        for name in &self.declared {
            asked.push('\0');
            asked.push_str(name);
        }
        let Some(asked) = self.new_string(instance, &asked)? else {
            return Ok(Vec::new());
        };
        let names = self.hook(instance, "complete", asked)?.unwrap_or_default();
        self.engine.free(instance, asked)?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Notes what `code` may have declared.
    fn note_names(&mut self, code: &str) {
        let mut words = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
        while let Some(word) = words.next() {
            if matches!(word, "let" | "const" | "class")
                && self.declared.len() < MAX_NAMES
                && let Some(name) = words.next()
                && !name.is_empty()
            {
                self.declared.insert(name.to_owned());
            }
        }
    }
}

/// Whether a syntax error at `position` of `code` is only that it ends there.
fn goes_on(code: &str, message: &str, position: (u32, u32)) -> bool {
    let (line, column) = position;
    let rest = code
        .lines()
        .nth(line.saturating_sub(1) as usize)
        .map(|line| line.chars().skip(column.saturating_sub(1) as usize));
    let next = rest.and_then(|mut rest| rest.next());
    let message = message.to_lowercase();
    // A template ends on another line, also behind an expression in it.
    if message.contains("end of string") && !matches!(next, Some('`' | '}')) {
        // No other line can end it, unless this one says so.
        return code.ends_with('\\');
    }
    if message.contains("unexpected end") || message.contains("unterminated") {
        return true;
    }
    next.is_none() && line as usize >= code.lines().count()
}
