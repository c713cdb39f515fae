//! The functions a run has, and how a request finds one.

use super::{
    Exchange, HostError, HostErrorKind, HostFunctions, batch::check_count, builtin,
    registry::Answer, weight,
};
use crate::{
    Limits,
    engine::{Meter, Pause},
};
use serde_json::{Map, Value, json};
use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

/// The host functions of one run, fixed when it starts.
pub(crate) struct Functions {
    named: HostFunctions,
    /// What a channel has to say before it is asked anything; the first that
    /// is opened says it.
    first: Mutex<First>,
    /// Bytes of one request.
    max_request: usize,
    /// What bounds the run.
    meter: Option<Arc<Meter>>,
}

/// What is said before anything is asked.
#[derive(Default)]
pub(super) struct First {
    pub(super) bytes: Vec<u8>,
    /// Called just before it is said.
    pub(super) begin: Option<Box<dyn FnOnce() + Send>>,
    /// What a session is held over that channel by.
    pub(super) exchange: Option<Arc<Exchange>>,
}

/// One call of a function.
pub(super) struct Call {
    pub(super) name: Cow<'static, str>,
    pub(super) args: Map<String, Value>,
}

/// Requests up to this many bytes are parsed as they are: what little text can
/// become, the host can hold.
const SMALL_REQUEST: usize = 256 << 10;

/// Bytes that the values of one request may take in the host's memory, which
/// may be eighty times those of their text.
pub(super) const MAX_PARSED: usize = 64 << 20;

/// Bytes of one request, where no more than so many are written to a file: the
/// host keeps the request and what it parses to.
const MAX_REQUEST: usize = 32 << 20;

impl Default for Functions {
    fn default() -> Self {
        Self::from(HostFunctions::default())
    }
}

impl From<HostFunctions> for Functions {
    fn from(named: HostFunctions) -> Self {
        Self {
            named,
            first: Mutex::default(),
            max_request: MAX_REQUEST,
            meter: None,
        }
    }
}

impl Functions {
    /// The same for a run that `limits` bound, and `meter` ends.
    pub(crate) fn bounded(self, limits: &Limits, meter: &Arc<Meter>) -> Self {
        // What is written is a text, whose JSON may be longer.
        let written = usize::try_from(limits.fs_write).unwrap_or(usize::MAX);
        Self {
            max_request: written.saturating_mul(2).max(MAX_REQUEST),
            meter: Some(Arc::clone(meter)),
            ..self
        }
    }

    /// Bytes of one request.
    pub(crate) fn max_request(&self) -> usize {
        self.max_request
    }

    /// Whether the run is over, and nothing more is to be done for it.
    pub(super) fn is_over(&self) -> bool {
        let meter = self.meter.as_ref();
        meter.is_some_and(|meter| meter.check().is_err_and(|stop| Pause::of(&stop).is_none()))
    }

    /// Lets the first channel opened from now on begin with `bytes`; `begin` is
    /// called when they are about to be read.
    pub(crate) fn say_first(&self, bytes: Vec<u8>, begin: impl FnOnce() + Send + 'static) {
        let begin: Box<dyn FnOnce() + Send> = Box::new(begin);
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.bytes = bytes;
        first.begin = Some(begin);
    }

    /// Lets the first channel opened from now on be a session's, too.
    pub(crate) fn converse(&self, exchange: Arc<Exchange>) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.exchange = Some(exchange);
    }

    /// What a channel opened now says first: nothing but for the first one.
    pub(super) fn take_first(&self) -> First {
        std::mem::take(&mut self.first.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers one request, `{"fn": NAME, "args": {…}}`, or an array of them,
    /// which run concurrently and are answered in order. An answer is
    /// `{"data": …}` or `{"error": MESSAGE, "kind": WORD}` (a word of
    /// [`HostErrorKind`]), with the request's `id` if it has one.
    pub(crate) fn answer(&self, request: &[u8]) -> Value {
        #[cfg(feature = "internals")]
        crate::internals::boundary::heard(request);
        if request.len() > self.max_request {
            return failed(&self.too_long());
        }
        if request.len() > SMALL_REQUEST && weight::of_text(request) > MAX_PARSED {
            return failed(&too_many_values());
        }
        match serde_json::from_slice(request) {
            Ok(Value::Array(batch)) => match check_count(batch.len()) {
                Ok(()) => self.answer_all(batch),
                Err(error) => failed(&error),
            },
            Ok(mut call) => {
                let id = take_id(&mut call);
                let answer = parsed(call).and_then(|call| self.call_named(&call.name, call.args));
                with_id(answered(answer), id)
            }
            Err(error) => failed(&invalid(format!("invalid call format: {error}"))),
        }
    }

    fn answer_all(&self, batch: Vec<Value>) -> Value {
        let (ids, calls): (Vec<_>, Vec<_>) = (batch.into_iter())
            .map(|mut call| (take_id(&mut call), parsed(call)))
            .unzip();
        let answers = self.call_all(calls).into_iter().zip(ids);
        answers
            .map(|(answer, id)| with_id(answered(answer), id))
            .collect()
    }

    /// Why a request is not read that is longer than it may be.
    pub(crate) fn too_long(&self) -> HostError {
        let max = self.max_request;
        let message = format!("the request is longer than {max} bytes");
        HostError::new(HostErrorKind::TooLarge, message)
    }

    /// Whether the function `name` waits for nothing.
    pub(crate) fn is_quick(&self, name: &str) -> bool {
        self.named.is_quick(name)
    }

    /// Calls the function `name`.
    pub(crate) fn call_named(&self, name: &str, args: Map<String, Value>) -> Answer {
        let Some(function) = self.named.get(name) else {
            return Err(builtin::absent(name));
        };
        catch_unwind(AssertUnwindSafe(|| function(args))).unwrap_or_else(|_| {
            Err(HostError::from(format!(
                "the host's function {name} panicked"
            )))
        })
    }
}

/// The call that a request in JSON asks for.
pub(super) fn parsed(mut call: Value) -> Result<Call, HostError> {
    let args = match call.get_mut("args").map(Value::take) {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(args)) => args,
        Some(_) => return Err(invalid("invalid call format: \"args\" must be an object")),
    };
    match call.get_mut("fn").map(Value::take) {
        Some(Value::String(name)) => Ok(Call {
            name: Cow::Owned(name),
            args,
        }),
        _ => Err(invalid("invalid call format: \"fn\" must name a function")),
    }
}

