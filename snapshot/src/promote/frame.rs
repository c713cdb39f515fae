//! What a function does with its frame on the stack in linear memory.
//!
//! Compilers keep such a stack for what has an address; without optimization,
//! for all variables. A function lowers the stack pointer, a global, by the
//! size of its frame, and puts it back in the end.

use crate::{Error, source::Defined, source::Source};
use std::ops::Range;
use wasmparser::{FuncValidatorAllocations, MemArg, MemArgTarget, Operator, ValType};

/// A function's frame, and each use of it.
#[derive(Debug)]
pub(super) struct Frame {
    /// In bytes.
    pub(super) size: u32,
    /// Loads and stores, in the order of the code.
    pub(super) accesses: Vec<Access>,
    /// Offsets of addresses that are used in any other way.
    pub(super) escapes: Vec<u32>,
    /// Where parameters are stored first of all: their index and the offset.
    pub(super) params: Vec<(u32, u32)>,
    /// Whether all parameters are.
    pub(super) is_plain: bool,
    /// What gives the stack pointer, and sets it to ends of the frame: all that
    /// there is to having one. Nothing if there is more.
    pub(super) upkeep: Option<Vec<Range<usize>>>,
}

/// A load or a store at an address in the frame.
#[derive(Debug, Clone)]
pub(super) struct Access {
    /// Which operator it is.
    pub(super) at: usize,
    /// The operators that give the address.
    pub(super) address: Address,
    pub(super) offset: u32,
    pub(super) kind: Kind,
}

/// Where an address comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// These operators, which do nothing else.
    Operators(Range<usize>),
    /// A `local.tee`.
    Tee(usize),
    /// Something that can't be taken away.
    Fixed,
}

/// How an access is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) is_store: bool,
    /// The operand or result.
    pub(super) ty: ValType,
    /// In bytes.
    pub(super) width: u32,
    /// Whether a load extends the sign of what is narrower than its type.
    pub(super) is_signed: bool,
}

impl Kind {
    /// `None` for what is not a load or a store, or is none of numbers.
    pub(super) fn of(operator: &Operator<'_>) -> Option<(Self, MemArg)> {
        use Operator as O;
        let (is_store, ty, width, is_signed, memarg) = match *operator {
            O::I32Load { memarg } => (false, ValType::I32, 4, false, memarg),
            O::I64Load { memarg } => (false, ValType::I64, 8, false, memarg),
            O::F32Load { memarg } => (false, ValType::F32, 4, false, memarg),
            O::F64Load { memarg } => (false, ValType::F64, 8, false, memarg),
            O::I32Load8U { memarg } => (false, ValType::I32, 1, false, memarg),
            O::I32Load8S { memarg } => (false, ValType::I32, 1, true, memarg),
            O::I32Load16U { memarg } => (false, ValType::I32, 2, false, memarg),
            O::I32Load16S { memarg } => (false, ValType::I32, 2, true, memarg),
            O::I64Load8U { memarg } => (false, ValType::I64, 1, false, memarg),
            O::I64Load8S { memarg } => (false, ValType::I64, 1, true, memarg),
            O::I64Load16U { memarg } => (false, ValType::I64, 2, false, memarg),
            O::I64Load16S { memarg } => (false, ValType::I64, 2, true, memarg),
            O::I64Load32U { memarg } => (false, ValType::I64, 4, false, memarg),
            O::I64Load32S { memarg } => (false, ValType::I64, 4, true, memarg),
            O::I32Store { memarg } => (true, ValType::I32, 4, false, memarg),
            O::I64Store { memarg } => (true, ValType::I64, 8, false, memarg),
            O::F32Store { memarg } => (true, ValType::F32, 4, false, memarg),
            O::F64Store { memarg } => (true, ValType::F64, 8, false, memarg),
            O::I32Store8 { memarg } => (true, ValType::I32, 1, false, memarg),
            O::I32Store16 { memarg } => (true, ValType::I32, 2, false, memarg),
            O::I64Store8 { memarg } => (true, ValType::I64, 1, false, memarg),
            O::I64Store16 { memarg } => (true, ValType::I64, 2, false, memarg),
            O::I64Store32 { memarg } => (true, ValType::I64, 4, false, memarg),
            _ => return None,
        };
        let kind = Self {
            is_store,
            ty,
            width,
            is_signed,
        };
        Some((kind, memarg))
    }
}

/// What is known of an operand.
#[derive(Debug, Clone)]
enum Known {
    Nothing,
    /// It, and the operator that gives it.
    Constant(i32, usize),
    /// A parameter as it was passed.
    Param(u32),
    /// This far from what the stack pointer was when the function was entered.
    Address(i32, Address),
}

