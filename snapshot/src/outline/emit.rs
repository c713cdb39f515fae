//! Writing functions without what moves out of them.

use super::{
    Heat, Moved,
    body::{Block, Body},
    live::Live,
    region::{Exit, Plan, Region},
};
use wasm_encoder::{BlockType, Encode, Function, Instruction, ValType};
use wasmparser::Operator;

/// Locals that a region's function may take or give: more are a sign of one
/// that is better left.
const MAX_VALUES: usize = 64;

/// Writes what a function consists of: what stays of it, and the functions of
/// its regions.
pub(super) struct Writer<'a> {
    body: &'a Body<'a>,
    live: &'a Live,
    moved: &'a mut Moved,
    /// The functions of regions, by where those begin.
    known: Vec<Option<u32>>,
}

/// A function that is being written: with a part of the body, or all of it.
pub(super) struct Place<'p> {
    /// What it has of the body, if not all.
    plan: Option<&'p Plan>,
    /// What is colder moves.
    level: Heat,
    /// The first of the locals that hold what is to be returned, then an
    /// exit's number, while a region's function gives them.
    spare: u32,
    /// How many of these it needs.
    spares: usize,
    pub(super) code: Vec<u8>,
    /// Where bytes of the body that are yet to be copied begin.
    pending: usize,
}

impl<'p> Place<'p> {
    fn new(plan: Option<&'p Plan>, level: Heat, spare: u32, start: usize) -> Self {
        Self {
            plan,
            level,
            spare,
            spares: 0,
            code: Vec::new(),
            pending: start,
        }
    }

    fn put(&mut self, instruction: Instruction<'_>) {
        instruction.encode(&mut self.code);
    }

    /// Copies what is pending up to `end`; what comes next is at `next`.
    fn copy(&mut self, body: &Body<'_>, end: usize, next: usize) {
        if self.pending < end {
            self.code.extend_from_slice(&body.bytes[self.pending..end]);
        }
        self.pending = next;
    }

    fn local(&self, local: u32) -> u32 {
        let Some(plan) = self.plan else { return local };
        match plan.ins.binary_search(&local) {
            Ok(at) => at as u32,
            Err(_) => {
                let at = plan.own.binary_search(&local).unwrap_or_default();
                (plan.ins.len() + at) as u32
            }
        }
    }

    /// The label for a jump of the body, inside of `nested` blocks of it that
    /// the function has.
    fn label(&self, depth: u32, nested: u32) -> u32 {
        let Some(plan) = self.plan else { return depth };
        let out = depth.checked_sub(nested);
        match out.and_then(|out| plan.region.exit(out)) {
            Some(exit) => nested + plan.number(exit),
            None => depth,
        }
    }

    fn result_locals(&mut self, body: &Body<'_>) -> std::ops::Range<u32> {
        let count = body.results.len();
        self.spares = self.spares.max(count);
        self.spare..self.spare + count as u32
    }

    fn exit_local(&mut self, body: &Body<'_>) -> u32 {
        self.spares = body.results.len() + 1;
        self.spare + body.results.len() as u32
    }

    /// Types of the spare locals.
    fn spare_types<'b>(&self, body: &'b Body<'_>) -> impl Iterator<Item = ValType> + use<'b> {
        let all = body.results.iter().copied().chain([ValType::I32]);
        all.take(self.spares)
    }
}

impl<'a> Writer<'a> {
    pub(super) fn new(body: &'a Body<'a>, live: &'a Live, moved: &'a mut Moved) -> Self {
        Self {
            body,
            live,
            moved,
            known: vec![None; body.ops.len()],
        }
    }

    /// The body without what is colder than `level`, if there is any such.
    pub(super) fn without(&mut self, level: Heat) -> Option<Function> {
        let body = self.body;
        let mut place = Place::new(None, level, body.locals.len() as u32, body.code);
        let mut inside: Vec<Block> = body.blocks.last().copied().into_iter().collect();
        self.range(&mut place, 0, body.ops.len(), &mut inside, 0);
        place.copy(body, body.bytes.len(), body.bytes.len());
        if place.code == body.bytes[body.code..] {
            return None;
        }
        let locals = body.locals[body.params..].iter().copied();
        let locals = locals.chain(place.spare_types(body));
        let mut function = Function::new_with_locals_types(locals);
        function.raw(place.code);
        Some(function)
    }

