//! What the engine's values say as text, and how a program's errors are shown.

use super::{
    program::{EXIT_UNCAUGHT, Engine, Thrown, language},
    stream::Fail,
};
use crate::{engine::Stop, instance::Instance};

impl Engine {
    /// Shows an error that nobody caught; the program's exit code.
    pub(super) fn report(
        &self,
        instance: &mut Instance,
        error: i32,
        in_promise: bool,
    ) -> Result<i32, Stop> {
        language(instance).uncaught = Some(error);
        // With its memory full, the engine throws null where it can't make the
        // error that it means.
        let refused = instance.state().meter.memory_refused();
        if refused && Self::ask(instance, self.exports.qjs_is_null.func(), &[error])? != 0 {
            self.write_error(instance, "Uncaught InternalError: out of memory\n")?;
            return Ok(EXIT_UNCAUGHT);
        }
        let flag = if in_promise {
            self.exports.qjs_get_true
        } else {
            self.exports.qjs_get_false
        };
        let flag = Self::ask(instance, flag.func(), &[])?;
        let result = self.call(instance, self.handles.report, &[error, flag])?;
        if self.checked(instance, result)?.is_err() {
            self.report_plainly(instance, error)?;
        }
        language(instance).streams.flush()?;
        Ok(EXIT_UNCAUGHT)
    }

    /// Shows an error that can't be shown well: for want of memory, mostly.
    fn report_plainly(&self, instance: &mut Instance, error: i32) -> Result<(), Stop> {
        // Only an error's text may be asked for: a program's own object could
        // run its own code here, and go on for ever.
        let is_error = Self::ask(instance, self.exports.qjs_is_error.func(), &[error])? != 0;
        let text = if is_error {
            self.text(instance, error)?
        } else {
            String::new()
        };
        let text = if text.is_empty() {
            "an error that can't be shown"
        } else {
            &text
        };
        self.write_error(instance, &format!("Uncaught {text}\n"))
    }

    /// Writes to the program's stderr; that it can't be written to is no
    /// reason to stop.
    pub(super) fn write_error(&self, instance: &mut Instance, line: &str) -> Result<(), Stop> {
        match language(instance)
            .streams
            .get(2)
            .and_then(|stream| stream.write(line.as_bytes()))
        {
            Err(Fail::Stop(stop)) => Err(stop),
            _ => Ok(()),
        }
    }

    /// A value as text; empty if it has none.
    pub(super) fn text(&self, instance: &mut Instance, handle: i32) -> Result<String, Stop> {
        let scratch = self.handles.scratch;
        let get = self.exports.qjs_get_string_len.func();
        let text = Self::ask(instance, get, &[handle, scratch])?;
        if text == 0 {
            let Thrown(exception) = self.exception(instance)?;
            self.free(instance, exception)?;
            return Ok(String::new());
        }
        let len = self
            .exports
            .read_u32(instance.store(), scratch)
            .unwrap_or(0) as usize;
        let bytes = self
            .exports
            .slice(instance.store(), text, len)
            .unwrap_or_default();
        let shown = String::from_utf8_lossy(bytes).into_owned();
        Self::ask(instance, self.exports.qjs_free_cstring.func(), &[text])?;
        Ok(shown)
    }

    pub(super) fn property(
        &self,
        instance: &mut Instance,
        object: i32,
        name: &str,
    ) -> Result<String, Stop> {
        let Ok(at) = self.copy_in(instance, name.as_bytes())? else {
            return Ok(String::new());
        };
        let get = self.exports.qjs_get_prop_string.func();
        let value = Self::ask(instance, get, &[object, at])?;
        let text = self.text(instance, value)?;
        self.free(instance, value)?;
        Self::ask(instance, self.exports.wasm_free.func(), &[at])?;
        Ok(text)
    }

    pub(super) fn is_named(
        &self,
        instance: &mut Instance,
        error: i32,
        name: &str,
    ) -> Result<bool, Stop> {
        Ok(self.property(instance, error, "name")? == name)
    }

    /// Line and column that a syntax error's stack ends in.
    pub(super) fn position(&self, instance: &mut Instance, error: i32) -> Result<(u32, u32), Stop> {
        let stack = self.property(instance, error, "stack")?;
        let line = stack.lines().next().unwrap_or_default();
        let mut parts = line
            .rsplit(':')
            .map(|part| part.trim_end_matches(')').parse().unwrap_or(0));
        let column = parts.next().unwrap_or(0);
        let line = parts.next().unwrap_or(0);
        Ok((line, column))
    }
}
