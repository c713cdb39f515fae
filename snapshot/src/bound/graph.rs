//! Who calls whom, and who pays on being entered.

use super::{
    FREE,
    paths::{CALL, HOST, Passes, passes},
};
use crate::Error;
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
#[derive(Debug, Clone)]
pub(super) struct Called {
    /// How many locals its parameters are.
    pub(super) params: u32,
    pub(super) passes: Passes,
    /// Whether it pays when it is entered.
    pub(super) pays: bool,
}

/// Where a walk along calls is with a function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Walked {
    Not,
    Within,
    Done,
}

impl Graph {
    pub(super) fn of(wasm: &[u8]) -> Result<Self, Error> {
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
                            passes: Passes::default(),
                            pays: false,
                        });
                    }
                }
                Payload::GlobalSection(section) => graph.globals += section.count(),
                Payload::CodeSectionEntry(body) => bodies.push(body),
                _ => {}
            }
        }
        graph.walk(&bodies)?;
        Ok(graph)
    }

    /// Looks at functions after those that they call.
    fn walk(&mut self, bodies: &[FunctionBody<'_>]) -> Result<(), Error> {
        let mut walked = vec![Walked::Not; bodies.len()];
        let mut calls = Vec::with_capacity(bodies.len());
        for (index, body) in bodies.iter().enumerate() {
            let (called, pays) = self.calls(body)?;
            self.functions[index].pays = pays;
            calls.push(called);
        }
        for start in 0..bodies.len() {
            // A function, and which of its calls is next.
            let mut way = vec![(start, 0)];
            if walked[start] != Walked::Not {
                continue;
            }
            walked[start] = Walked::Within;
            while let Some((function, next)) = way.last_mut() {
                let function = *function;
                let Some(callee) = calls[function].get(*next).copied() else {
                    way.pop();
                    walked[function] = Walked::Done;
                    self.measure(function, &bodies[function])?;
                    continue;
                };
                *next += 1;
                match walked[callee] {
                    Walked::Done => {}
                    // It closes a circle.
                    Walked::Within => self.functions[callee].pays = true,
                    Walked::Not => {
                        walked[callee] = Walked::Within;
                        way.push((callee, 0));
                    }
                }
            }
        }
        Ok(())
    }

    /// The functions that `body` calls, by position, and whether it also calls
    /// others.
    fn calls(&self, body: &FunctionBody<'_>) -> Result<(Vec<usize>, bool), Error> {
        let (mut called, mut others) = (Vec::new(), false);
        for operator in body.get_operators_reader()? {
            match operator? {
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    called.extend(function_index.checked_sub(self.imports).map(|i| i as usize));
                }
                operator => others |= is_indirect(&operator),
            }
        }
        called.sort_unstable();
        called.dedup();
        Ok((called, others))
    }

    fn measure(&mut self, function: usize, body: &FunctionBody<'_>) -> Result<(), Error> {
        let passes = passes(body.get_operators_reader()?.into_iter(), |operator| {
            self.cost(operator)
        })?;
        let function = &mut self.functions[function];
        function.pays |= passes.for_callers() > FREE || !passes.paid_at.is_empty();
        function.passes = passes;
        Ok(())
    }

    /// The most that an operator does, besides what is paid elsewhere.
    fn cost(&self, operator: &Operator<'_>) -> u32 {
        match operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                match function_index.checked_sub(self.imports) {
                    None => HOST,
                    Some(index) => CALL + self.cost_of(index as usize),
                }
            }
            // A function in a table that does not pay, or one of the host.
            operator if is_indirect(operator) => CALL + FREE.max(HOST),
            Operator::Block { .. } | Operator::Loop { .. } => 0,
            _ => 1,
        }
    }

    fn cost_of(&self, index: usize) -> u32 {
        match self.functions.get(index) {
            Some(function) if !function.pays => function.passes.for_callers(),
            _ => 0,
        }
    }
}

/// Whether `operator` calls what is not known.
fn is_indirect(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::CallIndirect { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCallRef { .. }
    )
}
