//! The functions a run has, and how a request finds one.

use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// What a host function answers.
pub(crate) type Answer = Result<Value, String>;

type Function = Box<dyn Fn(&Map<String, Value>) -> Answer + Send + Sync>;

/// The host functions of one run, fixed when it starts.
#[derive(Default)]
pub(crate) struct Functions {
    named: BTreeMap<&'static str, Function>,
    /// What a channel has to say before it is asked anything; the first that
    /// is opened says it.
    first: Mutex<First>,
}

/// What is said before anything is asked.
#[derive(Default)]
pub(super) struct First {
    pub(super) bytes: Vec<u8>,
    /// Called just before it is said.
    pub(super) begin: Option<Box<dyn FnOnce() + Send>>,
}

/// Requests that one batch may hold: the answers are kept until they are read.
const MAX_BATCH: usize = 1024;

impl Functions {
    #[cfg_attr(not(test), expect(dead_code, reason = "grants will bring some"))]
    /// Adds a function; a second one of the same name replaces the first.
    pub(crate) fn with(
        mut self,
        name: &'static str,
        function: impl Fn(&Map<String, Value>) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.named.insert(name, Box::new(function));
        self
    }

    /// Lets the first channel begin with `bytes`; `begin` is called when they
    /// are about to be read.
    pub(crate) fn saying_first(
        mut self,
        bytes: Vec<u8>,
        begin: impl FnOnce() + Send + 'static,
    ) -> Self {
        let begin: Box<dyn FnOnce() + Send> = Box::new(begin);
        self.first = Mutex::new(First {
            bytes,
            begin: Some(begin),
        });
        self
    }

    /// What a channel opened now says first: nothing but for the first one.
    pub(super) fn take_first(&self) -> First {
        std::mem::take(&mut self.first.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers one request, `{"fn": NAME, "args": {…}}`, or an array of them
    /// in order. The answer is `{"data": …}` or `{"error": MESSAGE}`, with the
    /// request's `id` if it has one.
    pub(crate) fn answer(&self, request: &[u8]) -> Value {
        match serde_json::from_slice(request) {
            Ok(Value::Array(batch)) if batch.len() > MAX_BATCH => {
                failed(format!("a batch holds at most {MAX_BATCH} calls"))
            }
            Ok(Value::Array(batch)) => batch.iter().map(|call| self.answer_one(call)).collect(),
            Ok(call) => self.answer_one(&call),
            Err(error) => failed(format!("invalid call format: {error}")),
        }
    }

    fn answer_one(&self, call: &Value) -> Value {
        let mut answer = match self.call(call) {
            Ok(data) => json!({ "data": data }),
            Err(message) => failed(message),
        };
        if let (Some(id), Some(answer)) = (call.get("id"), answer.as_object_mut()) {
            answer.insert("id".to_owned(), id.clone());
        }
        answer
    }

    fn call(&self, call: &Value) -> Answer {
        let Some(name) = call.get("fn").and_then(Value::as_str) else {
            return Err("invalid call format: \"fn\" must name a function".to_owned());
        };
        let empty = Map::new();
        let args = match call.get("args") {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(args)) => args,
            Some(_) => return Err("invalid call format: \"args\" must be an object".to_owned()),
        };
        match self.named.get(name) {
            Some(function) => function(args),
            None => Err(format!("unknown function: {name}")),
        }
    }
}

fn failed(message: String) -> Value {
    json!({ "error": message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions() -> Functions {
        Functions::default()
            .with("echo", |args| Ok(Value::Object(args.clone())))
            .with("fail", |_| Err("no".to_owned()))
    }

    #[test]
    fn one_call() {
        let answer = functions().answer(br#"{"fn": "echo", "args": {"x": 1}, "id": "7"}"#);
        assert_eq!(answer, json!({"data": {"x": 1}, "id": "7"}));
        assert_eq!(
            functions().answer(br#"{"fn": "fail"}"#),
            json!({"error": "no"})
        );
    }

    #[test]
    fn a_batch_is_answered_in_order() {
        let answer = functions().answer(br#"[{"fn": "fail"}, {"fn": "echo"}]"#);
        assert_eq!(answer, json!([{"error": "no"}, {"data": {}}]));
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
