//! Validating what was made.

use crate::Error;
use std::{num::NonZeroUsize, sync::OnceLock, thread};
use wasmparser::{
    BinaryReaderError, FuncToValidate, FuncValidatorAllocations, FunctionBody, Parser,
    ValidPayload, Validator, ValidatorResources,
};

/// Threads that work on one module; more would only wait for its memory.
const MAX_THREADS: usize = 8;

/// Functions of a module for which another thread pays.
const SHARE: usize = 500;

/// In how many parts to work on `count` functions, each on its own thread.
pub(crate) fn parts(count: usize) -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    let processors =
        PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, NonZeroUsize::get));
    (count / SHARE).min(*processors).clamp(1, MAX_THREADS)
}

/// Has `work` done on each of `items` on several threads, and gives the results
/// in order, or the error of the first that failed.
///
/// # Errors
///
/// When `work` fails.
pub(crate) fn each<T: Send, R: Send, E: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let parts = parts(items.len());
    let size = items.len().div_ceil(parts).max(1);
    if parts == 1 {
        return items.into_iter().map(work).collect();
    }
    let mut shares = Vec::with_capacity(parts);
    let mut items = items.into_iter();
    for _ in 0..parts {
        shares.push(items.by_ref().take(size).collect::<Vec<T>>());
    }
    let work = &work;
    let done: Vec<Result<Vec<R>, E>> = thread::scope(|scope| {
        let threads: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || share.into_iter().map(work).collect()))
            .collect();
        threads
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    let mut all = Vec::new();
    for part in done {
        all.append(&mut part?);
    }
    Ok(all)
}

/// Checks that `wasm` is valid.
///
/// # Errors
///
/// When it isn't.
pub(crate) fn validate(wasm: &[u8]) -> Result<(), Error> {
    let mut validator = Validator::new_with_features(crate::source::features());
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            functions.push((function, body));
        }
    }
    each(functions, validate_function)?;
    Ok(())
}

fn validate_function(
    (function, body): (FuncToValidate<ValidatorResources>, FunctionBody<'_>),
) -> Result<(), BinaryReaderError> {
    function
        .into_validator(FuncValidatorAllocations::default())
        .validate(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_looked_at_on_any_thread() {
        let good = "(func (result i32) i32.const 1)";
        let bad = "(func (result i32) i64.const 1)";
        for (at, count) in [(0, 1), (0, 3000), (1499, 3000), (1500, 3000), (2999, 3000)] {
            let mut functions = vec![good; count];
            assert!(validate(&module(&functions)).is_ok());
            functions[at] = bad;
            assert!(validate(&module(&functions)).is_err(), "{at} of {count}");
        }
    }

    #[test]
    fn results_come_in_order_and_the_first_error_wins() {
        let numbers: Vec<u32> = (0..5000).collect();
        let same: Result<Vec<u32>, ()> = each(numbers.clone(), Ok);
        assert_eq!(same, Ok(numbers.clone()));
        let failed: Result<Vec<u32>, u32> = each(numbers, |n| if n > 99 { Err(n) } else { Ok(n) });
        assert_eq!(failed, Err(100));
    }

    fn module(functions: &[&str]) -> Vec<u8> {
        wat::parse_str(format!("(module {})", functions.concat()))
            .expect("the test's module parses")
    }
}
