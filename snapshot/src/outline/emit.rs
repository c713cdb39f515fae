//! Writing the call that takes a region's place, and its function.

use super::{
    body::Body,
    region::{Exit, Plan},
};
use wasm_encoder::{BlockType, Encode, Function, Instruction, ValType};
use wasmparser::Operator;

/// Bytes that must be won: a call costs more than its code.
const MIN_GAIN: usize = 24;

/// Locals that a region's function may take or give: more are a sign of one
/// that is better left.
const MAX_VALUES: usize = 64;

/// Writes a body anew.
pub(super) struct Writer<'a> {
    body: &'a Body<'a>,
    code: Vec<u8>,
    /// How far the old body's bytes are written.
    done: usize,
    changed: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(body: &'a Body<'a>) -> Self {
        Self {
            body,
            code: Vec::new(),
            done: body.code,
            changed: false,
        }
    }

    /// Puts a call of function `index` in the place of a region behind all
    /// those before; whether that pays.
    pub(super) fn replace(&mut self, plan: &Plan, index: u32) -> bool {
        let start = self.body.ops[plan.region.start].start;
        let end = self.body.ops[plan.region.end].start;
        let call = call(self.body, plan, index);
        if call.len() + MIN_GAIN > end - start || plan.ins.len().max(plan.outs.len()) > MAX_VALUES {
            return false;
        }
        self.code
            .extend_from_slice(&self.body.bytes[self.done..start]);
        self.code.extend_from_slice(&call);
        self.done = end;
        self.changed = true;
        true
    }

    /// The new body, if anything changed.
    pub(super) fn finish(mut self) -> Option<Function> {
        if !self.changed {
            return None;
        }
        self.code.extend_from_slice(&self.body.bytes[self.done..]);
        let mut locals = self.body.locals[self.body.params..].to_vec();
        locals.push(ValType::I32);
        locals.extend(&self.body.results);
        let mut function = Function::new_with_locals_types(locals);
        function.raw(self.code);
        Some(function)
    }
}

/// Locals that the callers have beyond their own: the exit's number, then what
/// is to be returned.
fn exit_local(body: &Body<'_>) -> u32 {
    body.locals.len() as u32
}

fn result_locals(body: &Body<'_>) -> std::ops::Range<u32> {
    let first = exit_local(body) + 1;
    first..first + body.results.len() as u32
}

fn call(body: &Body<'_>, plan: &Plan, index: u32) -> Vec<u8> {
    let mut code = Vec::new();
    let mut put = |instruction: Instruction<'_>| instruction.encode(&mut code);
    for local in &plan.ins {
        put(Instruction::LocalGet(*local));
    }
    put(Instruction::Call(index));
    if plan.exits.len() > 1 {
        put(Instruction::LocalSet(exit_local(body)));
    }
    if plan.returns() {
        for local in result_locals(body).rev() {
            put(Instruction::LocalSet(local));
        }
    }
    for local in plan.outs.iter().rev() {
        put(Instruction::LocalSet(*local));
    }
    let leave = |put: &mut dyn FnMut(Instruction<'_>)| {
        for local in result_locals(body) {
            put(Instruction::LocalGet(local));
        }
        put(Instruction::Return);
    };
    match plan.exits[..] {
        [] => put(Instruction::Unreachable),
        [Exit::Fall] => {}
        [Exit::Jump(depth)] => put(Instruction::Br(depth)),
        [Exit::Return] => leave(&mut put),
        _ => {
            let falls = plan.exits.contains(&Exit::Fall);
            let returns = plan.returns();
            let around = u32::from(falls) + u32::from(returns);
            for _ in 0..around {
                put(Instruction::Block(BlockType::Empty));
            }
            let labels: Vec<u32> = plan
                .exits
                .iter()
                .map(|exit| match exit {
                    Exit::Jump(depth) => depth + around,
                    Exit::Return => 0,
                    Exit::Fall => around - 1,
                })
                .collect();
            put(Instruction::LocalGet(exit_local(body)));
            if let [labels @ .., last] = &labels[..] {
                put(Instruction::BrTable(labels.into(), *last));
            }
            if returns {
                put(Instruction::End);
                leave(&mut put);
            }
            if falls {
                put(Instruction::End);
            }
        }
    }
    code
}