    /// Writes the operators from `start` to `end`, inside of blocks of which
    /// those from `base` on are the function's.
    fn range(
        &mut self,
        place: &mut Place<'_>,
        start: usize,
        end: usize,
        inside: &mut Vec<Block>,
        base: usize,
    ) {
        // Blocks whose rest was found to have to stay, by how deep they are.
        let mut stays = Vec::new();
        let mut index = start;
        while let Some(op) = self.body.ops[..end].get(index) {
            match op.operator {
                Operator::End | Operator::Else => {
                    stays.pop_if(|depth| *depth == inside.len());
                }
                _ if op.dead => {
                    let next = self.body.opened[index].map_or(index, |block| block.end) + 1;
                    place.copy(self.body, op.start, self.body.ops[next - 1].end);
                    index = next;
                    continue;
                }
                _ if op.heat < place.level
                    && op.boundary
                    && stays.last() != Some(&inside.len()) =>
                {
                    if let Some(next) = self.replace(place, index, inside, base) {
                        index = next;
                        continue;
                    }
                    stays.push(inside.len());
                }
                _ => {}
            }
            let nested = (inside.len() - base) as u32;
            self.operator(place, index, nested);
            match op.operator {
                Operator::End => {
                    inside.pop();
                }
                _ => inside.extend(self.body.opened[index]),
            }
            index += 1;
        }
    }

    /// Writes an operator that stays.
    fn operator(&self, place: &mut Place<'_>, index: usize, nested: u32) {
        if place.plan.is_none() {
            return;
        }
        let (start, end) = (self.body.ops[index].start, self.body.ops[index].end);
        let instruction = match &self.body.ops[index].operator {
            Operator::LocalGet { local_index } => Instruction::LocalGet(place.local(*local_index)),
            Operator::LocalSet { local_index } => Instruction::LocalSet(place.local(*local_index)),
            Operator::LocalTee { local_index } => Instruction::LocalTee(place.local(*local_index)),
            Operator::Br { relative_depth } => {
                let plan = place.plan;
                let out = relative_depth.checked_sub(nested);
                let exit = out.and_then(|out| plan.and_then(|plan| plan.region.exit(out)));
                let Some(exit) = exit else { return };
                place.copy(self.body, start, end);
                self.leave(place, exit, nested);
                return;
            }
            Operator::BrIf { relative_depth } => {
                Instruction::BrIf(place.label(*relative_depth, nested))
            }
            Operator::BrTable { targets } => {
                let label = |target| place.label(target, nested);
                let labels: Vec<u32> = targets.targets().flatten().map(label).collect();
                let default = label(targets.default());
                place.copy(self.body, start, end);
                place.put(Instruction::BrTable(labels.into(), default));
                return;
            }
            Operator::Return => {
                place.copy(self.body, start, end);
                self.leave(place, Exit::Return, nested);
                return;
            }
            _ => return,
        };
        place.copy(self.body, start, end);
        place.put(instruction);
    }

    /// Goes to an exit, with what is to be returned on the stack if it is that.
    fn leave(&self, place: &mut Place<'_>, exit: Exit, nested: u32) {
        if exit == Exit::Return {
            for local in place.result_locals(self.body).rev() {
                place.put(Instruction::LocalSet(local));
            }
        }
        let number = place.plan.map_or(0, |plan| plan.number(exit));
        place.put(Instruction::Br(nested + number));
    }

    /// Puts a call in the place of the region that begins at `start`. Gives its
    /// end, or nothing if the region can't move, or that doesn't pay.
    fn replace(
        &mut self,
        place: &mut Place<'_>,
        start: usize,
        inside: &[Block],
        base: usize,
    ) -> Option<usize> {
        let block = inside.last()?;
        let arm = block.otherwise.filter(|otherwise| *otherwise > start);
        let end = arm.unwrap_or(block.end);
        let size = self.body.ops[end].start - self.body.ops[start].start;
        if size < self.moved.worth.bytes {
            return None;
        }
        let region = Region {
            start,
            end,
            inside: inside.to_vec(),
        };
        let plan = Plan::of(self.body, self.live, region)?;
        if plan.ins.len().max(plan.outs.len()) > MAX_VALUES {
            return None;
        }
        let nested = (inside.len() - base) as u32;
        let index = self.known[start];
        let before = (place.code.len(), place.pending, place.spares);
        place.copy(
            self.body,
            self.body.ops[start].start,
            self.body.ops[end].start,
        );
        let at = place.code.len();
        let expected = index.unwrap_or_else(|| self.moved.next());
        self.call(place, &plan, expected, nested);
        if place.code.len() - at + self.moved.worth.bytes > size {
            place.code.truncate(before.0);
            (_, place.pending, place.spares) = before;
            return None;
        }
        if index.is_none() {
            let index = self.moved.reserve(plan.signature(self.body));
            self.known[start] = Some(index);
            let (function, heat) = self.function(&plan);
            self.moved.add(index, function, heat);
        }
        Some(end)
    }

