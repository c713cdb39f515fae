//! Who calls whom, and who pays on being entered.

use super::{
    order::Order,
    paths::{CALL, Passes, passes},
};
use crate::{Error, cover::begins_stretch};
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
    /// Those that it defines.
    pub(super) functions: Vec<Called>,
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
    sites: Vec<Site>,
    pub(super) passes: Passes,
    /// Whether it pays when it is entered.
    pub(super) pays: bool,
}

impl Called {
    /// The calls, by position, that are paid for where they are, and whether
    /// they are made often.
    pub(super) fn paid_calls(&self) -> impl Iterator<Item = (usize, bool)> {
        let paid = self.sites.iter().filter(|site| site.paid);
        paid.map(|site| (site.position, !self.is_rare(site.ran)))
    }

    /// Whether what ran so often is little of what the function does.
    fn is_rare(&self, ran: u64) -> bool {
        ran.saturating_mul(RARE) <= self.entered
    }
}

/// Where a function calls.
#[derive(Debug, Clone)]
struct Site {
    /// Which of its operators does.
    position: usize,
    /// The function, if it is known, and one of the module.
    callee: Option<usize>,
    /// How often it did.
    ran: u64,
    /// Whether it is paid for here.
    paid: bool,
}

/// How seldom a call is made that costs little enough, in calls of the caller.
const RARE: u64 = 16;

/// Operators that are not worth a payment.
const CHEAP: u32 = 256;

impl Graph {
    /// `counts` says how often each stretch of `wasm` ran, as [`cover`](crate::cover)
    /// numbers them; what is not among them never did.
    pub(super) fn of(wasm: &[u8], counts: &[u32]) -> Result<Self, Error> {
        let mut graph = Self::default();
        let (mut params, mut bodies) = (Vec::new(), Vec::new());
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
        for function in graph.break_circles() {
            graph.measure(function, &bodies[function])?;
        }
        Ok(graph)
    }

    /// Notes where functions call, and how often they did.
    fn find_sites(&mut self, bodies: &[FunctionBody<'_>], counts: &[u32]) -> Result<(), Error> {
        let mut stretches = counts.iter().copied().map(u64::from);
        for (function, body) in self.functions.iter_mut().zip(bodies) {
            let mut ran = stretches.next().unwrap_or_default();
            function.entered = ran;
            for (position, operator) in body.get_operators_reader()?.into_iter().enumerate() {
                let operator = operator?;
                if let Some(callee) = callee(&operator) {
                    let defined = callee.and_then(|index| index.checked_sub(self.imports));
                    function.sites.push(Site {
                        position,
                        callee: defined.map(|index| index as usize),
                        ran,
                        // It may call back, or do anything.
                        paid: defined.is_none(),
                    });
                }
                if begins_stretch(&operator) {
                    ran = stretches.next().unwrap_or_default();
                }
            }
        }
        Ok(())
    }

    /// Has something paid for in each circle of direct calls, preferring what
    /// ran seldom. Gives the functions in an order in which those that are not
    /// paid for at a call come before their callers.
    fn break_circles(&mut self) -> Vec<usize> {
        let mut calls = std::collections::BTreeMap::new();
        for (caller, function) in self.functions.iter().enumerate() {
            for site in &function.sites {
                if let Some(callee) = site.callee {
                    let ran: &mut u64 = calls.entry((caller, callee)).or_default();
                    *ran = ran.saturating_add(site.ran);
                }
            }
        }
        let mut called = vec![Vec::new(); self.functions.len()];
        for (caller, callee) in calls.keys() {
            called[*caller].push(*callee);
        }
        let mut order = Order::new(&called);
        let mut calls: Vec<_> = calls.into_iter().collect();
        calls.sort_by_key(|(_, ran)| std::cmp::Reverse(*ran));
        // For each function, those that call it on a circle, and how often.
        let mut circles = vec![(Vec::new(), 0u64); self.functions.len()];
        for ((caller, callee), ran) in calls {
            if !order.take(caller, callee) {
                let (callers, sum) = &mut circles[callee];
                callers.push(caller);
                *sum = sum.saturating_add(ran);
            }
        }
        for (callee, (callers, ran)) in circles.into_iter().enumerate() {
            if callers.is_empty() {
                continue;
            }
            if self.functions[callee].entered <= ran {
                self.functions[callee].pays = true;
                continue;
            }
            for caller in callers {
                for site in &mut self.functions[caller].sites {
                    site.paid |= site.callee == Some(callee);
                }
            }
        }
        order.from_callees()
    }

    /// Finds how long the passes of `function` are, after those of what it calls,
    /// and whether its callers can pay for them.
    fn measure(&mut self, function: usize, body: &FunctionBody<'_>) -> Result<(), Error> {
        let mut called = self.functions[function].clone();
        called.passes = self.passes(&called, body)?;
        if !called.passes.is_free() && called.entered > 0 {
            // What makes them long may be what is seldom called.
            for index in 0..called.sites.len() {
                let site = &called.sites[index];
                let cost = site.callee.map_or(0, |callee| self.cost_of(callee));
                called.sites[index].paid |= cost > CHEAP && called.is_rare(site.ran);
            }
            called.passes = self.passes(&called, body)?;
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
                    Some(callee) if !site.paid => CALL + self.cost_of(callee),
                    _ => CALL,
                },
                (None, Operator::Block { .. } | Operator::Loop { .. }) => 0,
                (None, _) => 1,
            }
        })?;
        Ok(passes)
    }

    /// What a call of a function costs its caller.
    fn cost_of(&self, index: usize) -> u32 {
        match self.functions.get(index) {
            Some(function) if !function.pays => function.passes.for_callers(),
            _ => 0,
        }
    }
}

/// Whether `operator` calls, and which function, if that is known.
fn callee(operator: &Operator<'_>) -> Option<Option<u32>> {
    match operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            Some(Some(*function_index))
        }
        Operator::CallIndirect { .. }
        | Operator::ReturnCallIndirect { .. }
        | Operator::CallRef { .. }
        | Operator::ReturnCallRef { .. } => Some(None),
        _ => None,
    }
}
