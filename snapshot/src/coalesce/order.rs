//! Reading first what lies below on the stack.

use super::{
    code::{Code, Op},
    flow::Flow,
};

/// Operators that one value comes from, and that others are moved in front of:
/// a bound on time.
const MAX_TREE: usize = 64;

/// Operands that are moved at once: calls have that many.
const MAX_MOVED: usize = 16;

/// Where a value is put into a local, others are read and it is read for the
/// last time, has the others read before it is made. Then it comes to lie where
/// it is needed by itself.
pub(super) fn reorder(ops: &mut [Op], flow: &Flow) {
    for block in &flow.order {
        let block = flow.block(*block);
        let mut at = block.end;
        while at > block.begin {
            at -= 1;
            let Code::Set(local) = ops[at].code else {
                continue;
            };
            let Some(moved) = reads(&ops[at + 1..block.end], local) else {
                continue;
            };
            let Some(first) = tree(&ops[block.begin..at]) else {
                continue;
            };
            let first = block.begin + first;
            if may_move(&ops[first..=at], &ops[at + 1..][..moved]) {
                settle_last(ops, first, at, moved);
                ops[at].code = Code::Gone;
                ops[at + moved + 1].code = Code::Gone;
                ops[first..=at + moved].rotate_right(moved);
                at += moved;
            }
        }
    }
}

/// How many other values are read until `local` is, for the last time.
fn reads(ops: &[Op], local: u32) -> Option<usize> {
    for (count, op) in ops.iter().take(MAX_MOVED + 1).enumerate() {
        match op.code {
            Code::Get(other) if other == local => return op.is_last.then_some(count),
            Code::Get(_) => {}
            Code::Gone => {}
            _ if op.is_constant() => {}
            _ => return None,
        }
    }
    None
}

/// Where the operators begin that leave one value at the end of `ops`.
fn tree(ops: &[Op]) -> Option<usize> {
    let mut missing = 1u32;
    for (at, op) in ops.iter().enumerate().rev().take(MAX_TREE) {
        if matches!(op.code, Code::Block | Code::Else | Code::End) {
            return None;
        }
        if op.is_gone() {
            continue;
        }
        // Something else lies on top.
        missing = missing.checked_sub(u32::from(op.pushes))? + u32::from(op.pops);
        if missing == 0 {
            return Some(at);
        }
    }
    None
}

/// Whether `moved` give the same in front of `tree`.
fn may_move(tree: &[Op], moved: &[Op]) -> bool {
    let sets = |local: u32| {
        tree.iter()
            .any(|op| matches!(op.code, Code::Set(set) | Code::Tee(set) if set == local))
    };
    !moved
        .iter()
        .any(|op| matches!(op.code, Code::Get(local) if sets(local)))
}

/// What is read in front of what else reads it is not the last read any more.
fn settle_last(ops: &mut [Op], first: usize, at: usize, moved: usize) {
    let (tree, others) = ops[first..].split_at_mut(at + 1 - first);
    for other in &mut others[..moved] {
        other.is_last &= !tree.iter().any(|op| op.code == other.code);
    }
}
