//! Reading where a value came from instead of a local that it was copied to.

use super::code::{Code, Op};
use std::ops::Range;

/// What a local is known to hold.
#[derive(Clone, Copy)]
enum Known {
    /// What the operator at this index gives, a constant.
    Constant(usize),
    /// The same as another local, unless that was set since.
    Local { other: u32, version: u32 },
}

/// What is known of all locals.
struct Facts {
    /// Where it was learnt, too.
    known: Vec<Option<(usize, Known)>>,
    /// How often each local was set.
    versions: Vec<u32>,
    /// What was learnt there is void: control may have come by another way. No
    /// two overlap, and they are in order.
    void: Vec<Range<usize>>,
}

impl Facts {
    /// What can be read instead of `local`.
    fn of(&self, local: u32) -> Option<Known> {
        let (at, known) = self.known[local as usize]?;
        let after = self.void.partition_point(|range| range.start <= at);
        let is_void = after > 0 && self.void[after - 1].contains(&at);
        let is_valid = match known {
            Known::Constant(_) => true,
            Known::Local { other, version } => self.versions[other as usize] == version,
        };
        (is_valid && !is_void).then_some(known)
    }

    fn learn(&mut self, at: usize, local: u32, known: Option<Known>) {
        self.versions[local as usize] += 1;
        self.known[local as usize] = known.map(|known| (at, known));
    }

    /// Forgets what was learnt in `range`, the end of which is here.
    fn forget(&mut self, range: Range<usize>) {
        while self
            .void
            .last()
            .is_some_and(|last| last.start >= range.start)
        {
            self.void.pop();
        }
        self.void.push(range);
    }

    fn copy_of(&self, other: u32) -> Option<Known> {
        let version = self.versions[other as usize];
        Some(Known::Local { other, version })
    }
}

/// Has the code read constants and copied locals where they came from.
pub(super) fn forward(ops: &mut Vec<Op>, locals: usize) {
    let mut facts = Facts {
        known: vec![None; locals],
        versions: vec![0; locals],
        void: Vec::new(),
    };
    // Where the blocks begin that this is in.
    let mut opened: Vec<usize> = Vec::new();
    // The last operator that is still there.
    let mut last: Option<usize> = None;
    for at in 0..ops.len() {
        match ops[at].code {
            Code::Get(local) => match facts.of(local) {
                Some(Known::Constant(constant)) => ops[at] = ops[constant],
                Some(Known::Local { other, .. }) => ops[at].code = Code::Get(other),
                None => {}
            },
            Code::Set(local) => match last.map(|last| ops[last].code) {
                Some(Code::Get(same)) if same == local => {
                    ops[at].code = Code::Gone;
                    if let Some(last) = last {
                        ops[last].code = Code::Gone;
                    }
                    last = None;
                    continue;
                }
                _ => {
                    let known = source(ops, last, &facts);
                    facts.learn(at, local, known);
                }
            },
            Code::Tee(local) => match last.map(|last| ops[last].code) {
                Some(Code::Get(same)) if same == local => {
                    ops[at].code = Code::Gone;
                    continue;
                }
                _ => {
                    let known = source(ops, last, &facts);
                    facts.learn(at, local, known);
                }
            },
            Code::Block | Code::If => opened.push(at),
            // It may have come around, too, and have set anything.
            Code::Loop => {
                opened.push(at);
                facts.forget(0..at);
            }
            // All ways here lead through the beginning.
            Code::Else => facts.forget(opened.last().copied().unwrap_or(0)..at),
            Code::End => match opened.pop() {
                // Branches to a loop don't lead to its end.
                Some(from) if ops[from].code == Code::Loop => {}
                from => facts.forget(from.unwrap_or(0)..at),
            },
            _ => {}
        }
        last = Some(at);
    }
    ops.retain(|op| !op.is_gone());
}

/// What is known of the value that the operator at `last` gives.
fn source(ops: &[Op], last: Option<usize>, facts: &Facts) -> Option<Known> {
    let last = last?;
    match ops[last].code {
        Code::Get(other) | Code::Tee(other) => facts.of(other).or_else(|| facts.copy_of(other)),
        _ if ops[last].is_constant() => Some(Known::Constant(last)),
        _ => None,
    }
}
