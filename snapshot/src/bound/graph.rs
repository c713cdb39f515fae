//! Who calls whom, and who pays on being entered.

use super::{
    climb::climbs,
    indirect::{Indirect, Kind},
    order::Order,
    paths::{CALL, MANY, Passes, counted_at_heads, passes},
};
use crate::{Error, cover::begins_stretch};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{FunctionBody, Operator, Parser, Payload, TypeRef};

/// What is to be known of a module.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    /// How many functions it imports.
    pub(super) imports: u32,
    /// How many globals it has.
    pub(super) globals: u32,
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
    /// The loops, by position, that run often.
    often: BTreeSet<usize>,
    pub(super) passes: Passes,
    /// Whether it pays when it is entered.
    pub(super) pays: bool,
}

impl Called {
    /// The calls that are paid for where they are.
    pub(super) fn paid_calls(&self) -> impl Iterator<Item = Paid> {
        let paid = self.sites.iter().filter(|site| site.is_paid());
        paid.map(|site| Paid {
            position: site.position,
            operators: site.operators,
            is_frequent: !self.is_rare(site.ran),
        })
    }

    /// Whether the loop at `position` of `operators` is written several times, so that
    /// not each of its rounds has to be counted.
    pub(super) fn is_copied(&self, position: usize, operators: &[Operator<'_>]) -> bool {
        let mut depth = 1;
        let body = operators.iter().skip(position + 1).take(SHORT);
        let end = body.take_while(|operator| !matches!(operator, Operator::Loop { .. }));
        self.often.contains(&position)
            // What climbs must do so in each round.
            && !self.passes.climbing.contains_key(&position)
            && end.into_iter().any(|operator| {
                match operator {
                    Operator::Block { .. } | Operator::If { .. } => depth += 1,
                    Operator::End => depth -= 1,
                    _ => {}
                }
                depth == 0
            })
    }

    /// Finds rounds that need not be counted.
    fn climb(&mut self, body: &FunctionBody<'_>) -> Result<(), Error> {
        let heads: Vec<usize> = {
            let loops = self
                .passes
                .loops
                .keys()
                .filter(|head| self.often.contains(head));
            loops.copied().collect()
        };
        if heads.is_empty() || self.passes.rounds.len() < MANY {
            return Ok(());
        }
        let operators: Vec<Operator<'_>> = body
            .get_operators_reader()?
            .into_iter()
            .collect::<Result<_, _>>()?;
        let mut locals = self.params;
        for local in body.get_locals_reader()? {
            locals = locals.saturating_add(local?.0);
        }
        let at_heads = counted_at_heads(&operators)?;
        for head in heads {
            if !at_heads.contains(&head) {
                let back = climbs(&operators, head, locals)?;
                self.passes.climb(head, &back);
            }
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
    /// of; nothing if it may be any, or the host's.
    callee: Option<usize>,
    /// How often it did.
    ran: u64,
    /// Whether it is on a circle of calls that nothing else of is paid for.
    on_circle: bool,
    /// The operators that are paid for here, if any are.
    operators: u32,
}

impl Site {
    fn is_paid(&self) -> bool {
        self.on_circle || self.operators > 0
    }
}

/// A call that is paid for where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paid {
    pub(super) position: usize,
    /// What is paid for.
    pub(super) operators: u32,
    /// Whether it is made often.
    pub(super) is_frequent: bool,
}

/// How seldom a call is made that costs little enough, in calls of the caller.
const RARE: u64 = 16;

/// How often a loop is written that runs often.
pub(super) const COPIES: u32 = 4;

/// Operators of such a loop, at the most.
const SHORT: usize = 100;

/// Operators that pay for a call of the host.
const HOST: u32 = 1 << 16;

/// What copying less counts as that nothing else is paid for, in operators.
pub(super) const BULK: u32 = 1 << 9;

/// Operators of a function that are worth a payment.
const WORTH: u64 = 512;

/// Operators that are not worth a payment.
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
                            TypeRef::Global(_) => graph.globals += 1,
                            TypeRef::Memory(ty) => graph.widths.memories.push(ty.memory64),
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
                Payload::GlobalSection(section) => graph.globals += section.count(),
                Payload::CodeSectionEntry(body) => bodies.push(body),
                _ => {}
            }
        }
        graph.find_sites(&bodies, counts)?;
        let entered = graph.functions.iter().map(|function| function.entered);
        graph.seldom = entered.sum::<u64>() >> 14;
        graph.charge(&bodies)?;
        // What pays anyway breaks circles that others paid for.
        graph.forget_sites();
        graph.charge(&bodies)?;
        graph.charge_circles();
        Ok(graph)
    }

    /// Finds who pays.
    fn charge(&mut self, bodies: &[FunctionBody<'_>]) -> Result<(), Error> {
        for node in self.break_circles() {
            match bodies.get(node) {
                Some(body) => self.measure(node, body)?,
                None => self.measure_kind(node - bodies.len()),
            }
        }
        Ok(())
    }

    /// Forgets which calls are paid for where they are, but those of the host.
    fn forget_sites(&mut self) {
        let sites = self
            .functions
            .iter_mut()
            .flat_map(|function| &mut function.sites);
        for site in sites {
            site.on_circle = false;
            if site.callee.is_some() {
                site.operators = 0;
            }
        }
    }

    /// Has calls on circles pay for what they lead to, now that it is known.
    fn charge_circles(&mut self) {
        for function in 0..self.functions.len() {
            for index in 0..self.functions[function].sites.len() {
                let site = &self.functions[function].sites[index];
                if let (true, Some(callee)) = (site.on_circle, site.callee) {
                    self.functions[function].sites[index].operators = self.cost_of(callee);
                }
            }
        }
    }

    /// Notes where functions call, and how often they did.
    fn find_sites(&mut self, bodies: &[FunctionBody<'_>], counts: &[u32]) -> Result<(), Error> {
        let mut stretches = counts.iter().copied().map(u64::from);
        let often = counts.iter().copied().map(u64::from).sum::<u64>() >> 16;
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
                        // It may call back, or do anything.
                        operators: if callee.is_none() { HOST } else { 0 },
                    });
                }
                let before = ran;
                if begins_stretch(&operator) {
                    ran = stretches.next().unwrap_or_default();
                }
                if let Operator::Loop { .. } = operator
                    && ran > before.saturating_mul(2)
                    && ran >= often
                {
                    function.often.insert(position);
                }
            }
        }
        Ok(())
    }

    /// Has something paid for in each circle of calls, preferring what ran
    /// seldom. Gives the functions, and then the kinds, in an order in which those
    /// that are not paid for at a call come before their callers.
    fn break_circles(&mut self) -> Vec<usize> {
        let mut ways = self.ways();
        let count = self.functions.len() + self.indirect.kinds.len();
        // Nothing goes on unpaid through what pays already.
        let pays = |function: usize| self.functions.get(function).is_some_and(|f| f.pays);
        ways.retain(|way| !pays(way.from));
        let mut led = vec![Vec::new(); count + self.functions.len()];
        for way in &ways {
            led[way.from].push(way.to);
        }
        let mut order = Order::new(&led);
        ways.sort_by_key(|way| std::cmp::Reverse((way.ran, way.from < count)));
        for Way { from, to, ran } in ways {
            // It costs nothing that what never ran pays.
            let is_taken = match ran {
                0 => order.take_forward(from, to),
                _ => order.take(from, to),
            };
            if is_taken {
                continue;
            }
            if from < count {
                self.functions[from].pays = true;
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
                // There is no place to pay at, and no circle without others.
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
    /// and whether its callers can pay for them.
    fn measure(&mut self, function: usize, body: &FunctionBody<'_>) -> Result<(), Error> {
        let mut called = self.functions[function].clone();
        called.passes = self.passes(&called, body)?;
        called.climb(body)?;
        if called.entered <= self.seldom || called.work / called.entered >= WORTH {
            called.pays |= called.passes.for_callers() > CHEAP;
        } else if called.passes.for_callers() > CHEAP {
            // What makes them long may be what is seldom called.
            for index in 0..called.sites.len() {
                let site = &called.sites[index];
                let cost = site.callee.map_or(0, |callee| self.cost_of(callee));
                if cost > CHEAP && called.is_rare(site.ran) {
                    called.sites[index].operators = cost;
                }
            }
            called.passes = self.passes(&called, body)?;
            called.climb(body)?;
        }
        called.pays |= !called.passes.is_free();
        self.functions[function] = called;
        Ok(())
    }

    fn passes(&self, function: &Called, body: &FunctionBody<'_>) -> Result<Passes, Error> {
        let mut sites = function.sites.iter().peekable();
        let mut position = 0;
        let passes = passes(body.get_operators_reader()?.into_iter(), |operator| {
            let site = sites.next_if(|site| site.position == position);
            position += 1;
            match (site, operator) {
                (Some(site), _) => match site.callee {
                    Some(callee) if !site.is_paid() => CALL + self.cost_of(callee),
                    _ => CALL,
                },
                (None, Operator::Block { .. } | Operator::Loop { .. }) => 0,
                (None, operator) if self.widths.bulk(operator).is_some() => BULK,
                (None, _) => 1,
            }
        })?;
        Ok(passes)
    }

    /// What a call of a function costs its caller.
    fn cost_of(&self, index: usize) -> u32 {
        match self.functions.get(index) {
            Some(function) if !function.pays => function.passes.for_callers(),
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
