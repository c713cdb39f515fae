//! Which locals can be one.

use super::{
    code::{Code, Op},
    flow::{Flow, Rows, each, has, insert, remove, unite},
};
use wasmparser::ValType;

/// Where locals go.
pub(super) struct Places {
    /// The new index of each local that is used.
    pub(super) of: Vec<u32>,
    /// Types of the new locals, without parameters.
    pub(super) types: Vec<ValType>,
}

/// Locals, and which can't share a place because both hold something that is
/// needed at the same time.
struct Graph {
    apart: Rows,
    /// A local that it shares its place with, or itself.
    leader: Vec<u32>,
    params: usize,
}

/// Gives a place to each of the locals of `types`, the first of which are
/// parameters.
pub(super) fn places(ops: &[Op], flow: &Flow, types: &[ValType], params: usize) -> Places {
    let mut graph = Graph::new(ops, flow, types, params);
    for (a, b) in copies(ops) {
        if types[a as usize] == types[b as usize] {
            graph.join(a, b);
        }
    }
    graph.assign(ops, types)
}

/// Copies from one local to another.
fn copies(ops: &[Op]) -> impl Iterator<Item = (u32, u32)> + '_ {
    ops.windows(2)
        .filter_map(|two| copy(two[0].code, two[1].code))
}

/// The locals that hold the same after `first` and `second`: one that is
/// copied, and the one that it is copied to.
fn copy(first: Code, second: Code) -> Option<(u32, u32)> {
    match (first, second) {
        (Code::Get(from) | Code::Tee(from), Code::Set(to) | Code::Tee(to)) => Some((from, to)),
        _ => None,
    }
}

impl Graph {
    fn new(ops: &[Op], flow: &Flow, types: &[ValType], params: usize) -> Self {
        let count = types.len();
        let mut graph = Self {
            apart: Rows::new(count, count),
            leader: (0u32..).take(count).collect(),
            params,
        };
        let mut live = vec![0; count.div_ceil(64)];
        for block in &flow.order {
            flow.live_out(*block, &mut live);
            let block = flow.block(*block);
            for at in (block.begin..block.end).rev() {
                match ops[at].code {
                    Code::Get(local) => insert(&mut live, local),
                    Code::Set(local) | Code::Tee(local) => {
                        let before = (at > block.begin).then(|| ops[at - 1].code);
                        let from = before
                            .and_then(|before| copy(before, ops[at].code))
                            .map(|(from, _)| from)
                            .filter(|from| has(&live, *from));
                        if let Some(from) = from {
                            remove(&mut live, from);
                        }
                        unite(graph.apart.row_mut(local as usize), &live);
                        if let Some(from) = from {
                            insert(&mut live, from);
                        }
                        remove(&mut live, local);
                    }
                    _ => {}
                }
            }
        }
        graph.hold(ops, flow);
        graph.enter(flow);
        graph.mirror();
        graph
    }

    /// Locals that are set while the value of another is on the stack: an
    /// interpreter that doesn't put it there, but reads the local in the end, had
    /// to save it.
    fn hold(&mut self, ops: &[Op], flow: &Flow) {
        let mut stack: Vec<Option<u32>> = Vec::new();
        for block in &flow.order {
            let block = flow.block(*block);
            stack.clear();
            for op in &ops[block.begin..block.end] {
                stack.truncate(stack.len().saturating_sub(usize::from(op.pops)));
                match op.code {
                    // There it is saved anyway.
                    Code::Block => stack.clear(),
                    Code::Set(local) | Code::Tee(local) => {
                        let row = self.apart.row_mut(local as usize);
                        for held in stack.iter().flatten() {
                            insert(row, *held);
                        }
                    }
                    _ => {}
                }
                let new = match op.code {
                    Code::Get(local) => Some(local),
                    _ => None,
                };
                stack.extend((0..op.pushes).map(|_| new));
            }
        }
    }

    /// At the entry, parameters have their values, and all other locals are
    /// zero.
    fn enter(&mut self, flow: &Flow) {
        for param in 0..self.params {
            let row = self.apart.row_mut(param);
            unite(row, flow.live_at_entry());
            for other in 0..self.params {
                insert(row, index(other));
            }
        }
    }

    /// Each is apart from those that are apart from it.
    fn mirror(&mut self) {
        for local in 0..self.leader.len() {
            remove(self.apart.row_mut(local), index(local));
            let row: Vec<u32> = each(self.apart.row(local)).collect();
            for other in row {
                insert(self.apart.row_mut(other as usize), index(local));
            }
        }
    }

    fn leader(&self, local: u32) -> u32 {
        let mut leader = local;
        while self.leader[leader as usize] != leader {
            leader = self.leader[leader as usize];
        }
        leader
    }

    /// Has `a` and `b` share a place, if they can.
    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.leader(a), self.leader(b));
        if a == b || has(self.apart.row(a as usize), b) {
            return;
        }
        // Parameters lead.
        let (leader, other) = (a.min(b), a.max(b));
        self.leader[other as usize] = leader;
        let row = self.apart.row(other as usize).to_vec();
        for apart in each(&row) {
            insert(self.apart.row_mut(apart as usize), leader);
        }
        unite(self.apart.row_mut(leader as usize), &row);
    }

    /// Gives each the first place in which nothing is apart from it.
    fn assign(&self, ops: &[Op], types: &[ValType]) -> Places {
        const NONE: u32 = u32::MAX;
        let mut of = vec![NONE; types.len()];
        let mut place_types: Vec<ValType> = types[..self.params].to_vec();
        for (param, of) in (0u32..).zip(&mut of[..self.params]) {
            *of = param;
        }
        // By place: the last that it is not free for.
        let mut taken = vec![NONE; types.len()];
        for op in ops {
            let (Code::Get(local) | Code::Set(local) | Code::Tee(local)) = op.code else {
                continue;
            };
            let leader = self.leader(local);
            if of[leader as usize] == NONE {
                for apart in each(self.apart.row(leader as usize)) {
                    if let Some(taken) = taken.get_mut(of[apart as usize] as usize) {
                        *taken = leader;
                    }
                }
                let ty = types[leader as usize];
                let is_free = |place: &usize| place_types[*place] == ty && taken[*place] != leader;
                let place = (0..place_types.len()).find(is_free).unwrap_or_else(|| {
                    place_types.push(ty);
                    place_types.len() - 1
                });
                of[leader as usize] = index(place);
            }
            of[local as usize] = of[leader as usize];
        }
        Places {
            of,
            types: place_types.split_off(self.params),
        }
    }
}

/// Of a local: there are fewer of them than fit.
fn index(local: usize) -> u32 {
    u32::try_from(local).unwrap_or(u32::MAX)
}