fn take_id(call: &mut Value) -> Option<Value> {
    call.get_mut("id").map(Value::take)
}

fn invalid(message: impl Into<String>) -> HostError {
    HostError::new(HostErrorKind::Invalid, message)
}

/// Why a request is not read whose values weigh more than [`MAX_PARSED`].
pub(super) fn too_many_values() -> HostError {
    let message = "the request has too many values; pass fewer at a time, or text";
    HostError::new(HostErrorKind::TooLarge, message)
}

/// `answer` to the request that had this `id`.
fn with_id(mut answer: Value, id: Option<Value>) -> Value {
    if let (Some(id), Some(answer)) = (id, answer.as_object_mut()) {
        answer.insert("id".to_owned(), id);
    }
    answer
}

/// The answer in JSON.
pub(super) fn answered(answer: Answer) -> Value {
    match answer {
        Ok(data) => json!({ "data": data }),
        Err(error) => failed(&error),
    }
}

/// The answer that a guest gets of `error`.
pub(crate) fn failed(error: &HostError) -> Value {
    json!({ "error": error.message(), "kind": error.kind().word() })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Args = Map<String, Value>;

    fn functions() -> Functions {
        HostFunctions::new()
            .with("echo", |args: Args| Ok(args))
            .with("fail", |_: Args| Err::<(), _>(HostError::from("no")))
            .with("panic", |_: Args| -> Result<(), HostError> {
                panic!("it is meant to")
            })
            .into()
    }

    #[test]
    fn one_call() {
        let answer = functions().answer(br#"{"fn": "echo", "args": {"x": 1}, "id": "7"}"#);
        assert_eq!(answer, json!({"data": {"x": 1}, "id": "7"}));
        assert_eq!(
            functions().answer(br#"{"fn": "fail"}"#),
            json!({"error": "no", "kind": "failed"})
        );
    }

    #[test]
    fn a_batch_is_answered_in_order() {
        let answer = functions().answer(br#"[{"fn": "fail"}, {"fn": "echo"}]"#);
        assert_eq!(
            answer,
            json!([{"error": "no", "kind": "failed"}, {"data": {}}])
        );
        assert_eq!(functions().answer(b"[]"), json!([]));
    }

    #[test]
    fn a_request_of_too_many_values_is_refused_before_it_is_parsed() {
        let of = |values: String| format!(r#"{{"fn": "echo", "args": {{"x": [{values}0]}}}}"#);
        for part in ["0,", "[],", r#"{"":0},"#] {
            let answer = functions().answer(of(part.repeat(5 << 20)).as_bytes());
            assert_eq!(answer["kind"], "too_large", "{part}");
        }
        let text = format!("\"{}\",", ",{".repeat(5 << 20));
        let answer = functions().answer(of(text).as_bytes());
        assert_eq!(answer["data"]["x"][1], 0);
    }

    #[test]
    fn arguments_are_typed() {
        #[derive(serde::Deserialize)]
        struct Pair {
            a: i32,
            b: i32,
        }
        let add = |pair: Pair| Ok::<_, HostError>(pair.a + pair.b);
        let functions = Functions::from(HostFunctions::new().with("add", add));
        let answer = functions.answer(br#"{"fn": "add", "args": {"a": 1, "b": 2}}"#);
        assert_eq!(answer, json!({"data": 3}));
        let answer = functions.answer(br#"{"fn": "add", "args": {"a": 1}}"#);
        assert_eq!(answer["kind"], "invalid");
        assert_eq!(answer["error"], "missing field `b`");
    }

    #[test]
    fn a_panic_fails_the_call() {
        let answer = functions().answer(br#"[{"fn": "panic"}, {"fn": "echo"}]"#);
        assert_eq!(answer[0]["error"], "the host's function panic panicked");
        assert_eq!(answer[1], json!({"data": {}}));
    }

    #[test]
    fn what_there_is_not_is_said() {
        let answer = functions().answer(br#"{"fn": "nothing"}"#);
        assert_eq!(
            answer,
            json!({"error": "unknown function: nothing", "kind": "unknown_function"})
        );
        let answer = functions().answer(br#"{"fn": "kv_get"}"#);
        assert_eq!(
            answer,
            json!({"error": "not granted: kv_get; enable with --kv", "kind": "not_granted"})
        );
    }

    #[test]
    fn nonsense_is_answered_with_an_error() {
        for request in ["", "{", "1", "{}", r#"{"fn": 1}"#, r#"{"fn": "x"}"#, "[[]]"] {
            let answer = functions().answer(request.as_bytes());
            let text = answer.to_string();
            assert!(text.contains("error"), "{request}: {text}");
        }
        let args = functions().answer(br#"{"fn": "echo", "args": [1]}"#);
        assert!(
            args["error"]
                .as_str()
                .is_some_and(|error| error.contains("args"))
        );
    }
}