/// The function of a region.
pub(super) fn moved(body: &Body<'_>, plan: &Plan) -> Function {
    let mut locals: Vec<ValType> = plan
        .own
        .iter()
        .map(|local| body.locals[*local as usize])
        .collect();
    let results = (plan.ins.len() + locals.len()) as u32;
    locals.extend(&body.results);
    let mut mover = Mover {
        body,
        plan,
        results,
        function: Function::new_with_locals_types(locals),
    };
    mover.write();
    mover.function
}

struct Mover<'a> {
    body: &'a Body<'a>,
    plan: &'a Plan,
    /// The first of the locals that hold what is to be returned.
    results: u32,
    function: Function,
}

impl Mover<'_> {
    /// The region inside one block for each exit, the first one's innermost;
    /// behind each block its exit.
    fn write(&mut self) {
        for _ in &self.plan.exits {
            self.put(Instruction::Block(BlockType::Empty));
        }
        let region = &self.plan.region;
        let mut nested = 0;
        for index in region.start..region.end {
            self.operator(index, &mut nested);
        }
        if self.plan.exits.is_empty() {
            self.put(Instruction::Unreachable);
        } else if !self.body.ops[region.end].dead {
            self.leave(region.end_exit(), 0);
        }
        for number in 0..self.plan.exits.len() {
            self.put(Instruction::End);
            for local in &self.plan.outs {
                self.put(Instruction::LocalGet(self.local(*local)));
            }
            if self.plan.returns() {
                for local in self.result_locals() {
                    self.put(Instruction::LocalGet(local));
                }
            }
            if self.plan.exits.len() > 1 {
                self.put(Instruction::I32Const(number as i32));
            }
            self.put(Instruction::Return);
        }
        self.put(Instruction::End);
    }

    fn operator(&mut self, index: usize, nested: &mut u32) {
        match &self.body.ops[index].operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                *nested += 1;
                self.copy(index);
            }
            Operator::End => {
                *nested -= 1;
                self.copy(index);
            }
            Operator::LocalGet { local_index } => {
                self.put(Instruction::LocalGet(self.local(*local_index)));
            }
            Operator::LocalSet { local_index } => {
                self.put(Instruction::LocalSet(self.local(*local_index)));
            }
            Operator::LocalTee { local_index } => {
                self.put(Instruction::LocalTee(self.local(*local_index)));
            }
            Operator::Br { relative_depth } => match relative_depth.checked_sub(*nested) {
                Some(out) => {
                    if let Some(exit) = self.plan.region.exit(out) {
                        self.leave(exit, *nested);
                    }
                }
                None => self.copy(index),
            },
            Operator::BrIf { relative_depth } => {
                let label = self.label(*relative_depth, *nested);
                self.put(Instruction::BrIf(label));
            }
            Operator::BrTable { targets } => {
                let labels: Vec<u32> = targets
                    .targets()
                    .flatten()
                    .map(|target| self.label(target, *nested))
                    .collect();
                let default = self.label(targets.default(), *nested);
                self.put(Instruction::BrTable(labels.into(), default));
            }
            Operator::Return => self.leave(Exit::Return, *nested),
            _ => self.copy(index),
        }
    }

    /// Goes to an exit, with what is to be returned on the stack if it is that.
    fn leave(&mut self, exit: Exit, nested: u32) {
        if exit == Exit::Return {
            for local in self.result_locals().rev() {
                self.put(Instruction::LocalSet(local));
            }
        }
        let label = nested + self.number(exit);
        self.put(Instruction::Br(label));
    }

    /// The label for a jump of the old body.
    fn label(&self, depth: u32, nested: u32) -> u32 {
        let out = depth.checked_sub(nested);
        match out.and_then(|out| self.plan.region.exit(out)) {
            Some(exit) => nested + self.number(exit),
            None => depth,
        }
    }

    fn number(&self, exit: Exit) -> u32 {
        let at = self.plan.exits.iter().position(|other| *other == exit);
        at.unwrap_or_default() as u32
    }

    fn local(&self, local: u32) -> u32 {
        match self.plan.ins.binary_search(&local) {
            Ok(at) => at as u32,
            Err(_) => {
                let at = self.plan.own.binary_search(&local).unwrap_or_default();
                (self.plan.ins.len() + at) as u32
            }
        }
    }

    fn result_locals(&self) -> std::ops::Range<u32> {
        self.results..self.results + self.body.results.len() as u32
    }

    fn put(&mut self, instruction: Instruction<'_>) {
        self.function.instruction(&instruction);
    }

    fn copy(&mut self, index: usize) {
        self.function.raw(self.body.bytes_of(index).iter().copied());
    }
}
