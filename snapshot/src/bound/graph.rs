//! Who calls whom, and who pays on being entered.

use super::{
    indirect::{Indirect, Kind},
    order::Order,
    paths::{CALL, Passes, passes},
};
use crate::{Error, cover::begins_stretch};
use std::collections::BTreeMap;
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
    /// The function, or, counted on from the last function, the kind that it is
    /// of; nothing if it may be any, or the host's.
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
        for node in graph.break_circles() {
            match bodies.get(node) {
                Some(body) => graph.measure(node, body)?,
                None => graph.measure_kind(node - bodies.len()),
            }
        }
        Ok(graph)
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
                        // It may call back, or do anything.
                        paid: callee.is_none(),
                    });
                }
                if begins_stretch(&operator) {
                    ran = stretches.next().unwrap_or_default();
                }
            }
        }
        Ok(())
    }

    /// Has something paid for in each circle of calls, preferring what ran
    /// seldom. Gives the functions, and then the kinds, in an order in which those
    /// that are not paid for at a call come before their callers.
    fn break_circles(&mut self) -> Vec<usize> {
        let calls = self.all_calls();
        let count = self.functions.len();
        let mut called = vec![Vec::new(); count + self.indirect.kinds.len()];
        for (caller, callee) in calls.keys() {
            called[*caller].push(*callee);
        }
        let mut order = Order::new(&called);
        let mut calls: Vec<_> = calls.into_iter().collect();
        calls.sort_by_key(|(_, ran)| std::cmp::Reverse(*ran));
        // For each, those that call it on a circle, and how often.
        let mut circles = vec![(Vec::new(), 0u64); called.len()];
        for ((caller, callee), ran) in calls {
            if !order.take(caller, callee) {
                let (callers, sum) = &mut circles[callee];
                callers.push(caller);
                *sum = sum.saturating_add(ran);
            }
        }
        for (callee, (callers, ran)) in circles.into_iter().enumerate() {
            // A kind has no entry to pay at, and makes no call to pay for.
            let by_kind = callers.iter().any(|caller| *caller >= count);
            if let Some(function) = self.functions.get_mut(callee)
                && (by_kind || (function.entered <= ran && !callers.is_empty()))
            {
                function.pays = true;
                continue;
            }
            for caller in callers {
                for site in &mut self.functions[caller].sites {
                    site.paid |= site.callee == Some(callee);
                }
            }
        }
        order.callees_first()
    }

    /// Who calls whom, and how often that may have been. Kinds call all that is of
    /// them.
    fn all_calls(&self) -> BTreeMap<(usize, usize), u64> {
        let mut calls = BTreeMap::new();
        let mut directly = vec![0u64; self.functions.len()];
        for (caller, function) in self.functions.iter().enumerate() {
            for site in &function.sites {
                let Some(callee) = site.callee else { continue };
                let ran: &mut u64 = calls.entry((caller, callee)).or_default();
                *ran = ran.saturating_add(site.ran);
                if let Some(sum) = directly.get_mut(callee) {
                    *sum = sum.saturating_add(site.ran);
                }
            }
        }
        for (kind, Kind { members, .. }) in self.indirect.kinds.iter().enumerate() {
            for member in members {
                if let Some(function) = self.functions.get(*member) {
                    let ran = function.entered.saturating_sub(directly[*member]);
                    calls.insert((self.functions.len() + kind, *member), ran);
                }
            }
        }
        calls
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
