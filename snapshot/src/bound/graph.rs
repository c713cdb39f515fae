//! Who calls whom, and who looks on being entered.

use super::{
    climb::{Climb, MANY, climbs},
    indirect::{Indirect, Kind},
    order::Order,
    paths::{CALL, Passes, Small, Step, looks_at_heads, passes},
};
use crate::{Error, cover::begins_stretch};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{FunctionBody, Operator, Parser, Payload, TypeRef};

/// What is to be known of a module.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    /// How many functions it imports.
    pub(super) imports: u32,
    /// How many memories it imports.
    pub(super) imported_memories: u32,
    /// How many types it has.
    pub(super) types: u32,
    pub(super) widths: Widths,
    /// How often what seldom runs does at the most.
    seldom: u64,
    /// Those that it defines.
    pub(super) functions: Vec<Called>,
    /// What indirect calls can lead to.
    indirect: Indirect,
}

/// Which memories and tables are addressed with 64 bits.
#[derive(Debug, Clone, Default)]
pub(super) struct Widths {
    memories: Vec<bool>,
    tables: Vec<bool>,
}

impl Widths {
    /// Whether `operator` does as much as its topmost operand says, and whether
    /// that has 64 bits.
    pub(super) fn bulk(&self, operator: &Operator<'_>) -> Option<bool> {
        let memory = |index: &u32| self.memories.get(*index as usize) == Some(&true);
        let table = |index: &u32| self.tables.get(*index as usize) == Some(&true);
        Some(match operator {
            Operator::MemoryFill { mem } => memory(mem),
            Operator::MemoryCopy { dst_mem, src_mem } => memory(dst_mem) && memory(src_mem),
            Operator::TableFill { table: index } => table(index),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => table(dst_table) && table(src_table),
            Operator::MemoryInit { .. } | Operator::TableInit { .. } => false,
            _ => return None,
        })
    }
}

/// A function.
#[derive(Debug, Clone, Default)]
pub(super) struct Called {
    /// How many locals its parameters are.
    pub(super) params: u32,
    /// How often it was entered.
    entered: u64,
    /// How many operators it executed.
    work: u64,
    sites: Vec<Site>,
    /// How often the heads of its loops were come to, by position.
    rounds: BTreeMap<usize, u64>,
    /// The loops, by position, of which it gets copies.
    pub(super) copied: BTreeMap<usize, Small>,
    pub(super) passes: Passes,
    /// Whether it looks when it is entered.
    pub(super) looks: bool,
}

impl Called {
    /// The calls, by position, that look where they are made.
    pub(super) fn looking_calls(&self) -> BTreeSet<usize> {
        let looking = self.sites.iter().filter(|site| site.looks());
        looking.map(|site| site.position).collect()
    }

    /// Finds rounds that need no look, in one loop: with others around it or within,
    /// as many as each has would come together.
    fn climb(&mut self, body: &FunctionBody<'_>) -> Result<(), Error> {
        let loops = std::mem::take(&mut self.passes.brief).into_iter();
        let most = loops.max_by_key(|(_, brief)| brief.len());
        let Some((head, brief)) = most.filter(|(_, brief)| brief.len() >= MANY) else {
            return Ok(());
        };
        let operators: Vec<Operator<'_>> = body
            .get_operators_reader()?
            .into_iter()
            .collect::<Result<_, _>>()?;
        let mut locals = self.params;
        for local in body.get_locals_reader()? {
            locals = locals.saturating_add(local?.0);
        }
        if looks_at_heads(&operators)?.binary_search(&head).is_err() {
            let mut back = climbs(&operators, head, locals)?;
            back.retain(|position, _| brief.contains(position));
            self.passes.climbs = Climb::of(back);
        }
        Ok(())
    }

    /// Whether what ran so often is little of what the function does.
    fn is_rare(&self, ran: u64) -> bool {
        ran.saturating_mul(RARE) <= self.entered
    }
}

