//! A call from the engine to the host, and what the host may ask in return.

use super::{
    Data,
    exports::{Exports, address, pointer},
    imports::broken,
    text,
};
use crate::{engine::Stop, instance::State};
use std::ops::{Range, RangeInclusive};
use wasmi::{Caller, TypedFunc, WasmParams, WasmResults};

/// Arguments that one host function may get. Ours take at most five; a
/// program that reaches one of them may pass more.
const MAX_ARGUMENTS: usize = 16;

/// Fuel kept ready for what the host asks of the engine during a call, where
/// fuel is metered: such a nested call can't be paused and resumed.
const NESTED_FUEL: u64 = 400_000;

/// More of it for each byte that the engine copies or decodes for us.
const NESTED_FUEL_PER_BYTE: u64 = 256;

/// Upper halves of the engine's 64-bit values (its NaN boxing).
const TAG_INT: u32 = 0;
const TAG_BOOL: u32 = 1;
const TAG_NULL: u32 = 2;
const TAG_UNDEFINED: u32 = 3;
const TAG_STRING: u32 = (-7_i32).cast_unsigned();

/// The tags there are; in the upper half of a floating-point number is none.
const TAGS: RangeInclusive<i32> = -9..=7;

/// A value that is no object.
pub(super) enum Plain {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// Anything else.
    Other,
}

/// Why a host function gives no answer.
pub(super) enum Failure {
    /// The run ends.
    Stop(Stop),
    /// The program gets a `TypeError`.
    Type(String),
    /// The program gets an `Error`.
    Error(String),
    /// The program's memory is full: it gets the engine's own error.
    Memory,
    /// The engine has the exception already.
    Thrown,
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// One call: its arguments, and the way back into the engine.
pub(super) struct Call<'a> {
    pub(super) caller: Caller<'a, State>,
    pub(super) exports: Exports,
    argc: usize,
    argv: i32,
}

impl<'a> Call<'a> {
    pub(super) fn new(mut caller: Caller<'a, State>, argc: i32, argv: i32) -> Result<Self, Stop> {
        let exports = caller.data_mut().language::<Data>().exports;
        let exports = exports.ok_or_else(|| broken("it is not prepared"))?;
        crate::instance::top_up(&mut caller, NESTED_FUEL)?;
        let argc = address(argc).min(MAX_ARGUMENTS);
        Ok(Self {
            caller,
            exports,
            argc,
            argv,
        })
    }

    pub(super) fn state(&mut self) -> &mut State {
        self.caller.data_mut()
    }

    pub(super) fn data(&mut self) -> &mut Data {
        self.caller.data_mut().language::<Data>()
    }

    /// Calls back into the engine.
    pub(super) fn ask<P: WasmParams, R: WasmResults>(
        &mut self,
        func: TypedFunc<P, R>,
        params: P,
    ) -> Result<R, Stop> {
        func.call(&mut self.caller, params)
    }

    /// Ends the call: what was made ready and not burnt goes back.
    pub(super) fn settle(&mut self) -> Result<(), Stop> {
        crate::instance::settle(&mut self.caller)
    }

    /// Fuel for a call that works on `bytes` bytes.
    pub(super) fn fuel_for(&mut self, bytes: usize) -> Result<(), Stop> {
        let fuel = (bytes as u64).saturating_mul(NESTED_FUEL_PER_BYTE);
        crate::instance::top_up(&mut self.caller, fuel.saturating_add(NESTED_FUEL))
    }

    /// The handle of argument `index`; `None` where there are fewer.
    pub(super) fn handle(&self, index: usize) -> Result<Option<i32>, Stop> {
        if index >= self.argc {
            return Ok(None);
        }
        let at = address(self.argv) + 4 * index;
        let handle = self.exports.read_u32(&self.caller, pointer(at));
        let handle = handle.ok_or_else(|| broken("arguments outside its memory"))?;
        Ok(Some(handle.cast_signed()))
    }

    /// The value of argument `index` as the engine represents it.
    fn raw(&self, index: usize) -> Result<Option<(u32, u32)>, Stop> {
        let Some(handle) = self.handle(index)? else {
            return Ok(None);
        };
        let raw = self.exports.read_u64(&self.caller, handle);
        let raw = raw.ok_or_else(|| broken("a value outside its memory"))?;
        Ok(Some(((raw >> 32) as u32, raw as u32)))
    }

