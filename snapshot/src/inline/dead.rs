//! Functions that nothing can call any more.

use super::{Written, scan::Shape};
use crate::source::Source;
use wasmparser::{ConstExpr, ElementItems, ElementKind, ExternalKind, Operator, TableInit};

/// Those that are defined and can't be called from outside, nor from what can,
/// counted from the first that is defined.
pub(super) fn functions(
    source: &Source<'_>,
    shapes: &[Shape],
    written: &[Option<Written>],
) -> Vec<usize> {
    let mut live = Live {
        is_live: vec![false; shapes.len()],
        left: Vec::new(),
        imported: source.imported_functions,
    };
    if !live.roots(source) {
        return Vec::new();
    }
    // What is put in a function may refer to others.
    for function in shapes.iter().flat_map(|shape| &shape.refers) {
        live.mark(*function);
    }
    while let Some(at) = live.left.pop() {
        let calls = match &written[at] {
            Some(written) => &written.calls,
            None => &shapes[at].calls,
        };
        for function in calls {
            live.mark(*function);
        }
    }
    (0..shapes.len()).filter(|at| !live.is_live[*at]).collect()
}

struct Live {
    is_live: Vec<bool>,
    /// What was found, and is to be followed.
    left: Vec<usize>,
    imported: u32,
}

impl Live {
    fn mark(&mut self, function: u32) {
        let Some(at) = function.checked_sub(self.imported) else {
            return;
        };
        if let Some(is_live) = self.is_live.get_mut(at as usize)
            && !*is_live
        {
            *is_live = true;
            self.left.push(at as usize);
        }
    }

    /// Marks what the module gives to its host or keeps in tables and globals.
    /// Whether all of it could be read.
    fn roots(&mut self, source: &Source<'_>) -> bool {
        for export in &source.exports {
            if export.kind == ExternalKind::Func {
                self.mark(export.index);
            }
        }
        if let Some(start) = source.start {
            self.mark(start);
        }
        let mut all = true;
        for (_, value) in &source.globals {
            all &= self.expression(value);
        }
        for (_, value) in &source.tables {
            if let TableInit::Expr(value) = value {
                all &= self.expression(value);
            }
        }
        for element in &source.elements {
            if let ElementKind::Active { offset_expr, .. } = &element.kind {
                all &= self.expression(offset_expr);
            }
            all &= self.elements(&element.items);
        }
        all
    }

    fn elements(&mut self, items: &ElementItems<'_>) -> bool {
        match items {
            ElementItems::Functions(functions) => functions.clone().into_iter().all(|function| {
                let function = function.map(|function| self.mark(function));
                function.is_ok()
            }),
            ElementItems::Expressions(_, values) => values.clone().into_iter().all(|value| {
                let value = value.map(|value| self.expression(&value));
                value.unwrap_or(false)
            }),
        }
    }

    fn expression(&mut self, value: &ConstExpr<'_>) -> bool {
        value.get_operators_reader().into_iter().all(|operator| {
            if let Ok(Operator::RefFunc { function_index }) = operator {
                self.mark(function_index);
            }
            operator.is_ok()
        })
    }
}