/// A way from one to the next.
struct Way {
    from: usize,
    to: usize,
    /// How often it was gone.
    ran: u64,
}

/// Where a function calls.
#[derive(Debug, Clone)]
struct Site {
    /// Which of its operators does.
    position: usize,
    /// The function, or, counted on from the last function, the kind that it is
    /// of; nothing if it may be any, or the host's, which may call back.
    callee: Option<usize>,
    /// How often it did.
    ran: u64,
    /// Whether it is on a circle of calls in which nothing else looks.
    on_circle: bool,
    /// Whether it looks for what is called.
    for_callee: bool,
}

impl Site {
    fn looks(&self) -> bool {
        self.on_circle || self.for_callee || self.callee.is_none()
    }
}

/// How seldom a call is made that costs little enough, in calls of the caller.
const RARE: u64 = 16;

/// Bytes, and elements of tables, that are worth a look: they are copied at least four
/// times as fast as operators are executed.
pub(super) const LARGE: i64 = 1 << 12;

/// What copying counts as where it is too little for a look, in operators.
const BULK: u32 = 1 << 10;

/// Operators of a function that are worth a look.
const WORTH: u64 = 512;

/// Operators that are not worth a look.
const CHEAP: u32 = 256;

impl Graph {
    /// `counts` says how often each stretch of `wasm` ran, as [`cover`](crate::cover)
    /// numbers them; what is not among them never did.
    pub(super) fn of(wasm: &[u8], counts: &[u32]) -> Result<Self, Error> {
        let mut graph = Self::default();
        let (mut params, mut bodies) = (Vec::new(), Vec::new());
        graph.indirect = Indirect::of(wasm)?;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        params.push(u32::try_from(ty?.params().len()).unwrap_or(u32::MAX));
                        graph.types += 1;
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => graph.imports += 1,
                            TypeRef::Memory(ty) => {
                                graph.imported_memories += 1;
                                graph.widths.memories.push(ty.memory64);
                            }
                            TypeRef::Table(ty) => graph.widths.tables.push(ty.table64),
                            _ => {}
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    for ty in section {
                        graph.widths.memories.push(ty?.memory64);
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        graph.widths.tables.push(table?.ty.table64);
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        let params = params.get(ty? as usize).copied().unwrap_or_default();
                        graph.functions.push(Called {
                            params,
                            ..Called::default()
                        });
                    }
                }
                Payload::CodeSectionEntry(body) => bodies.push(body),
                _ => {}
            }
        }
        graph.find_sites(&bodies, counts)?;
        let entered = graph.functions.iter().map(|function| function.entered);
        graph.seldom = entered.sum::<u64>() >> 14;
        graph.place(&bodies)?;
        // What looks anyway breaks circles that others looked in.
        graph.forget_sites();
        graph.place(&bodies)?;
        Ok(graph)
    }

    /// Finds who looks.
    fn place(&mut self, bodies: &[FunctionBody<'_>]) -> Result<(), Error> {
        for node in self.break_circles() {
            match bodies.get(node) {
                Some(body) => self.measure(node, body)?,
                None => self.measure_kind(node - bodies.len()),
            }
        }
        Ok(())
    }

    /// Forgets which calls look where they are made, but those of the host.
    fn forget_sites(&mut self) {
        let functions = self.functions.iter_mut();
        for site in functions.flat_map(|function| &mut function.sites) {
            site.on_circle = false;
            site.for_callee = false;
        }
    }

    /// Notes where functions call, and how often they did.
    fn find_sites(&mut self, bodies: &[FunctionBody<'_>], counts: &[u32]) -> Result<(), Error> {
        let mut stretches = counts.iter().copied().map(u64::from);
        let (imports, indirect, kinds) = (self.imports, &self.indirect, bodies.len());
        for (function, body) in self.functions.iter_mut().zip(bodies) {
            let mut ran = stretches.next().unwrap_or_default();
            function.entered = ran;
            for (position, operator) in body.get_operators_reader()?.into_iter().enumerate() {
                let operator = operator?;
                function.work += ran;
                let callee = match callee(&operator) {
                    None => None,
                    Some(Callee::Function(index)) => {
                        Some(index.checked_sub(imports).map(|index| index as usize))
                    }
                    Some(Callee::OfType(ty)) => Some(indirect.kind(ty).map(|kind| kinds + kind)),
                    Some(Callee::Any) => Some(None),
                };
                if let Some(callee) = callee {
                    function.sites.push(Site {
                        position,
                        callee,
                        ran,
                        on_circle: false,
                        for_callee: false,
                    });
                }
                if begins_stretch(&operator) {
                    ran = stretches.next().unwrap_or_default();
                }
                if let Operator::Loop { .. } = operator {
                    function.rounds.insert(position, ran);
                }
            }
        }
        Ok(())
    }

    /// Has something look in each circle of calls, preferring what ran seldom. Gives
    /// the functions, and then the kinds, in an order in which those that are called
    /// without a look come before their callers.
    fn break_circles(&mut self) -> Vec<usize> {
        let mut ways = self.ways();
        let count = self.functions.len() + self.indirect.kinds.len();
        // Nothing goes on unseen through what looks already.
        let looks = |function: usize| self.functions.get(function).is_some_and(|f| f.looks);
        ways.retain(|way| !looks(way.from));
        let mut led = vec![Vec::new(); count + self.functions.len()];
        for way in &ways {
            led[way.from].push(way.to);
        }
        let mut order = Order::new(&led);
        ways.sort_by_key(|way| std::cmp::Reverse((way.ran, way.from < count)));
        for Way { from, to, ran } in ways {
            // It costs nothing that what never ran looks.
            let is_taken = match ran {
                0 => order.take_forward(from, to),
                _ => order.take(from, to),
            };
            if is_taken {
                continue;
            }
            if from < count {
                self.functions[from].looks = true;
                continue;
            }
            for site in &mut self.functions[from - count].sites {
                site.on_circle |= site.callee == Some(to);
            }
        }
        let functions = self.functions.len();
        let node = |node: usize| match node.checked_sub(count) {
            Some(function) => Some(function),
            None => (node >= functions).then_some(node),
        };
        order.callees_first().into_iter().filter_map(node).collect()
    }

    /// All ways that a run can take through functions: from where each is entered
    /// to where it calls, and on to where another is entered. What is entered has
    /// its own number, kinds follow, and then what calls.
    fn ways(&self) -> Vec<Way> {
        let count = self.functions.len() + self.indirect.kinds.len();
        let mut calls = BTreeMap::new();
        for (caller, function) in self.functions.iter().enumerate() {
            calls.insert((caller, count + caller), function.entered);
            for site in &function.sites {
                if let Some(callee) = site.callee {
                    let ran: &mut u64 = calls.entry((count + caller, callee)).or_default();
                    *ran = ran.saturating_add(site.ran);
                }
            }
        }
        for (kind, Kind { members, .. }) in self.indirect.kinds.iter().enumerate() {
            for member in members {
                // There is no place to look at, and no circle without others.
                calls.insert((self.functions.len() + kind, *member), u64::MAX);
            }
        }
        let way = |((from, to), ran)| Way { from, to, ran };
        calls.into_iter().map(way).collect()
    }

    /// Finds what a call of any function of a kind can cost.
    fn measure_kind(&mut self, kind: usize) {
        let members = self.indirect.kinds[kind].members.iter();
        let most = members.map(|member| self.cost_of(*member)).max();
        self.indirect.kinds[kind].cost = most.unwrap_or_default();
    }

    /// Finds how long the passes of `function` are, after those of what it calls,
    /// and whether its callers can do without a look for them.
    fn measure(&mut self, function: usize, body: &FunctionBody<'_>) -> Result<(), Error> {
        let mut called = self.functions[function].clone();
        called.copied.clear();
        called.passes = self.passes(&called, body)?;
        if called.entered <= self.seldom || called.work / called.entered >= WORTH {
            called.looks |= called.passes.longest > CHEAP;
        } else if called.passes.longest > CHEAP {
            // What makes them long may be what is seldom called.
            for index in 0..called.sites.len() {
                let site = &called.sites[index];
                let cost = site.callee.map_or(0, |callee| self.cost_of(callee));
                if cost > CHEAP && called.is_rare(site.ran) {
                    called.sites[index].for_callee = true;
                }
            }
            called.passes = self.passes(&called, body)?;
        }
        self.copy(&mut called, body)?;
        called.climb(body)?;
        called.looks |= !called.passes.is_free();
        self.functions[function] = called;
        Ok(())
    }

    /// Chooses the loops that `called` gets copies of: small ones that ran often.
    fn copy(&self, called: &mut Called, body: &FunctionBody<'_>) -> Result<(), Error> {
        let small = called.passes.small.iter();
        let often = |head: &usize| {
            called
                .rounds
                .get(head)
                .is_some_and(|ran| *ran > self.seldom)
        };
        let copied = small.filter(|(head, _)| called.passes.loops.contains(head) && often(head));
        called.copied = copied.map(|(head, small)| (*head, *small)).collect();
        if called.copied.is_empty() {
            return Ok(());
        }
        let operators: Vec<Operator<'_>> = body
            .get_operators_reader()?
            .into_iter()
            .collect::<Result<_, _>>()?;
        for head in looks_at_heads(&operators)? {
            called.copied.remove(&head);
        }
        called.passes = self.passes(called, body)?;
        Ok(())
    }

    fn passes(&self, function: &Called, body: &FunctionBody<'_>) -> Result<Passes, Error> {
        let mut sites = function.sites.iter().peekable();
        let mut position = 0;
        let passes = passes(body.get_operators_reader()?.into_iter(), |operator| {
            let site = sites.next_if(|site| site.position == position);
            let copied = function.copied.get(&position);
            position += 1;
            let mut looks = matches!(
                operator,
                Operator::MemoryGrow { .. } | Operator::TableGrow { .. }
            );
            let cost = match (site, operator) {
                (Some(site), _) => {
                    looks =
                        site.looks() || site.callee.is_some_and(|callee| self.always_looks(callee));
                    match site.callee {
                        Some(callee) if !site.looks() => CALL + self.cost_of(callee),
                        _ => CALL,
                    }
                }
                (None, Operator::Loop { .. }) => copied.map_or(0, |copied| copied.extra),
                (None, Operator::Block { .. }) => 0,
                (None, operator) if self.widths.bulk(operator).is_some() => BULK,
                (None, _) => 1,
            };
            Step { cost, looks }
        })?;
        Ok(passes)
    }

    /// Whether a call of a function surely looks.
    fn always_looks(&self, index: usize) -> bool {
        match self.functions.get(index) {
            Some(function) => function.looks,
            None => {
                let mut members = self.indirect.kinds[index - self.functions.len()]
                    .members
                    .iter();
                members.all(|member| self.functions[*member].looks)
            }
        }
    }

    /// What a call of a function costs its caller.
    fn cost_of(&self, index: usize) -> u32 {
        match self.functions.get(index) {
            Some(function) if !function.looks => function.passes.longest,
            Some(_) => 0,
            None => self.indirect.kinds[index - self.functions.len()].cost,
        }
    }
}

/// What an operator calls.
enum Callee {
    Function(u32),
    /// Some function of a type, in a table.
    OfType(u32),
    Any,
}

fn callee(operator: &Operator<'_>) -> Option<Callee> {
    match operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            Some(Callee::Function(*function_index))
        }
        Operator::CallIndirect { type_index, .. }
        | Operator::ReturnCallIndirect { type_index, .. } => Some(Callee::OfType(*type_index)),
        Operator::CallRef { .. } | Operator::ReturnCallRef { .. } => Some(Callee::Any),
        _ => None,
    }
}
