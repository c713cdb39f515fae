//! Functions of the host that guests call by name.

use crate::{
    config::{Config, change},
    error::{Error, c_string, given},
    output::Release,
    raw::{self, User},
};
use runtime::{HostError, HostErrorKind};
use serde_json::{Map, Value};
use std::{
    ffi::{c_char, c_void},
    mem::MaybeUninit,
    ptr::NonNull,
    sync::Arc,
};

/// Is called when a guest calls a function by its name, with the arguments as a
/// JSON object (UTF-8), which is this library's, and gone when it returns. It
/// says what the guest gets by dormouse_answer_json or dormouse_answer_error
/// before it returns; otherwise that is null. It may be called from any thread,
/// also from several at a time: calls that a guest makes together are served
/// together. It must not throw, nor longjmp out of itself.
pub type HostFunction =
    Option<extern "C" fn(user: *mut c_void, arguments: *const c_char, answer: Option<&mut Answer>)>;

/// What a guest gets from a function of the host's. It is there until that
/// function returns.
pub struct Answer(Result<Value, HostError>);

/// What kind of exception the guest gets.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub enum AnswerKind {
    /// Anything else than the others. Python: HostError.
    Failed = 0,
    /// The arguments are wrong. Python: ValueError.
    Invalid = 1,
    /// The guest may not do this. Python: PermissionError.
    NotGranted = 2,
    /// There is no such thing. Python: FileNotFoundError.
    NotFound = 3,
    /// It is there already. Python: FileExistsError.
    Exists = 4,
    /// More than a limit allows.
    TooLarge = 5,
    /// It took too long. Python: TimeoutError.
    Timeout = 6,
    /// The other side can't be reached. Python: ConnectionError.
    Connection = 7,
}

impl AnswerKind {
    fn of(number: i32) -> Result<HostErrorKind, Error> {
        let kinds = [
            (Self::Failed, HostErrorKind::Failed),
            (Self::Invalid, HostErrorKind::Invalid),
            (Self::NotGranted, HostErrorKind::NotGranted),
            (Self::NotFound, HostErrorKind::NotFound),
            (Self::Exists, HostErrorKind::Exists),
            (Self::TooLarge, HostErrorKind::TooLarge),
            (Self::Timeout, HostErrorKind::Timeout),
            (Self::Connection, HostErrorKind::Connection),
        ];
        let found = kinds.iter().find(|(kind, _)| *kind as i32 == number);
        found
            .map(|(_, kind)| *kind)
            .ok_or_else(|| Error::argument(format!("there is no dormouse_answer_kind {number}")))
    }
}

/// Adds a function of the host's: call("name", ...) in Python and JavaScript calls
/// it, with `user`. A second one of a name replaces the first. `release`, if it is
/// not NULL, is called with `user` when nothing can call that function any more,
/// also where this fails.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_function(
    config: Option<NonNull<Config>>,
    name: *const c_char,
    function: HostFunction,
    user: *mut c_void,
    release: Release,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    // Where this fails, it is released here, when nobody holds the configuration.
    let user = Arc::new(User::new(user, release));
    change(config, error, |settings| {
        let name = raw::text(name, "the function's name")?.to_owned();
        let function = given(function, "the function")?;
        let user = Arc::clone(&user);
        let call = move |arguments: Map<String, Value>| {
            let arguments = c_string(Value::Object(arguments).to_string());
            let mut answer = Answer(Ok(Value::Null));
            function(user.pointer(), arguments.as_ptr(), Some(&mut answer));
            answer.0
        };
        settings.functions = std::mem::take(&mut settings.functions).with(name, call);
        Ok(())
    })
}

/// The guest gets the value that is in `json` (UTF-8), which is copied.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_answer_json(
    answer: Option<&mut Answer>,
    json: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    say(answer, error, || {
        let json = raw::text(json, "the JSON")?;
        let value = serde_json::from_str(json)
            .map_err(|error| Error::argument(format!("the answer is not JSON: {error}")))?;
        Ok(Ok(value))
    })
}

/// The guest gets an exception. `kind` is a dormouse_answer_kind; `message`, which
/// is copied, is for its program.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_answer_error(
    answer: Option<&mut Answer>,
    kind: i32,
    message: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    say(answer, error, || {
        let kind = AnswerKind::of(kind)?;
        let message = raw::text(message, "the message")?;
        Ok(Err(HostError::new(kind, message)))
    })
}

/// Sets an answer. Where that fails, the guest gets the same failure, since C may
/// pass over it.
fn say(
    answer: Option<&mut Answer>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
    what: impl FnOnce() -> Result<Result<Value, HostError>, Error>,
) -> bool {
    let done = crate::error::catch(error, || {
        let answer = given(answer, "the answer")?;
        match what() {
            Ok(said) => {
                answer.0 = said;
                Ok(())
            }
            Err(error) => {
                answer.0 = Err(HostError::from(error.message()));
                Err(error)
            }
        }
    });
    done.is_some()
}
