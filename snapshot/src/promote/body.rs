//! A function's body with parts of its frame as locals.

use super::{
    frame::{Access, Address, Frame, Kind, sets},
    layout::Slot,
};
use std::{collections::HashMap, ops::Range};
use wasm_encoder::{
    Function, Instruction as I,
    reencode::{self, Reencode, RoundtripReencoder},
};
use wasmparser::{FuncType, FunctionBody, Operator};

/// Puts `slots` of `frame` into locals.
pub(super) fn rewrite(
    body: &FunctionBody<'_>,
    ty: &FuncType,
    operators: &[Operator<'_>],
    frame: &Frame,
    slots: &[Slot],
) -> Result<Function, reencode::Error> {
    let mut locals = Vec::new();
    let mut next = u32::try_from(ty.params().len()).unwrap_or(u32::MAX);
    for local in body.get_locals_reader()? {
        let (count, ty) = local?;
        next = next.saturating_add(count);
        locals.push((count, RoundtripReencoder.val_type(ty)?));
    }
    let mut edits = Edits {
        removed: vec![false; operators.len()],
        accesses: HashMap::new(),
        tees: Vec::new(),
    };
    let mut places: HashMap<u32, u32> = HashMap::new();
    for slot in slots {
        if let Some(param) = stands_for_itself(ty, operators, frame, slot) {
            places.insert(slot.offset, param);
        } else {
            places.insert(slot.offset, next);
            next = next.saturating_add(1);
            locals.push((1, slot.ty));
        }
    }
    for access in &frame.accesses {
        if let Some(local) = places.get(&access.offset) {
            edits.take(access, *local);
        }
    }
    let is_all = frame
        .accesses
        .iter()
        .all(|access| places.contains_key(&access.offset));
    if let (true, Some(upkeep)) = (is_all, &frame.upkeep) {
        for range in upkeep {
            edits.remove(range);
        }
    }
    edits.apply(operators, Function::new(locals))
}

/// The parameter that is in `slot` from the beginning, if nothing else is ever
/// done with it.
fn stands_for_itself(
    ty: &FuncType,
    operators: &[Operator<'_>],
    frame: &Frame,
    slot: &Slot,
) -> Option<u32> {
    let (param, _) = frame
        .params
        .iter()
        .find(|(_, offset)| *offset == slot.offset)?;
    let of_type = RoundtripReencoder.val_type(*ty.params().get(*param as usize)?);
    let is_set = sets(operators)
        .get(*param as usize)
        .is_some_and(|sets| *sets > 0);
    let uses = |operator: &&Operator<'_>| matches!(operator, Operator::LocalGet { local_index } if local_index == param);
    (of_type.ok()? == slot.ty && !is_set && operators.iter().filter(uses).count() == 1)
        .then_some(*param)
}

/// What changes.
struct Edits {
    removed: Vec<bool>,
    /// The accesses that become ones of a local.
    accesses: HashMap<usize, (Kind, u32)>,
    /// Where an address is not left on the stack any more.
    tees: Vec<usize>,
}

impl Edits {
    fn take(&mut self, access: &Access, local: u32) {
        match &access.address {
            Address::Operators(range) => self.remove(range),
            Address::Tee(at) => self.tees.push(*at),
            // Slots have none of these.
            Address::Fixed => return,
        }
        self.accesses.insert(access.at, (access.kind, local));
    }

    fn remove(&mut self, range: &Range<usize>) {
        self.removed[range.clone()].fill(true);
    }

    fn apply(
        &self,
        operators: &[Operator<'_>],
        mut function: Function,
    ) -> Result<Function, reencode::Error> {
        for (at, operator) in operators.iter().enumerate() {
            if self.removed[at] {
                continue;
            }
            if let Some((kind, local)) = self.accesses.get(&at) {
                for instruction in instructions(*kind, *local) {
                    function.instruction(&instruction);
                }
                continue;
            }
            match operator {
                Operator::LocalTee { local_index } if self.tees.contains(&at) => {
                    function.instruction(&I::LocalSet(*local_index));
                }
                operator => {
                    function.instruction(&RoundtripReencoder.instruction(operator.clone())?);
                }
            }
        }
        Ok(function)
    }
}

/// What `kind` is, of a local. What is narrower than the local is cut to size
/// when it is read.
fn instructions(kind: Kind, local: u32) -> Vec<I<'static>> {
    let is_long = kind.ty == wasmparser::ValType::I64;
    let mut all = Vec::new();
    if kind.is_store {
        if is_long && kind.width < 8 {
            all.push(I::I32WrapI64);
        }
        all.push(I::LocalSet(local));
        return all;
    }
    all.push(I::LocalGet(local));
    match (kind.width, kind.is_signed) {
        (1, true) => all.push(I::I32Extend8S),
        (1, false) => all.extend([I::I32Const(0xff), I::I32And]),
        (2, true) => all.push(I::I32Extend16S),
        (2, false) => all.extend([I::I32Const(0xffff), I::I32And]),
        _ => {}
    }
    if is_long && kind.width < 8 {
        all.push(if kind.is_signed {
            I::I64ExtendI32S
        } else {
            I::I64ExtendI32U
        });
    }
    all
}