    /// A call of a region's function, and the way on.
    fn call(&self, place: &mut Place<'_>, plan: &Plan, index: u32, nested: u32) {
        let body = self.body;
        for local in &plan.ins {
            place.put(Instruction::LocalGet(place.local(*local)));
        }
        place.put(Instruction::Call(index));
        let is_choice = plan.exits.len() > 2;
        let is_covered = plan.returns() || !plan.outs.is_empty();
        let is_stored = is_choice || plan.exits.len() > 1 && is_covered;
        if is_stored {
            let exit = place.exit_local(body);
            place.put(Instruction::LocalSet(exit));
        }
        if plan.returns() {
            for local in place.result_locals(body).rev() {
                place.put(Instruction::LocalSet(local));
            }
        }
        for local in plan.outs.iter().rev() {
            place.put(Instruction::LocalSet(place.local(*local)));
        }
        if is_stored && !is_choice {
            let exit = place.exit_local(body);
            place.put(Instruction::LocalGet(exit));
        }
        match plan.exits[..] {
            [] => place.put(Instruction::Unreachable),
            [exit] => self.go(place, exit, nested, 0),
            [exit, Exit::Return] => {
                place.put(Instruction::If(BlockType::Empty));
                self.go(place, Exit::Return, nested, 1);
                place.put(Instruction::End);
                self.go(place, exit, nested, 0);
            }
            [exit, Exit::Jump(depth)] => {
                place.put(Instruction::BrIf(place.label(depth, nested)));
                self.go(place, exit, nested, 0);
            }
            _ => self.choose(place, plan, nested),
        }
    }

    /// Goes to one of several exits, by the number in the local for it.
    fn choose(&self, place: &mut Place<'_>, plan: &Plan, nested: u32) {
        let local = place.exit_local(self.body);
        let direct = |exit: &Exit| matches!(exit, Exit::Jump(_));
        let around = plan.exits.iter().filter(|exit| !direct(exit)).count() as u32;
        for _ in 0..around {
            place.put(Instruction::Block(BlockType::Empty));
        }
        // `Fall` and `Return`, if they are there, come first: the first block
        // is the outermost.
        let labels: Vec<u32> = (0..)
            .zip(&plan.exits)
            .map(|(number, exit)| match exit {
                Exit::Jump(depth) => place.label(*depth, nested) + around,
                _ => around - 1 - number,
            })
            .collect();
        place.put(Instruction::LocalGet(local));
        if let [labels @ .., last] = &labels[..] {
            place.put(Instruction::BrTable(labels.into(), *last));
        }
        for (number, exit) in (0..around).zip(&plan.exits).rev() {
            place.put(Instruction::End);
            self.go(place, *exit, nested, number);
        }
    }

    /// Goes to an exit of a region that was called, inside of `more` blocks.
    fn go(&self, place: &mut Place<'_>, exit: Exit, nested: u32, more: u32) {
        match (exit, place.plan) {
            (Exit::Jump(depth), _) => {
                let label = place.label(depth, nested) + more;
                place.put(Instruction::Br(label));
            }
            (Exit::Return, None) => {
                for local in place.result_locals(self.body) {
                    place.put(Instruction::LocalGet(local));
                }
                place.put(Instruction::Return);
            }
            (Exit::Return, Some(plan)) => {
                let label = nested + plan.number(Exit::Return) + more;
                place.put(Instruction::Br(label));
            }
            // The end of both regions, but the outer one's may be reached by
            // jumps only.
            (Exit::Fall, Some(plan)) if nested == 0 => {
                let label = plan.number(Exit::Fall) + more;
                place.put(Instruction::Br(label));
            }
            (Exit::Fall, _) => {}
        }
    }

    /// The function of a region, and how hot it is: the region inside one block
    /// for each exit, the first one's innermost; behind each block its exit.
    fn function(&mut self, plan: &Plan) -> (Function, Heat) {
        let (body, region) = (self.body, &plan.region);
        let spare = plan.ins.len() + plan.own.len();
        let ops = &body.ops[region.start..region.end];
        let heat = ops.iter().map(|op| op.heat).max().unwrap_or(Heat::Cold);
        let level = ops.first().map_or(Heat::Cold, |op| op.heat);
        let start = body.ops[region.start].start;
        let mut place = Place::new(Some(plan), level, spare as u32, start);
        for _ in &plan.exits {
            place.put(Instruction::Block(BlockType::Empty));
        }
        let mut inside = region.inside.clone();
        let base = inside.len();
        self.range(&mut place, region.start, region.end, &mut inside, base);
        let end = body.ops[region.end].start;
        place.copy(body, end, end);
        if plan.exits.is_empty() {
            place.put(Instruction::Unreachable);
        } else if !body.ops[region.end].dead {
            self.leave(&mut place, region.end_exit(), 0);
        }
        for number in 0..plan.exits.len() {
            place.put(Instruction::End);
            for local in &plan.outs {
                place.put(Instruction::LocalGet(place.local(*local)));
            }
            if plan.returns() {
                for local in place.result_locals(body) {
                    place.put(Instruction::LocalGet(local));
                }
            }
            if plan.exits.len() > 1 {
                place.put(Instruction::I32Const(number as i32));
            }
            place.put(Instruction::Return);
        }
        place.put(Instruction::End);
        let own = plan.own.iter().map(|local| body.locals[*local as usize]);
        let locals = own.chain(place.spare_types(body));
        let mut function = Function::new_with_locals_types(locals);
        function.raw(place.code);
        (function, heat)
    }
}
