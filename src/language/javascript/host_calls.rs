//! The host's functions, called from JavaScript: `runtimes/javascript/calls.js`.
//!
//! What makes a call dear is the engine's JSON: some ten microseconds for each
//! property. So [`ask`] takes the arguments of the functions that are called
//! most as they are, and answers with texts and numbers as they are. A cell
//! says what the answer is.

use super::{
    answer::Answer,
    call::{Call, Failure, Plain},
    cells::Answered,
    text::whole_characters,
};
use crate::{
    HostError,
    host::{Functions, failed, known},
};
use serde_json::{Map, Number, Value};
use std::sync::Arc;

/// Integers that a number of JavaScript's stands for exactly.
const MAX_INTEGER: f64 = 9_007_199_254_740_991.0;

/// The answer to a request, or to a batch of them, both as JSON.
pub(super) fn call(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let max = functions(call).max_request();
    let request = call.with_short_text(0, max, whole_characters)?;
    Ok(Answer::Text(functions(call).answer(&request).to_string()))
}

/// One call: the place of a known function and its arguments.
pub(super) fn ask(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let (name, params) = called(call)?;
    ask_for(call, name, params)
}

/// The same if the function waits for nothing: others could go at the same time.
pub(super) fn ask_quick(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let (name, params) = called(call)?;
    if functions(call).is_quick(name) {
        ask_for(call, name, params)
    } else {
        told(call, Answered::Again, Answer::Undefined)
    }
}

fn called(call: &mut Call<'_>) -> Result<(&'static str, &'static [&'static str]), Failure> {
    (usize::try_from(call.integer(0)?).ok())
        .and_then(known)
        .ok_or_else(|| Failure::Type("there is no such function".to_owned()))
}

fn ask_for(call: &mut Call<'_>, name: &str, params: &[&str]) -> Result<Answer, Failure> {
    let mut args = Map::new();
    for (index, param) in params.iter().enumerate() {
        let value = match call.plain_value(index + 1)? {
            Plain::Undefined => continue,
            Plain::Null => Value::Null,
            Plain::Bool(truth) => Value::Bool(truth),
            Plain::Number(number) => as_json(number),
            Plain::Text(text) => Value::String(text),
            Plain::Other => return told(call, Answered::Again, Answer::Undefined),
        };
        args.insert((*param).to_owned(), value);
    }
    let result = functions(call).call_named(name, args);
    answer(call, result)
}

fn functions(call: &mut Call<'_>) -> Arc<Functions> {
    Arc::clone(&call.state().functions)
}

fn answer(call: &mut Call<'_>, result: Result<Value, HostError>) -> Result<Answer, Failure> {
    let plain = match result {
        Ok(Value::Null) => Answer::Null,
        Ok(Value::Bool(truth)) => Answer::Bool(truth),
        Ok(Value::String(text)) => Answer::Text(text),
        Ok(Value::Number(number)) => Answer::Number(number.as_f64().unwrap_or(f64::NAN)),
        Ok(value) => return told(call, Answered::Json, Answer::Text(value.to_string())),
        Err(error) => {
            let text = failed(&error).to_string();
            return told(call, Answered::Error, Answer::Text(text));
        }
    };
    told(call, Answered::Plain, plain)
}

fn told(call: &mut Call<'_>, what: Answered, answer: Answer) -> Result<Answer, Failure> {
    call.tell(what)?;
    Ok(answer)
}

/// As `JSON.stringify` has it.
fn as_json(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= MAX_INTEGER {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::as_json;

    #[test]
    fn numbers_are_those_of_json() {
        for (number, expected) in [
            (5.0, "5"),
            (-0.0, "0"),
            (0.5, "0.5"),
            (-1e15, "-1000000000000000"),
            (1e300, "1e+300"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(as_json(number).to_string(), expected);
        }
    }
}
