//! Removing what nothing needs.

use super::{
    code::{Code, Op},
    flow::{Flow, has, insert, remove},
};

/// Removes what only sets locals that nothing reads; says whether there was
/// anything. Notes which reads are the last of what they read.
pub(super) fn drop_unused(ops: &mut [Op], flow: &Flow, locals: usize) -> bool {
    let mut live = vec![0; locals.div_ceil(64)];
    // Where what is given is dropped at once, the first one last.
    let mut drops: Vec<usize> = Vec::new();
    let mut is_changed = false;
    for block in &flow.order {
        flow.live_out(*block, &mut live);
        let block = flow.block(*block);
        drops.clear();
        for at in (block.begin..block.end).rev() {
            if let Code::Set(local) = ops[at].code
                && !has(&live, local)
            {
                ops[at].become_(Code::Drop, 1, 0);
                is_changed = true;
            }
            match ops[at].code {
                Code::Gone => {}
                Code::Drop => drops.push(at),
                Code::Tee(local) if !has(&live, local) => {
                    ops[at].code = Code::Gone;
                    is_changed = true;
                }
                code if !drops.is_empty() => {
                    is_changed |= without(ops, at, code, &mut drops);
                }
                _ => {}
            }
            match ops[at].code {
                Code::Get(local) => {
                    ops[at].is_last = !has(&live, local);
                    insert(&mut live, local);
                }
                Code::Set(local) | Code::Tee(local) => remove(&mut live, local),
                _ => {}
            }
        }
    }
    is_changed
}

/// Takes back the operator at `at`, whose result is dropped, if that is all
/// that it gives.
fn without(ops: &mut [Op], at: usize, code: Code, drops: &mut Vec<usize>) -> bool {
    let is_pure = matches!(
        code,
        Code::Number(_)
            | Code::Const
            | Code::Eqz
            | Code::And
            | Code::Test
            | Code::Pure
            | Code::Get(_)
    );
    match (code, ops[at].pops) {
        (_, 0) if is_pure => {
            ops[at].code = Code::Gone;
            if let Some(drop) = drops.pop() {
                ops[drop].code = Code::Gone;
            }
        }
        (_, 1) if is_pure => ops[at].code = Code::Gone,
        (_, 2) if is_pure => {
            ops[at].become_(Code::Drop, 1, 0);
            drops.push(at);
        }
        (Code::Tee(local), _) => {
            ops[at].become_(Code::Set(local), 1, 0);
            if let Some(drop) = drops.pop() {
                ops[drop].code = Code::Gone;
            }
            drops.clear();
        }
        _ => {
            drops.clear();
            return false;
        }
    }
    true
}

/// A value that was put into a local, to be read once.
struct Put {
    /// Where it was put.
    at: usize,
    /// How much lay below it then.
    height: i64,
}

/// Values that may stay on the stack.
struct Puts {
    /// None of them has been reached down to since. Later ones lie no lower.
    all: Vec<Put>,
    /// Of each local, where it was put if it was not read since.
    unread: Vec<usize>,
}

/// Puts after one whose value stays: a bound on time. Compilers read most of
/// what they keep for a moment within a few.
const WINDOW: usize = 256;

const NOWHERE: usize = usize::MAX;

impl Puts {
    fn put(&mut self, local: u32, at: usize, height: i64) {
        self.unread[local as usize] = at;
        self.all.push(Put { at, height });
    }

    fn forget(&mut self, local: u32) {
        self.unread[local as usize] = NOWHERE;
    }

    /// Where the only value that is read here, with this much below, was put.
    fn read(&mut self, local: u32, height: i64) -> Option<usize> {
        let at = std::mem::replace(&mut self.unread[local as usize], NOWHERE);
        let found = self.all.binary_search_by_key(&at, |put| put.at).ok()?;
        let later = &mut self.all[found..];
        if later[0].height != height || later.len() > WINDOW {
            return None;
        }
        // This one lies below them now.
        for put in later {
            put.height += 1;
        }
        self.all.remove(found);
        Some(at)
    }

    fn reach_down(&mut self, low: i64) {
        while self.all.last().is_some_and(|put| put.height > low) {
            self.all.pop();
        }
    }
}

/// Leaves values on the stack that are put into a local and come back to where
/// they have been.
pub(super) fn stay(ops: &mut [Op], flow: &Flow, locals: usize) {
    let mut puts = Puts {
        all: Vec::new(),
        unread: vec![NOWHERE; locals],
    };
    for block in &flow.order {
        let block = flow.block(*block);
        let mut height = 0i64;
        puts.all.clear();
        for at in block.begin..block.end {
            let op = ops[at];
            let low = height - i64::from(op.pops);
            puts.reach_down(low);
            match op.code {
                // What lies below can't be reached within.
                Code::Block => puts.all.clear(),
                Code::Set(local) => puts.put(local, at, low),
                Code::Tee(local) => puts.forget(local),
                Code::Get(local) if op.is_last => {
                    if let Some(put) = puts.read(local, height) {
                        ops[put].code = Code::Gone;
                        ops[at].code = Code::Gone;
                    }
                }
                Code::Get(local) => puts.forget(local),
                _ => {}
            }
            height = low + i64::from(op.pushes);
        }
    }
}

/// Leaves out what only makes sure of what is known of truth values.
pub(super) fn shorten(ops: &mut Vec<Op>) {
    let mut kept: Vec<Op> = Vec::with_capacity(ops.len());
    for op in ops.drain(..) {
        let codes = (
            kept.len().checked_sub(2).map(|at| kept[at].code),
            kept.last().map(|op| op.code),
        );
        match (codes, op.code) {
            // A test's result is one bit.
            ((Some(Code::Test | Code::Eqz), Some(Code::Number(1))), Code::And) => {
                kept.pop();
                continue;
            }
            // Any number but zero is as true as one.
            ((Some(Code::Eqz), Some(Code::Eqz)), Code::BrIf(_) | Code::If) => {
                kept.truncate(kept.len() - 2);
            }
            _ => {}
        }
        kept.push(op);
    }
    *ops = kept;
}