/// The frame of `function`, if it has one of the usual kind.
pub(super) fn frame(
    source: &Source<'_>,
    function: &Defined<'_>,
    operators: &[Operator<'_>],
    pointer: u32,
) -> Result<Option<Frame>, Error> {
    let params = source.function_type(function.index).params().len();
    let mut tracer = Tracer {
        pointer,
        sets: sets(operators),
        params: u32::try_from(params).unwrap_or(u32::MAX),
        locals: Vec::new(),
        size: None,
        is_lowered: false,
        at_entry: true,
        changed: Vec::new(),
        is_lost: false,
        accesses: Vec::new(),
        escapes: Vec::new(),
        param_stores: Vec::new(),
        upkeep: Some(Vec::new()),
    };
    let mut validator = function
        .to_validate()
        .into_validator(FuncValidatorAllocations::default());
    validator.read_locals(&mut function.body.get_binary_reader())?;
    let mut stack: Vec<Known> = Vec::new();
    // Where a fault is said to be: the code is valid.
    let position = function.body.range().start;
    for (at, operator) in operators.iter().enumerate() {
        let is_outermost = validator.control_stack_height() == 1;
        let arity = operator.operator_arity(&validator);
        let Some((taken, given)) = arity else {
            return Ok(None);
        };
        validator
            .op(position, operator)
            .map_err(|error| source.invalid(function.index, &error))?;
        let base = stack.len().saturating_sub(taken as usize);
        let mut operands = stack.split_off(base);
        // Where control can't come, operands may be missing below.
        while operands.len() < taken as usize {
            operands.insert(0, Known::Nothing);
        }
        let result = tracer.step(at, operator, operands, is_outermost);
        if given > 0 {
            stack.extend(std::iter::repeat_n(Known::Nothing, given as usize - 1));
            stack.push(result);
        }
        stack.resize(validator.operand_stack_height() as usize, Known::Nothing);
    }
    Ok(tracer.finish())
}

/// How often each local is set.
pub(super) fn sets(operators: &[Operator<'_>]) -> Vec<u32> {
    let mut sets = Vec::new();
    for operator in operators {
        if let Operator::LocalSet { local_index } | Operator::LocalTee { local_index } = operator {
            let index = *local_index as usize;
            if sets.len() <= index {
                sets.resize(index + 1, 0);
            }
            sets[index] += 1;
        }
    }
    sets
}

struct Tracer {
    /// The global.
    pointer: u32,
    /// How often each local is set.
    sets: Vec<u32>,
    params: u32,
    /// Locals that hold an address from here on.
    locals: Vec<(u32, i32)>,
    size: Option<i32>,
    /// Whether the global was set.
    is_lowered: bool,
    /// Whether parameters may still be stored.
    at_entry: bool,
    /// Parameters that were set.
    changed: Vec<u32>,
    /// Whether addresses are computed in a way that is not understood.
    is_lost: bool,
    accesses: Vec<(usize, Address, i32, Kind)>,
    escapes: Vec<i32>,
    param_stores: Vec<(u32, i32)>,
    upkeep: Option<Vec<Range<usize>>>,
}

impl Tracer {
    fn set_once(&self, local: u32) -> bool {
        local >= self.params && self.sets.get(local as usize) == Some(&1)
    }

    /// What the operator gives, if it is one value.
    fn step(
        &mut self,
        at: usize,
        operator: &Operator<'_>,
        mut operands: Vec<Known>,
        is_outermost: bool,
    ) -> Known {
        if let Some((kind, memarg)) = Kind::of(operator) {
            self.access(at, kind, memarg, operands);
            return Known::Nothing;
        }
        let here = Address::Operators(at..at + 1);
        match *operator {
            Operator::I32Const { value } => return Known::Constant(value, at),
            Operator::LocalGet { local_index } => {
                let known = self.locals.iter().find(|(local, _)| *local == local_index);
                if let Some((_, offset)) = known {
                    return Known::Address(*offset, here);
                }
                if local_index < self.params
                    && self.at_entry
                    && !self.changed.contains(&local_index)
                {
                    return Known::Param(local_index);
                }
                return Known::Nothing;
            }
            Operator::GlobalGet { global_index } if global_index == self.pointer => {
                if self.is_lowered {
                    self.upkeep = None;
                    return Known::Nothing;
                }
                return Known::Address(0, here);
            }
            Operator::I32Add | Operator::I32Sub => {
                let is_sum = matches!(operator, Operator::I32Add);
                let (right, left) = (operands.pop(), operands.pop());
                if let (Some(left), Some(right)) = (left, right) {
                    return self.sum(at, left, right, is_sum);
                }
                return Known::Nothing;
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                let is_tee = matches!(operator, Operator::LocalTee { .. });
                return self.assign(at, local_index, operands.pop(), is_tee, is_outermost);
            }
            Operator::GlobalSet { global_index } if global_index == self.pointer => {
                self.lower(at, operands.pop());
                return Known::Nothing;
            }
            Operator::I32And | Operator::I32Or | Operator::I32Xor | Operator::I32Mul => {
                self.is_lost |= operands
                    .iter()
                    .any(|operand| matches!(operand, Known::Address(..)));
            }
            Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. } => self.at_entry = false,
            _ => {}
        }
        for operand in operands {
            self.escape(&operand);
        }
        Known::Nothing
    }

    fn escape(&mut self, operand: &Known) {
        if let Known::Address(offset, _) = operand {
            self.escapes.push(*offset);
            self.upkeep = None;
        }
    }

    fn access(&mut self, at: usize, kind: Kind, memarg: MemArg, mut operands: Vec<Known>) {
        let value = if kind.is_store { operands.pop() } else { None };
        if let Some(value) = &value {
            self.escape(value);
        }
        let Some(Known::Address(base, address)) = operands.pop() else {
            return;
        };
        let offset = i64::from(base) + i64::try_from(memarg.offset).unwrap_or(i64::MAX);
        let Ok(offset) = i32::try_from(offset) else {
            self.is_lost = true;
            return;
        };
        if memarg.target != MemArgTarget::Memory(0) {
            self.is_lost = true;
        }
        if let Some(Known::Param(param)) = value
            && self.at_entry
            && !self.param_stores.iter().any(|(seen, _)| *seen == param)
        {
            self.param_stores.push((param, offset));
        }
        self.accesses.push((at, address, offset, kind));
    }

    fn sum(&mut self, at: usize, left: Known, right: Known, is_sum: bool) -> Known {
        let (address, origin, by, constant) = match (left, right) {
            (Known::Address(address, origin), Known::Constant(by, constant)) => {
                (address, origin, by, constant)
            }
            (Known::Constant(by, constant), Known::Address(address, origin)) if is_sum => {
                (address, origin, by, constant)
            }
            (left, right) => {
                self.escape(&left);
                self.escape(&right);
                return Known::Nothing;
            }
        };
        let sum = if is_sum {
            address.checked_add(by)
        } else {
            address.checked_sub(by)
        };
        let Some(sum) = sum else {
            self.is_lost = true;
            return Known::Nothing;
        };
        let origin = match origin {
            // The constant is behind the address, or before it.
            Address::Operators(range) if range.end == constant && constant + 1 == at => {
                Address::Operators(range.start..at + 1)
            }
            Address::Operators(range) if constant + 1 == range.start && range.end == at => {
                Address::Operators(constant..at + 1)
            }
            _ => Address::Fixed,
        };
        Known::Address(sum, origin)
    }

    fn assign(
        &mut self,
        at: usize,
        local: u32,
        value: Option<Known>,
        is_tee: bool,
        is_outermost: bool,
    ) -> Known {
        if local < self.params && self.at_entry {
            self.changed.push(local);
        }
        let Some(Known::Address(offset, origin)) = value else {
            return match value {
                Some(Known::Constant(value, at)) if is_tee => Known::Constant(value, at),
                _ => Known::Nothing,
            };
        };
        if !is_outermost || !self.set_once(local) {
            self.escape(&Known::Address(offset, Address::Fixed));
            return Known::Nothing;
        }
        self.locals.push((local, offset));
        if self.size.is_none() && offset < 0 {
            self.size = Some(-offset);
        }
        if let (Address::Operators(range), Some(upkeep)) = (&origin, &mut self.upkeep) {
            // A tee's value goes on to what takes it.
            upkeep.push(range.start..at + 1);
        } else {
            self.upkeep = None;
        }
        if is_tee {
            Known::Address(offset, Address::Tee(at))
        } else {
            Known::Nothing
        }
    }

    fn lower(&mut self, at: usize, value: Option<Known>) {
        self.is_lowered = true;
        match (value, self.size, &mut self.upkeep) {
            (Some(Known::Address(offset, origin)), Some(size), Some(upkeep))
                if offset == 0 || offset == -size =>
            {
                match origin {
                    Address::Operators(range) if range.end == at => {
                        upkeep.push(range.start..at + 1)
                    }
                    // What gives it is on the list.
                    Address::Tee(tee) if tee + 1 == at => upkeep.push(at..at + 1),
                    _ => self.upkeep = None,
                }
            }
            _ => self.upkeep = None,
        }
    }

    fn finish(self) -> Option<Frame> {
        let size = self.size?;
        let inside = |offset: i32, width: u32| {
            let from = u32::try_from(offset.checked_add(size)?).ok()?;
            (from.checked_add(width)? <= size.unsigned_abs()).then_some(from)
        };
        if self.is_lost {
            return None;
        }
        let mut accesses = Vec::with_capacity(self.accesses.len());
        for (at, address, offset, kind) in self.accesses {
            accesses.push(Access {
                at,
                address,
                offset: inside(offset, kind.width)?,
                kind,
            });
        }
        let escapes = self.escapes.into_iter().map(|offset| inside(offset, 0));
        let params = self.param_stores.into_iter();
        let stored = params.len();
        let params = params.map(|(param, offset)| Some((param, inside(offset, 1)?)));
        Some(Frame {
            is_plain: stored == self.params as usize,
            size: size.unsigned_abs(),
            accesses,
            escapes: escapes.collect::<Option<_>>()?,
            params: params.collect::<Option<_>>()?,
            upkeep: self.upkeep,
        })
    }
}
