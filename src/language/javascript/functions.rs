//! The functions that `runtimes/javascript/` calls as `host.NAME`.
//!
//! The program itself cannot name them, but must be expected to get hold of
//! one: all of them take any arguments.

use super::{
    answer::Answer,
    call::{Call, Failure},
    exports::address,
    file_calls as files, host_calls,
    imports::broken,
    point::snapshot_point,
    text, url,
};
use crate::engine::Stop;
use std::time::Duration;

type Function = fn(&mut Call<'_>) -> Result<Answer, Failure>;

/// Names and functions. A name is what the engine calls the function by, in a
/// prepared image too: it stays as long as images made with it do.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    // Often called first: the list is searched from the front.
    ("line", files::line),
    ("write", files::write),
    ("ask", host_calls::ask),
    ("ask_quick", host_calls::ask_quick),
    ("call", host_calls::call),
    ("monotonic", monotonic),
    ("proxy_target", proxy_target),
    ("getline", files::getline),
    ("read", files::read),
    ("get_byte", files::get_byte),
    ("put_byte", files::put_byte),
    ("utf8_encode", text::utf8_encode),
    ("utf8_decode", text::utf8_decode),
    ("utf16_decode", text::utf16_decode),
    ("base64_encode", text::base64_encode),
    ("base64_decode", text::base64_decode),
    ("url_parse", url::parse),
    ("url_set", url::set),
    ("random", random),
    ("promise_state", promise_state),
    ("promise_result", promise_result),
    ("open", files::open),
    ("close", files::close),
    ("seek", files::seek),
    ("flush", files::flush),
    ("eof", files::eof),
    ("error", files::error),
    ("clear_error", files::clear_error),
    ("read_text", files::read_text),
    ("read_bytes", files::read_bytes),
    ("load", files::load),
    ("stat", files::stat),
    ("readdir", files::readdir),
    ("readlink", files::readlink),
    ("realpath", files::realpath),
    ("mkdir", files::mkdir),
    ("remove", files::remove),
    ("rename", files::rename),
    ("getcwd", files::getcwd),
    ("chdir", files::chdir),
    ("isatty", files::isatty),
    ("sleep", sleep),
    ("snapshot_point", snapshot_point),
    ("env", env),
    ("gc", gc),
    ("exit", exit),
];

/// Runs the function whose name is at `name`.
pub(super) fn dispatch(call: &mut Call<'_>, name: i32, name_len: i32) -> Result<Answer, Failure> {
    let bytes = call.exports.slice(&call.caller, name, address(name_len));
    let bytes = bytes.ok_or_else(|| broken("a name outside its memory"))?;
    let found = FUNCTIONS.iter().find(|(name, _)| name.as_bytes() == bytes);
    match found {
        Some((_, function)) => function(call),
        None => Err(broken("a function that there is not").into()),
    }
}

/// Milliseconds since the run began.
fn monotonic(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let elapsed = call.state().wasi().clock().monotonic();
    Ok(Answer::Number(elapsed.as_secs_f64() * 1000.0))
}

/// Fills a part of a buffer.
fn random(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let range = call.bytes(0)?;
    let (bytes, state) = call.memory(range)?;
    state.wasi().random().fill(bytes);
    Ok(Answer::Undefined)
}

/// Milliseconds.
fn sleep(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let ms = call.number(0)?;
    let duration = Duration::try_from_secs_f64(ms / 1000.0);
    let duration = duration.unwrap_or(if ms > 0.0 {
        Duration::MAX
    } else {
        Duration::ZERO
    });
    call.state().wasi().clock().sleep(duration)?;
    Ok(Answer::Undefined)
}

/// Names and values in turn, separated by NUL.
fn env(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let pairs: Vec<String> = call
        .state()
        .wasi()
        .env()
        .iter()
        .filter_map(|pair| {
            let pair = String::from_utf8_lossy(pair);
            pair.split_once('=')
                .map(|(name, value)| format!("{name}\0{value}"))
        })
        .collect();
    Ok(Answer::Text(pairs.join("\0")))
}

fn gc(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let size = call.exports.memory.data_size(&call.caller);
    call.fuel_for(size / 8)?;
    call.ask(call.exports.qjs_run_gc, ())?;
    Ok(Answer::Undefined)
}

/// Ends the run with a status.
fn exit(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let code = call.integer(0)? as i32;
    files::flush_all(call)?;
    Err(Stop::i32_exit(code).into())
}

/// What a proxy stands for (null if it is revoked); undefined for any other
/// value.
fn proxy_target(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let Some(handle) = call.handle(0)? else {
        return Ok(Answer::Undefined);
    };
    if call.ask(call.exports.qjs_is_proxy, (handle,))? == 0 {
        return Ok(Answer::Undefined);
    }
    let target = call.ask(call.exports.qjs_get_proxy_target, (handle,))?;
    Ok(if target == 0 {
        Answer::Null
    } else {
        Answer::Handle(target)
    })
}

/// 0 pending, 1 fulfilled, 2 rejected; -1 for what is no promise.
fn promise_state(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let Some(handle) = promise(call)? else {
        return Ok(Answer::Number(-1.0));
    };
    let state = call.ask(call.exports.qjs_promise_state, (handle,))?;
    Ok(Answer::Number(f64::from(state)))
}

fn promise_result(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let Some(handle) = promise(call)? else {
        return Ok(Answer::Undefined);
    };
    let result = call.ask(call.exports.qjs_promise_result, (handle,))?;
    Ok(Answer::Handle(result))
}

fn promise(call: &mut Call<'_>) -> Result<Option<i32>, Failure> {
    let Some(handle) = call.handle(0)? else {
        return Ok(None);
    };
    let is_promise = call.ask(call.exports.qjs_is_promise, (handle,))? != 0;
    Ok(is_promise.then_some(handle))
}
