//! Which parts of a frame can be locals.

use super::{
    debug::{Object, Routine},
    frame::{Access, Address, Frame},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wasm_encoder::ValType;

/// What can lie between the highest variable and the frame's upper end: a
/// result, and what makes the frame's size a multiple of sixteen.
const SLACK: u32 = 32;

/// How often what is known is used to know more.
const ROUNDS: usize = 3;

/// A part of a frame that can be a local.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) offset: u32,
    /// In bytes.
    pub(super) width: u32,
    pub(super) ty: ValType,
}

/// For each function the routines that it may be, those that have a frame which
/// gives addresses away.
pub(super) struct Matches<'a> {
    routines: &'a [Routine],
    candidates: Vec<Vec<usize>>,
}

impl<'a> Matches<'a> {
    /// `frames` are those of all functions.
    pub(super) fn new(frames: &[Option<Frame>], routines: &'a [Routine]) -> Self {
        let mut by_param: HashMap<u32, Vec<usize>> = HashMap::new();
        for (index, routine) in routines.iter().enumerate() {
            for param in &routine.params {
                by_param.entry(param.offset).or_default().push(index);
            }
        }
        let candidates = |frame: &Option<Frame>| {
            let frame = frame.as_ref()?;
            if !frame.is_plain || frame.escapes.is_empty() {
                return None;
            }
            let (_, offset) = frame.params.first()?;
            let place = |access: &Access| (access.offset, access.offset + access.kind.width);
            let places = frame.accesses.iter().map(place).collect();
            let with_param = by_param.get(offset)?.iter();
            let fitting = with_param.filter(|index| fits(frame, &places, &routines[**index]));
            Some(fitting.copied().collect())
        };
        let mut matches = Self {
            routines,
            candidates: frames
                .iter()
                .map(|frame| candidates(frame).unwrap_or_default())
                .collect(),
        };
        for _ in 0..ROUNDS {
            matches.keep_order();
        }
        matches
    }

    /// Linkers keep compilation units in their order. So a function between two
    /// that are known is in their units, or in one between.
    fn keep_order(&mut self) {
        let known: Vec<(usize, usize)> = self
            .candidates
            .iter()
            .enumerate()
            .filter_map(|(function, candidates)| match candidates[..] {
                [only] => Some((function, self.routines[only].unit)),
                _ => None,
            })
            .collect();
        let anchors = ascending(&known);
        let mut next = anchors.iter().copied().peekable();
        let mut first = 0;
        for (function, candidates) in self.candidates.iter_mut().enumerate() {
            while let Some((_, unit)) = next.next_if(|(anchor, _)| *anchor <= function) {
                first = unit;
            }
            let last = next.peek().map_or(usize::MAX, |(_, unit)| *unit);
            candidates.retain(|index| (first..=last).contains(&self.routines[*index].unit));
        }
    }

    fn of(&self, function: usize) -> impl Iterator<Item = &'a Routine> {
        let candidates = self.candidates.get(function).map_or(&[][..], Vec::as_slice);
        candidates
            .iter()
            .filter_map(|index| self.routines.get(*index))
    }
}

/// The longest part of `all` whose second numbers don't descend, by
/// patience sorting.
fn ascending(all: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // The last element of the best part of each length, and what is before each.
    let mut tails: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(all.len());
    for (index, (_, value)) in all.iter().enumerate() {
        let length = tails.partition_point(|tail| all[*tail].1 <= *value);
        before.push(length.checked_sub(1).map(|last| tails[last]));
        if length == tails.len() {
            tails.push(index);
        } else {
            tails[length] = index;
        }
    }
    let mut part = Vec::with_capacity(tails.len());
    let mut at = tails.last().copied();
    while let Some(index) = at {
        part.push(all[index]);
        at = before[index];
    }
    part.reverse();
    part
}

/// Whether `frame`, which is accessed in these places, can be of `routine`.
fn fits(frame: &Frame, places: &BTreeSet<(u32, u32)>, routine: &Routine) -> bool {
    if routine.end > frame.size || frame.size - routine.end > SLACK {
        return false;
    }
    let mut params = routine.params.iter();
    let mut stored = frame.params.iter();
    stored.all(|(_, offset)| params.any(|param| param.offset == *offset))
        && places.iter().all(|place| is_within(*place, routine))
}

