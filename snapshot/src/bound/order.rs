//! An order in which callers come before those that they call.

/// Calls that are looked at to keep the order; beyond that, what might close a
/// circle counts as closing one. The largest guests need a hundredth of it.
const WORK: u64 = 1 << 28;

/// An order of functions that agrees with the calls that it was given, and has
/// no circles.
pub(super) struct Order {
    /// Where each function stands.
    places: Vec<usize>,
    callees: Vec<Vec<usize>>,
    callers: Vec<Vec<usize>>,
    /// How much more is looked at.
    left: u64,
}

impl Order {
    /// Any order to begin with, in which most of `calls` go forward.
    pub(super) fn new(calls: &[Vec<usize>]) -> Self {
        let mut places = vec![usize::MAX; calls.len()];
        let mut seen = vec![false; calls.len()];
        let mut next = calls.len();
        for start in 0..calls.len() {
            // A function, and which of its calls is next.
            let mut way = Vec::new();
            if !std::mem::replace(&mut seen[start], true) {
                way.push((start, 0));
            }
            while let Some((function, call)) = way.last_mut() {
                if let Some(callee) = calls[*function].get(*call).copied() {
                    *call += 1;
                    if !std::mem::replace(&mut seen[callee], true) {
                        way.push((callee, 0));
                    }
                } else {
                    next -= 1;
                    places[*function] = next;
                    way.pop();
                }
            }
        }
        Self {
            places,
            callees: vec![Vec::new(); calls.len()],
            callers: vec![Vec::new(); calls.len()],
            left: WORK,
        }
    }

    /// Puts `caller` before `callee`, if that closes no circle with the calls
    /// that were taken; whether it did.
    pub(super) fn take(&mut self, caller: usize, callee: usize) -> bool {
        let (first, last) = (self.places[callee], self.places[caller]);
        if first <= last {
            let after = reach(&self.callees, callee, &mut self.left, |function| {
                self.places[function] <= last
            });
            let Some(after) = after.filter(|after| !after.contains(&caller)) else {
                return false;
            };
            let before = reach(&self.callers, caller, &mut self.left, |function| {
                self.places[function] >= first
            });
            let Some(before) = before else { return false };
            self.arrange(before, after);
        }
        self.callees[caller].push(callee);
        self.callers[callee].push(caller);
        true
    }

    /// Takes the call if it goes forward as things are; whether it did.
    pub(super) fn take_forward(&mut self, caller: usize, callee: usize) -> bool {
        self.places[caller] < self.places[callee] && self.take(caller, callee)
    }

    /// Gives the places of all of them to those `before`, then those `after`.
    fn arrange(&mut self, mut before: Vec<usize>, mut after: Vec<usize>) {
        before.sort_unstable_by_key(|function| self.places[*function]);
        after.sort_unstable_by_key(|function| self.places[*function]);
        before.append(&mut after);
        let mut places: Vec<usize> = before.iter().map(|f| self.places[*f]).collect();
        places.sort_unstable();
        for (function, place) in before.into_iter().zip(places) {
            self.places[function] = place;
        }
    }

    /// The functions, those first that are called.
    pub(super) fn callees_first(&self) -> Vec<usize> {
        let mut functions: Vec<usize> = (0..self.places.len()).collect();
        functions.sort_unstable_by_key(|function| std::cmp::Reverse(self.places[*function]));
        functions
    }
}

/// All that `ways` lead to from `start` among those that are `within`, in order
/// of their numbers; nothing if that is too much to look at.
fn reach(
    ways: &[Vec<usize>],
    start: usize,
    left: &mut u64,
    within: impl Fn(usize) -> bool,
) -> Option<Vec<usize>> {
    let mut found = std::collections::BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(function) = open.pop() {
        *left = left.checked_sub(1 + ways[function].len() as u64)?;
        for next in &ways[function] {
            if within(*next) && found.insert(*next) {
                open.push(*next);
            }
        }
    }
    Some(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_closes_a_circle_is_refused() {
        let calls = [vec![1, 2], vec![2], vec![0, 3], vec![1, 3], vec![]];
        let mut order = Order::new(&calls);
        assert!(order.take(2, 0));
        assert!(order.take(3, 1));
        assert!(order.take(1, 2));
        assert!(!order.take(0, 1));
        assert!(!order.take(2, 3));
        assert!(!order.take(3, 3));
        assert!(order.take(3, 0));
        assert!(order.take(4, 3));
        assert_eq!(order.callees_first(), [0, 2, 1, 3, 4]);
    }

    #[test]
    fn beyond_its_work_it_refuses() {
        let mut order = Order::new(&[vec![1], vec![]]);
        order.left = 0;
        assert!(order.take(0, 1));
        assert!(!order.take(1, 0));
        let mut order = Order::new(&[vec![1], vec![]]);
        order.left = 0;
        assert!(!order.take(1, 0));
    }
}
