//! Several calls at once.

use super::{
    HostError, HostErrorKind, functions::Call, functions::Functions, registry::Answer, weight,
};
use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Requests that one batch may hold: the answers are kept until they are read.
const MAX_BATCH: usize = 1024;

/// Calls of one batch that run at the same time, a thread each. More would let
/// a guest have the host make threads as it likes; they mostly wait for
/// servers, so that it may be more than there are processors.
const MAX_CONCURRENT: usize = 16;

/// Bytes of answers, as values and as JSON, after which a batch's further calls
/// fail: all are kept until they are read.
const MAX_ANSWERS: usize = 64 << 20;

/// Why there is no answer to a batch of `count`, if it is too many.
pub(super) fn check_count(count: usize) -> Result<(), HostError> {
    if count <= MAX_BATCH {
        return Ok(());
    }
    Err(HostError::new(
        HostErrorKind::Invalid,
        format!("a batch holds at most {MAX_BATCH} calls, and this one has {count}"),
    ))
}

impl Functions {
    /// Makes `calls` at the same time, and answers in their order. Each fails
    /// alone.
    ///
    /// Those of functions that don't wait for anything are made here, one after
    /// the other: a thread costs more than ten of them.
    pub(super) fn call_all(&self, calls: Vec<Result<Call, HostError>>) -> Vec<Answer> {
        let answered = AtomicUsize::new(0);
        let make = |call: Result<Call, HostError>| {
            let given = match call {
                // Nobody will read it.
                _ if self.is_over() => Err(HostError::from("the run is over")),
                _ if answered.load(Ordering::Relaxed) >= MAX_ANSWERS => Err(HostError::new(
                    HostErrorKind::TooLarge,
                    "the answers before it are too large together",
                )),
                Ok(call) => self.call_named(&call.name, call.args),
                Err(error) => Err(error),
            };
            answered.fetch_add(weight_of(&given), Ordering::Relaxed);
            given
        };
        let mut waiting = Vec::new();
        let answers: Vec<OnceLock<Answer>> = (calls.into_iter().enumerate())
            .map(|(place, call)| match call {
                Ok(call) if !self.is_quick(&call.name) => {
                    waiting.push((place, Mutex::new(Some(call))));
                    OnceLock::new()
                }
                call => OnceLock::from(make(call)),
            })
            .collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((place, call)) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
                let call = call.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let (Some(call), Some(answer)) = (call, answers.get(*place)) {
                    let _ = answer.set(make(Ok(call)));
                }
            }
        };
        thread::scope(|scope| {
            // Without a thread those that there are do more each.
            let spawn = |_| {
                let name = "dormouse-call".to_owned();
                let thread = thread::Builder::new().name(name);
                thread.spawn_scoped(scope, work).ok()
            };
            let count = waiting.len().min(MAX_CONCURRENT);
            let threads: Vec<_> = (1..count).filter_map(spawn).collect();
            work();
            // The scope itself waits for what they do, not for their ends.
            for thread in threads {
                let _ = thread.join();
            }
        });
        let unanswered = || Err(HostError::from("the call was not answered"));
        answers
            .into_iter()
            .map(|answer| answer.into_inner().unwrap_or_else(unanswered))
            .collect()
    }
}

/// What an answer takes of the host's memory, about.
fn weight_of(answer: &Answer) -> usize {
    weight::OBJECT
        + match answer {
            Ok(value) => weight::of_value(value) + weight::as_text(value),
            Err(error) => error.message().len(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostFunctions;
    use serde_json::{Map, Value, json};
    use std::{sync::Barrier, time::Duration};

    type Args = Map<String, Value>;

    #[test]
    fn a_batch_runs_at_the_same_time() {
        let all_there = Barrier::new(MAX_CONCURRENT);
        let functions = Functions::from(HostFunctions::new().with("meet", move |_: Args| {
            all_there.wait();
            Ok(())
        }));
        let batch = vec![json!({"fn": "meet"}); MAX_CONCURRENT];
        let answers = functions.answer(Value::from(batch).to_string().as_bytes());
        assert_eq!(answers, json!(vec![json!({"data": null}); MAX_CONCURRENT]));
    }

    /// Also what a thread keeps for itself.
    #[test]
    fn nothing_of_a_batch_is_left_behind() {
        static LEFT: AtomicUsize = AtomicUsize::new(0);
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                thread::sleep(Duration::from_millis(50));
                LEFT.fetch_sub(1, Ordering::Relaxed);
            }
        }
        thread_local!(static KEPT: OnceLock<Late> = const { OnceLock::new() });
        let own = thread::current().id();
        let all_there = Barrier::new(MAX_CONCURRENT);
        let functions = Functions::from(HostFunctions::new().with("keep", move |_: Args| {
            if thread::current().id() != own {
                LEFT.fetch_add(1, Ordering::Relaxed);
                KEPT.with(|kept| _ = kept.set(Late));
            }
            all_there.wait();
            Ok(())
        }));
        let batch = vec![json!({"fn": "keep"}); MAX_CONCURRENT];
        functions.answer(Value::from(batch).to_string().as_bytes());
        assert_eq!(LEFT.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn quick_functions_need_no_thread() {
        let own = thread::current().id();
        let here = move |_| Ok(Value::Bool(thread::current().id() == own));
        let functions = HostFunctions::new()
            .quick("here", here)
            .with("late", |_: Args| Ok(0));
        let functions = Functions::from(functions);
        let mut batch = vec![json!({"fn": "here"}); 64];
        batch[7] = json!({"fn": "late"});
        let answers = functions.answer(Value::from(batch).to_string().as_bytes());
        let answers = answers.as_array().expect("an answer each");
        let here = answers.iter().filter(|answer| answer["data"] == true);
        assert_eq!(here.count(), 63);
        assert_eq!(answers[7], json!({"data": 0}));
    }

    #[test]
    fn a_batch_too_large_is_refused() {
        let functions = Functions::from(HostFunctions::new());
        let batch = vec![json!({"fn": "echo"}); MAX_BATCH + 1];
        let answer = functions.answer(Value::from(batch).to_string().as_bytes());
        let message = answer["error"].as_str().expect("an error");
        assert!(message.contains("at most 1024"), "{message}");
    }

    #[test]
    fn a_batch_of_large_answers_is_answered_in_part() {
        let large = |_: Args| Ok("x".repeat(8 << 20));
        let functions = Functions::from(HostFunctions::new().with("large", large));
        let batch = vec![json!({"fn": "large", "id": 7}); 100];
        let answer = functions.answer(Value::from(batch).to_string().as_bytes());
        let answers = answer.as_array().expect("an answer each");
        let given = answers.iter().filter(|answer| answer["data"].is_string());
        assert!((8..8 + MAX_CONCURRENT).contains(&given.count()));
        assert_eq!(answers[99]["kind"], "too_large");
        assert!(answers.iter().all(|answer| answer["id"] == 7));
    }
}