/// Whether the place is all in one variable, or all in none.
fn is_within((from, to): (u32, u32), routine: &Routine) -> bool {
    routine.objects.iter().all(|object| {
        let Some(end) = object.end() else { return true };
        let is_apart = to <= object.offset || from >= end;
        let is_inside = from >= object.offset && to <= end;
        is_apart || (is_inside && (!object.is_scalar || from == object.offset))
    })
}

/// The parts of the frame of `function` that nothing can reach but its own loads
/// and stores.
pub(super) fn slots(function: usize, frame: &Frame, matches: &Matches<'_>) -> Vec<Slot> {
    let mut slots = consistent(frame);
    if frame.escapes.is_empty() {
        return slots;
    }
    let mut is_known = false;
    for routine in matches.of(function) {
        is_known = true;
        let reached = reached(frame, routine);
        slots.retain(|slot| {
            let (from, to) = (slot.offset, slot.offset + slot.width);
            reached
                .iter()
                .all(|(start, end)| to <= *start || from >= *end)
        });
    }
    if !is_known {
        return Vec::new();
    }
    // What is only stored is for somebody else to load.
    slots.retain(|slot| {
        let mut accesses = frame.accesses.iter();
        accesses.any(|access| access.offset == slot.offset && !access.kind.is_store)
    });
    slots
}

/// What others can reach through the addresses that they are given, from where to
/// where: all of a variable in which an address lies, or at whose end, if it has
/// parts; and between variables, what has no name and may be as large as fits.
fn reached(frame: &Frame, routine: &Routine) -> Vec<(u32, u32)> {
    let objects = &routine.objects;
    let begins = || objects.iter().map(|object| object.offset);
    let next = |after: u32| begins().filter(|begin| *begin > after).min();
    let end = |object: &Object| {
        let end = object.end().or_else(|| next(object.offset));
        end.unwrap_or(frame.size)
    };
    let mut reached = Vec::new();
    for at in &frame.escapes {
        let (mut is_named, mut low) = (false, 0);
        for object in objects {
            let (from, to) = (object.offset, end(object));
            if (from..to).contains(at) || (to == *at && !object.is_scalar) {
                reached.push((from, to));
            }
            is_named |= (from..to).contains(at);
            low = if to <= *at { low.max(to) } else { low };
        }
        if !is_named {
            reached.push((low, next(*at).unwrap_or(frame.size)));
        }
    }
    reached
}

/// Parts that are always loaded and stored as the same.
fn consistent(frame: &Frame) -> Vec<Slot> {
    let mut slots: BTreeMap<u32, Option<Slot>> = BTreeMap::new();
    for access in &frame.accesses {
        let slot = slot(access);
        let known = slots.entry(access.offset).or_insert(slot);
        if *known != slot {
            *known = None;
        }
    }
    let mut widest: BTreeMap<u32, u32> = BTreeMap::new();
    for access in &frame.accesses {
        let width = widest.entry(access.offset).or_default();
        *width = access.kind.width.max(*width);
    }
    let overlaps = |slot: &Slot| {
        let (from, to) = (slot.offset, slot.offset + slot.width);
        widest
            .range(from.saturating_sub(8)..to)
            .any(|(other, width)| *other != from && other + width > from)
    };
    let slots = slots.values().flatten().filter(|slot| !overlaps(slot));
    slots.copied().collect()
}

/// What the access makes of its part.
fn slot(access: &Access) -> Option<Slot> {
    if access.address == Address::Fixed {
        return None;
    }
    let ty = match (access.kind.ty, access.kind.width) {
        (wasmparser::ValType::F32, _) => ValType::F32,
        (wasmparser::ValType::F64, _) => ValType::F64,
        (_, 8) => ValType::I64,
        _ => ValType::I32,
    };
    Some(Slot {
        offset: access.offset,
        width: access.kind.width,
        ty,
    })
}
