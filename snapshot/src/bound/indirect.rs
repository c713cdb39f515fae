//! What calls through tables can lead to.

use crate::Error;
use std::collections::BTreeSet;
use wasmparser::{
    ConstExpr, ElementItems, FuncType, Operator, Parser, Payload, TableInit, TypeRef,
};

/// The functions that can be in tables, by their types: all that the module
/// refers to anywhere. The host puts none there.
#[derive(Debug, Clone, Default)]
pub(super) struct Indirect {
    /// For each type, which kind of function it is. Types that are written twice
    /// are of one kind.
    of_types: Vec<usize>,
    pub(super) kinds: Vec<Kind>,
}

/// The functions of a type.
#[derive(Debug, Clone, Default)]
pub(super) struct Kind {
    /// Those of the module, by position.
    pub(super) members: Vec<usize>,
    /// Whether there may be others.
    is_open: bool,
    /// What calling any of them can cost, once that is known.
    pub(super) cost: u32,
}

impl Indirect {
    pub(super) fn of(wasm: &[u8]) -> Result<Self, Error> {
        let mut types: Vec<FuncType> = Vec::new();
        // The types of all functions, and how many are imported.
        let (mut functions, mut imports) = (Vec::new(), 0);
        let (mut listed, mut has_foreign_tables) = (BTreeSet::new(), false);
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        types.push(ty?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                                functions.push(ty);
                                imports += 1;
                            }
                            TypeRef::Table(_) => has_foreign_tables = true,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        functions.push(ty?);
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        if let TableInit::Expr(expr) = table?.init {
                            list(&expr, &mut listed)?;
                        }
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        list(&global?.init_expr, &mut listed)?;
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader()? {
                        if let Operator::RefFunc { function_index } = operator? {
                            listed.insert(function_index);
                        }
                    }
                }
                Payload::ElementSection(section) => {
                    for element in section {
                        match element?.items {
                            ElementItems::Functions(indices) => {
                                for index in indices {
                                    listed.insert(index?);
                                }
                            }
                            ElementItems::Expressions(_, exprs) => {
                                for expr in exprs {
                                    list(&expr?, &mut listed)?;
                                }
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        let mut indirect = Self::new(&types, has_foreign_tables);
        for index in listed {
            let of_type = functions.get(index as usize).copied();
            let kind = of_type.and_then(|ty| indirect.of_types.get(ty as usize).copied());
            let Some(kind) = kind.and_then(|kind| indirect.kinds.get_mut(kind)) else {
                continue;
            };
            match (index as usize).checked_sub(imports) {
                Some(index) => kind.members.push(index),
                None => kind.is_open = true,
            }
        }
        Ok(indirect)
    }

    fn new(types: &[FuncType], is_open: bool) -> Self {
        let mut known = std::collections::HashMap::new();
        let mut indirect = Self::default();
        for ty in types {
            let next = indirect.kinds.len();
            let kind = *known.entry(ty).or_insert(next);
            if kind == next {
                indirect.kinds.push(Kind {
                    is_open,
                    ..Kind::default()
                });
            }
            indirect.of_types.push(kind);
        }
        indirect
    }

    /// The kind of the functions of the type `ty`, if they are all known.
    pub(super) fn kind(&self, ty: u32) -> Option<usize> {
        let kind = *self.of_types.get(ty as usize)?;
        (!self.kinds.get(kind)?.is_open).then_some(kind)
    }
}

/// Adds the functions that `expr` refers to.
fn list(expr: &ConstExpr<'_>, listed: &mut BTreeSet<u32>) -> Result<(), Error> {
    for operator in expr.get_operators_reader() {
        if let Operator::RefFunc { function_index } = operator? {
            listed.insert(function_index);
        }
    }
    Ok(())
}
