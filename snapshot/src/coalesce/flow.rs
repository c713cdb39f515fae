//! How control flows through a function's code, and which locals hold
//! something that is still needed.

use super::code::{Body, Code, Op};

/// Sets of small numbers, one a row.
#[derive(Debug, Default)]
pub(super) struct Rows {
    words: usize,
    bits: Vec<u64>,
}

impl Rows {
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        let words = columns.div_ceil(64);
        Self {
            words,
            bits: vec![0; rows * words],
        }
    }

    pub(super) fn row(&self, row: usize) -> &[u64] {
        &self.bits[row * self.words..][..self.words]
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [u64] {
        &mut self.bits[row * self.words..][..self.words]
    }
}

pub(super) fn has(set: &[u64], bit: u32) -> bool {
    set[bit as usize / 64] >> (bit % 64) & 1 != 0
}

pub(super) fn insert(set: &mut [u64], bit: u32) {
    set[bit as usize / 64] |= 1 << (bit % 64);
}

pub(super) fn remove(set: &mut [u64], bit: u32) {
    set[bit as usize / 64] &= !(1 << (bit % 64));
}

pub(super) fn unite(set: &mut [u64], other: &[u64]) {
    for (word, other) in set.iter_mut().zip(other) {
        *word |= other;
    }
}

/// The numbers in `set`, in order.
pub(super) fn each(set: &[u64]) -> impl Iterator<Item = u32> + '_ {
    (0u32..).zip(set).flat_map(|(at, word)| {
        let mut word = *word;
        std::iter::from_fn(move || {
            let bit = word.trailing_zeros();
            (word != 0).then(|| {
                word &= word - 1;
                at * 64 + bit
            })
        })
    })
}

/// Operators that run one after the other, if none traps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Block {
    pub(super) begin: usize,
    pub(super) end: usize,
    /// Where in [`Flow::next`] the blocks are that may follow, and how many.
    next: (usize, usize),
}

/// The flow of control.
#[derive(Debug, Default)]
pub(super) struct Flow {
    blocks: Vec<Block>,
    /// The blocks as they stand in the code.
    pub(super) order: Vec<usize>,
    next: Vec<usize>,
    /// What each block may read before it sets it.
    live_in: Rows,
}

struct Frame {
    /// Where branches to it lead.
    target: usize,
    join: usize,
    /// What an `if` does if the condition is false, until its `else` is seen.
    otherwise: Option<usize>,
}

/// Bits in one of a function's tables: 32 MiB of them. The largest function of
/// any guest that we know needs a twentieth.
const MAX_BITS: usize = 1 << 28;

impl Flow {
    /// Of `body`, which has `locals`. Nothing, if the blocks don't match up, or
    /// there is too much of everything.
    pub(super) fn new(body: &Body, locals: usize) -> Option<Self> {
        let mut flow = Self::default();
        flow.cut(body)?;
        if flow.blocks.len().checked_mul(locals)? > MAX_BITS {
            return None;
        }
        flow.live(&body.ops, locals);
        Some(flow)
    }

    fn add(&mut self) -> usize {
        self.blocks.push(Block::default());
        self.blocks.len() - 1
    }

    fn open(&mut self, block: usize, at: usize) -> Option<usize> {
        self.blocks[block].begin = at;
        self.order.push(block);
        Some(block)
    }

    fn close(&mut self, block: Option<usize>, at: usize, next: &[usize]) {
        if let Some(block) = block {
            self.blocks[block].end = at;
            self.blocks[block].next = (self.next.len(), next.len());
            self.next.extend_from_slice(next);
        }
    }