    /// Argument `index` as a number; NaN if it is none.
    pub(super) fn number(&mut self, index: usize) -> Result<f64, Stop> {
        match self.raw(index)? {
            None => Ok(f64::NAN),
            Some((TAG_INT, value)) => Ok(f64::from(value.cast_signed())),
            Some((TAG_BOOL | TAG_NULL | TAG_UNDEFINED, _)) => Ok(f64::NAN),
            Some(_) => match self.handle(index)? {
                Some(handle) => self.ask(self.exports.qjs_get_float64, (handle,)),
                None => Ok(f64::NAN),
            },
        }
    }

    /// Argument `index` as an integer, cut to the range of `i64`; 0 if it is
    /// no number.
    pub(super) fn integer(&mut self, index: usize) -> Result<i64, Stop> {
        Ok(self.number(index)? as i64)
    }

    pub(super) fn boolean(&self, index: usize) -> Result<bool, Stop> {
        Ok(self.raw(index)? == Some((TAG_BOOL, 1)))
    }

    /// The text of argument `index`, if the engine need not be asked for it.
    pub(super) fn plain(&self, index: usize) -> Result<Option<String>, Stop> {
        Ok(match self.raw(index)? {
            Some((TAG_INT, value)) => Some(value.cast_signed().to_string()),
            Some((TAG_BOOL, value)) => Some((value != 0).to_string()),
            Some((TAG_NULL, _)) => Some("null".to_owned()),
            Some((TAG_UNDEFINED, _)) => Some("undefined".to_owned()),
            _ => None,
        })
    }

    /// Argument `index`, if it is no object.
    pub(super) fn plain_value(&mut self, index: usize) -> Result<Plain, Failure> {
        Ok(match self.raw(index)? {
            None | Some((TAG_UNDEFINED, _)) => Plain::Undefined,
            Some((TAG_NULL, _)) => Plain::Null,
            Some((TAG_BOOL, value)) => Plain::Bool(value != 0),
            Some((TAG_INT, value)) => Plain::Number(f64::from(value.cast_signed())),
            Some((tag, _)) if !TAGS.contains(&tag.cast_signed()) => {
                Plain::Number(self.number(index)?)
            }
            Some(_) if self.is_string(index)? => {
                let max = self.state().functions.max_request();
                Plain::Text(self.with_short_text(index, max, text::characters)?)
            }
            Some(_) => Plain::Other,
        })
    }

    pub(super) fn is_undefined(&self, index: usize) -> Result<bool, Stop> {
        Ok(matches!(self.raw(index)?, None | Some((TAG_UNDEFINED, _))))
    }

    /// Whether argument `index` is a string. Only then may the engine be asked
    /// for its text: other values would run the program's `toString`.
    pub(super) fn is_string(&mut self, index: usize) -> Result<bool, Stop> {
        match (self.handle(index)?, self.raw(index)?) {
            (_, Some((TAG_STRING, _))) => Ok(true),
            // A string that is still in pieces has a tag of its own.
            (Some(handle), _) => Ok(self.ask(self.exports.qjs_is_string, (handle,))? != 0),
            (None, _) => Ok(false),
        }
    }

    /// Gives the bytes of string argument `index` to `use_it`. They are UTF-8
    /// but for lone surrogates.
    pub(super) fn with_text<T>(
        &mut self,
        index: usize,
        use_it: impl FnOnce(&[u8], &mut State) -> T,
    ) -> Result<T, Failure> {
        let handle = self.handle(index)?;
        let Some(handle) = handle.filter(|_| matches!(self.is_string(index), Ok(true))) else {
            return Err(Failure::Type(format!(
                "argument {} must be a string",
                index + 1
            )));
        };
        let (text, range) = self.text_of(handle)?;
        let (memory, state) = self.exports.memory.data_and_store_mut(&mut self.caller);
        let result = memory.get(range).map(|bytes| use_it(bytes, state));
        self.ask(self.exports.qjs_free_cstring, (text,))?;
        Ok(result.ok_or_else(|| broken("a string outside its memory"))?)
    }

