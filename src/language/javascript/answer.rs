//! From a host function's result to a value of the engine.

use super::{
    call::{Call, Failure},
    exports::pointer,
    imports::broken,
};
use crate::engine::Stop;

/// What a host function answers.
pub(super) enum Answer {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// A handle that is the answer's own.
    Handle(i32),
}

/// A handle of the answer; 0 once the engine has an exception.
pub(super) fn give(call: &mut Call<'_>, answer: Result<Answer, Failure>) -> Result<i32, Stop> {
    let given = answer.and_then(|answer| handle_of(call, answer));
    match given {
        Ok(handle) => Ok(handle),
        Err(failure) => throw(call, failure).map(|()| 0),
    }
}

fn handle_of(call: &mut Call<'_>, answer: Answer) -> Result<i32, Failure> {
    let exports = call.exports;
    let handle = match answer {
        Answer::Undefined => call.ask(exports.qjs_get_undefined, ())?,
        Answer::Null => call.ask(exports.qjs_get_null, ())?,
        Answer::Bool(true) => call.ask(exports.qjs_get_true, ())?,
        Answer::Bool(false) => call.ask(exports.qjs_get_false, ())?,
        Answer::Number(number) => call.ask(exports.qjs_new_number, (number,))?,
        Answer::Text(text) => new_string(call, &text)?,
        Answer::Bytes(bytes) => {
            call.fuel_for(bytes.len())?;
            let at = call.copy_in(&bytes)?;
            let handle = call.ask(exports.qjs_new_array_buffer, (at, pointer(bytes.len())))?;
            call.ask(exports.wasm_free, (at,))?;
            handle
        }
        Answer::Handle(handle) => handle,
    };
    if handle == 0 {
        Err(Failure::Memory)
    } else {
        Ok(handle)
    }
}

fn new_string(call: &mut Call<'_>, text: &str) -> Result<i32, Failure> {
    call.fuel_for(text.len())?;
    let at = call.copy_in(text.as_bytes())?;
    let handle = call.ask(call.exports.qjs_new_string, (at, pointer(text.len())))?;
    call.ask(call.exports.wasm_free, (at,))?;
    Ok(handle)
}

/// Leaves the failure with the engine as its pending exception, or ends the
/// run.
pub(super) fn throw(call: &mut Call<'_>, failure: Failure) -> Result<(), Stop> {
    let thrown = match failure {
        Failure::Stop(stop) => return Err(stop),
        Failure::Thrown => return Ok(()),
        Failure::Memory => Err(Failure::Memory),
        Failure::Type(message) => throw_error(call, "TypeError", &message),
        Failure::Error(message) => throw_error(call, "Error", &message),
    };
    match thrown {
        Ok(()) => Ok(()),
        Err(Failure::Stop(stop)) => Err(stop),
        Err(_) => {
            let context = call.ask(call.exports.qjs_get_context_ptr, ())?;
            call.ask(call.exports.JS_ThrowOutOfMemory, (context,))?;
            Ok(())
        }
    }
}

fn throw_error(call: &mut Call<'_>, name: &str, message: &str) -> Result<(), Failure> {
    let exports = call.exports;
    let error = call.ask(exports.qjs_new_error, ())?;
    if error == 0 {
        return Err(Failure::Memory);
    }
    for (key, value) in [("name", name), ("message", message)] {
        if key == "name" && value == "Error" {
            continue;
        }
        let value = new_string(call, value)?;
        let key = call.copy_in(key.as_bytes())?;
        let set = call.ask(exports.qjs_set_prop_string, (error, key, value))?;
        call.ask(exports.wasm_free, (key,))?;
        call.ask(exports.qjs_free_value, (value,))?;
        if set < 0 {
            return Err(broken("an error that takes no message").into());
        }
    }
    // The engine takes its own reference.
    call.ask(exports.qjs_throw, (error,))?;
    call.ask(exports.qjs_free_value, (error,))?;
    Ok(())
}