    /// Cuts the code into blocks.
    fn cut(&mut self, body: &Body) -> Option<()> {
        let (first, exit) = (self.add(), self.add());
        let mut current = self.open(first, 0);
        let mut frames = vec![Frame {
            target: exit,
            join: exit,
            otherwise: None,
        }];
        for (at, op) in body.ops.iter().enumerate() {
            let after = at + 1;
            match op.code {
                Code::Block => {
                    let join = self.add();
                    frames.push(Frame {
                        target: join,
                        join,
                        otherwise: None,
                    });
                }
                Code::Loop => {
                    let (head, join) = (self.add(), self.add());
                    self.close(current, after, &[head]);
                    current = self.open(head, after);
                    frames.push(Frame {
                        target: head,
                        join,
                        otherwise: None,
                    });
                }
                Code::If => {
                    let (then, other, join) = (self.add(), self.add(), self.add());
                    self.close(current, after, &[then, other]);
                    current = self.open(then, after);
                    frames.push(Frame {
                        target: join,
                        join,
                        otherwise: Some(other),
                    });
                }
                Code::Else => {
                    let frame = frames.last_mut()?;
                    self.close(current, at, &[frame.join]);
                    current = self.open(frame.otherwise.take()?, at);
                }
                Code::End => {
                    let frame = frames.pop()?;
                    self.close(current, at, &[frame.join]);
                    if let Some(other) = frame.otherwise {
                        let other = self.open(other, at);
                        self.close(other, at, &[frame.join]);
                    }
                    current = self.open(frame.join, at);
                }
                Code::Br(depth) => {
                    let target = target(&frames, depth)?;
                    self.close(current.take(), after, &[target]);
                }
                Code::BrIf(depth) => {
                    let (target, next) = (target(&frames, depth)?, self.add());
                    self.close(current, after, &[target, next]);
                    current = self.open(next, after);
                }
                Code::BrTable(first, count) => {
                    let targets = body.targets.get(first as usize..)?.get(..count as usize)?;
                    let next: Option<Vec<usize>> = targets
                        .iter()
                        .map(|depth| target(&frames, *depth))
                        .collect();
                    let mut next = next?;
                    next.sort_unstable();
                    next.dedup();
                    self.close(current.take(), after, &next);
                }
                Code::Exit => self.close(current.take(), after, &[]),
                _ => {}
            }
        }
        self.close(current, body.ops.len(), &[]);
        frames.is_empty().then_some(())
    }

    /// Finds out what each block reads that others have set.
    fn live(&mut self, ops: &[Op], locals: usize) {
        let count = self.blocks.len();
        let mut kept = Rows::new(count, locals);
        self.live_in = Rows::new(count, locals);
        for (index, block) in self.blocks.iter().enumerate() {
            let (sets, reads) = (kept.row_mut(index), self.live_in.row_mut(index));
            for op in &ops[block.begin..block.end] {
                match op.code {
                    Code::Get(local) if !has(sets, local) => insert(reads, local),
                    Code::Set(local) | Code::Tee(local) => insert(sets, local),
                    _ => {}
                }
            }
            for word in sets {
                *word = !*word;
            }
        }
        let mut live = vec![0; self.live_in.words];
        let mut is_done = false;
        while !is_done {
            is_done = true;
            for at in (0..self.order.len()).rev() {
                let block = self.order[at];
                self.live_out(block, &mut live);
                let row = self.live_in.row_mut(block);
                for ((word, live), kept) in row.iter_mut().zip(&live).zip(kept.row(block)) {
                    let new = *word | live & kept;
                    is_done &= new == *word;
                    *word = new;
                }
            }
        }
    }

    pub(super) fn block(&self, block: usize) -> Block {
        self.blocks[block]
    }

    /// What may be read after `block`, into `live`.
    pub(super) fn live_out(&self, block: usize, live: &mut [u64]) {
        live.fill(0);
        let (first, count) = self.blocks[block].next;
        for next in &self.next[first..first + count] {
            unite(live, self.live_in.row(*next));
        }
    }

    /// What may be read before anything sets it.
    pub(super) fn live_at_entry(&self) -> &[u64] {
        self.live_in.row(0)
    }

    /// Takes the operators from `ops` that are gone.
    pub(super) fn compact(&mut self, ops: &mut Vec<Op>) {
        let mut places = Vec::with_capacity(ops.len() + 1);
        let mut place = 0;
        for op in ops.iter() {
            places.push(place);
            place += usize::from(!op.is_gone());
        }
        places.push(place);
        for block in &mut self.blocks {
            (block.begin, block.end) = (places[block.begin], places[block.end]);
        }
        ops.retain(|op| !op.is_gone());
    }
}

fn target(frames: &[Frame], depth: u32) -> Option<usize> {
    let at = frames.len().checked_sub(depth as usize + 1)?;
    Some(frames[at].target)
}