    /// The same for one of at most `max` bytes, which are about to be copied.
    pub(super) fn with_short_text<T>(
        &mut self,
        index: usize,
        max: usize,
        use_it: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Failure> {
        let used = self.with_text(index, |bytes, _| {
            (bytes.len() <= max).then(|| use_it(bytes))
        })?;
        used.ok_or_else(|| text::too_long(max))
    }

    /// The engine's copy of a string, to be freed, and where its bytes are.
    fn text_of(&mut self, handle: i32) -> Result<(i32, Range<usize>), Failure> {
        let limit = self.exports.memory.data_size(&self.caller);
        // The length is not known yet; decoding is cheap next to this.
        if crate::instance::is_metered(&self.caller) {
            self.fuel_for(limit / 4)?;
        }
        let cell = self.data().streams.scratch();
        let text = self.ask(self.exports.qjs_get_string_len, (handle, cell))?;
        if text == 0 {
            return Err(Failure::Thrown);
        }
        let len = self.exports.read_u32(&self.caller, cell);
        let len = len.ok_or_else(|| broken("a length outside its memory"))? as usize;
        let start = address(text);
        Ok((text, start..start.saturating_add(len)))
    }

    /// String argument `index`; lone surrogates become U+FFFD.
    pub(super) fn text(&mut self, index: usize) -> Result<String, Failure> {
        self.with_text(index, |bytes, _| {
            String::from_utf8_lossy(bytes).into_owned()
        })
    }

    /// Where the bytes of the `ArrayBuffer` in argument `index` are.
    pub(super) fn buffer(&mut self, index: usize) -> Result<Range<usize>, Failure> {
        let wrong = || Failure::Type(format!("argument {} must be an ArrayBuffer", index + 1));
        let handle = self.handle(index)?.ok_or_else(wrong)?;
        if self.ask(self.exports.qjs_is_array_buffer, (handle,))? == 0 {
            return Err(wrong());
        }
        let cell = self.data().streams.scratch();
        let start = self.ask(self.exports.qjs_get_array_buffer, (handle, cell))?;
        if start == 0 {
            // An empty buffer may have no address, a detached one has none.
            return self.discard_exception().map(|()| 0..0);
        }
        let len = self.exports.read_u32(&self.caller, cell);
        let len = len.ok_or_else(|| broken("a length outside its memory"))? as usize;
        let range = address(start)..address(start).saturating_add(len);
        if range.end > self.exports.memory.data_size(&self.caller) {
            return Err(broken("a buffer outside its memory").into());
        }
        Ok(range)
    }

    fn discard_exception(&mut self) -> Result<(), Failure> {
        let exception = self.ask(self.exports.qjs_get_exception, ())?;
        Ok(self.ask(self.exports.qjs_free_value, (exception,))?)
    }

    /// The part of the `ArrayBuffer` in argument `index` that the next two
    /// arguments name: an offset and a length.
    pub(super) fn bytes(&mut self, index: usize) -> Result<Range<usize>, Failure> {
        let buffer = self.buffer(index)?;
        let offset = self.integer(index + 1)?;
        let len = self.integer(index + 2)?;
        let part = usize::try_from(offset).ok().zip(usize::try_from(len).ok());
        let part = part.and_then(|(offset, len)| {
            let start = buffer.start.checked_add(offset)?;
            let end = start.checked_add(len)?;
            (end <= buffer.end).then_some(start..end)
        });
        part.ok_or_else(|| Failure::Type("the range is outside the buffer".to_owned()))
    }

    /// The bytes at `range`, which lie in guest memory, and the host's state.
    pub(super) fn memory(&mut self, range: Range<usize>) -> Result<(&mut [u8], &mut State), Stop> {
        let (memory, state) = self.exports.memory.data_and_store_mut(&mut self.caller);
        let bytes = memory
            .get_mut(range)
            .ok_or_else(|| broken("a buffer outside its memory"))?;
        Ok((bytes, state))
    }

    /// A copy of `bytes` in the engine's memory, with a NUL behind it; the
    /// engine's, or ours, to free.
    pub(super) fn copy_in(&mut self, bytes: &[u8]) -> Result<i32, Failure> {
        let at = self.ask(self.exports.wasm_malloc, (pointer(bytes.len() + 1),))?;
        if at == 0 {
            return Err(Failure::Memory);
        }
        let written = self
            .exports
            .write(&mut self.caller, at, bytes)
            .and_then(|()| {
                self.exports
                    .write(&mut self.caller, pointer(address(at) + bytes.len()), &[0])
            });
        written.ok_or_else(|| broken("it allocated outside its memory"))?;
        Ok(at)
    }
}
