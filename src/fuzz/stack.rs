//! Which functions were active where a run went wrong.

use super::{Runner, Target, Verdict, Watch};
use crate::Error;
use dormouse_snapshot::active;
use std::{cell::OnceCell, fmt::Write};

/// Functions of a stack that are told, and that tell two crashes apart.
const TOLD: u32 = 32;
const DISTINCT: usize = 5;

/// What finds the stack of a run that trapped, by running it once more.
pub(super) struct Stack {
    target: Target,
    /// Captured when it is first needed; nothing where that fails.
    runner: OnceCell<Option<std::cell::RefCell<Runner>>>,
}

impl Stack {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            runner: OnceCell::new(),
        }
    }

    /// The names of the functions that were active, innermost first, if running
    /// `input` ends in `verdict` again.
    pub(super) fn of(&self, input: &[u8], verdict: &Verdict) -> Result<Vec<String>, Error> {
        if self.target.is_function() {
            return Ok(Vec::new());
        }
        let runner = self.runner.get_or_init(|| {
            let runner = self.target.runner(Watch::Calls).ok();
            runner.map(std::cell::RefCell::new)
        });
        let Some(runner) = runner else {
            return Ok(Vec::new());
        };
        let mut runner = runner.borrow_mut();
        if runner.run(input)? != *verdict {
            return Ok(Vec::new());
        }
        let wasm = self.target.image.wasm_bytes();
        let functions = active(runner.watched(), runner.depth(), TOLD);
        Ok(functions
            .into_iter()
            .map(|index| name(wasm, index))
            .collect())
    }
}

/// What a function is called; by its number, where it has no name.
fn name(wasm: &[u8], index: u32) -> String {
    match dormouse_snapshot::function_name(wasm, index) {
        Some(name) => name,
        None => format!("function {index}"),
    }
}

/// What of a stack tells crashes apart. Deeper in, one fault is reached in many
/// ways.
pub(super) fn distinct(stack: &[String]) -> &[String] {
    stack.get(..DISTINCT).unwrap_or(stack)
}

/// A stack as text, a function per line.
pub(super) fn text(stack: &[String]) -> String {
    let mut text = String::new();
    for (depth, function) in stack.iter().enumerate() {
        let _ = writeln!(text, "  #{depth} {function}");
    }
    text
}
