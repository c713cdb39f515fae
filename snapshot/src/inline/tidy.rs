//! What is to be known of locals, and done about them, in code that is to be put
//! elsewhere.

use wasmparser::{Operator, ValType};

/// Takes away what only copies locals: what is left is worth more where there
/// is less of it.
pub(super) fn tidy(operators: &mut Vec<Operator<'_>>, params: usize, locals: &[ValType]) {
    share_params(operators, params, locals);
    let last = last_reads(operators, locals.len());
    let mut kept: Vec<Operator<'_>> = Vec::with_capacity(operators.len());
    for (at, operator) in operators.drain(..).enumerate() {
        match (kept.last(), &operator) {
            (
                Some(Operator::LocalGet { local_index: from }),
                Operator::LocalSet { local_index },
            ) if from == local_index => {
                kept.pop();
            }
            (_, Operator::LocalTee { local_index }) if last[*local_index as usize] < at => {}
            (before, Operator::LocalSet { local_index }) if last[*local_index as usize] < at => {
                if before.is_some_and(is_simple) {
                    kept.pop();
                } else {
                    kept.push(Operator::Drop);
                }
            }
            _ => kept.push(operator),
        }
    }
    *operators = kept;
}

/// Where each local is read last, or where that may go back to.
fn last_reads(operators: &[Operator<'_>], locals: usize) -> Vec<usize> {
    let mut last = vec![0; locals];
    // The blocks that are open, and what is read in each loop.
    let mut blocks: Vec<Option<Vec<u32>>> = Vec::new();
    for (at, operator) in operators.iter().enumerate() {
        match operator {
            Operator::LocalGet { local_index } => {
                last[*local_index as usize] = at;
                for reads in blocks.iter_mut().flatten() {
                    reads.push(*local_index);
                }
            }
            Operator::Loop { .. } => blocks.push(Some(Vec::new())),
            Operator::Block { .. } | Operator::If { .. } => blocks.push(None),
            Operator::End => {
                for local in blocks.pop().flatten().unwrap_or_default() {
                    last[local as usize] = at;
                }
            }
            _ => {}
        }
    }
    last
}

/// Code begins with copying parameters to variables: these can be one, if one of
/// them is never set again, or the parameter never read.
fn share_params(operators: &mut [Operator<'_>], params: usize, locals: &[ValType]) {
    let (gets, sets) = uses(operators, locals.len());
    let mut shared: Vec<u32> = (0..).take(locals.len()).collect();
    let copies = operators.chunks_exact(2).map_while(|pair| match *pair {
        [
            Operator::LocalGet { local_index: from },
            Operator::LocalSet { local_index: to },
        ] if (from as usize) < params => Some((from as usize, to as usize)),
        _ => None,
    });
    for (from, to) in copies {
        let is_copy = to >= params && locals[from] == locals[to] && sets[from] == 0;
        let is_free = shared[to] as usize == to && (gets[from] == 1 || sets[to] == 1);
        if is_copy && is_free {
            shared[to] = from as u32;
        }
    }
    for operator in operators {
        rename(operator, &shared);
    }
}

fn rename(operator: &mut Operator<'_>, names: &[u32]) {
    if let Operator::LocalGet { local_index }
    | Operator::LocalSet { local_index }
    | Operator::LocalTee { local_index } = operator
    {
        *local_index = names[*local_index as usize];
    }
}

/// How often each local is read, and set.
pub(super) fn uses(operators: &[Operator<'_>], locals: usize) -> (Vec<u32>, Vec<u32>) {
    let (mut gets, mut sets) = (vec![0; locals], vec![0; locals]);
    for operator in operators {
        match operator {
            Operator::LocalGet { local_index } => gets[*local_index as usize] += 1,
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                sets[*local_index as usize] += 1;
            }
            _ => {}
        }
    }
    (gets, sets)
}

/// Locals that are not parameters and may be read before they are set: where
/// one is set counts up to the end of the block that it is in.
pub(super) fn read_before_set(
    operators: &[Operator<'_>],
    params: usize,
    locals: usize,
) -> Vec<u32> {
    let mut is_set = vec![false; locals];
    is_set[..params].fill(true);
    let mut found = vec![false; locals];
    // What was set in each block that is open.
    let mut blocks: Vec<Vec<usize>> = vec![Vec::new()];
    for operator in operators {
        match operator {
            Operator::LocalGet { local_index } => {
                let local = *local_index as usize;
                found[local] |= !is_set[local];
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                let local = *local_index as usize;
                if let (false, Some(block)) = (is_set[local], blocks.last_mut()) {
                    is_set[local] = true;
                    block.push(local);
                }
            }
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                blocks.push(Vec::new());
            }
            Operator::Else | Operator::End => {
                for local in blocks.pop().unwrap_or_default() {
                    is_set[local] = false;
                }
                if matches!(operator, Operator::Else) {
                    blocks.push(Vec::new());
                }
            }
            _ => {}
        }
    }
    (0..)
        .zip(found)
        .filter_map(|(local, found)| found.then_some(local))
        .collect()
}

/// What a local of type `ty` is before it is set.
pub(super) fn zero(ty: ValType) -> Option<Operator<'static>> {
    Some(match ty {
        ValType::I32 => Operator::I32Const { value: 0 },
        ValType::I64 => Operator::I64Const { value: 0 },
        ValType::F32 => Operator::F32Const {
            value: 0.0f32.into(),
        },
        ValType::F64 => Operator::F64Const {
            value: 0.0f64.into(),
        },
        ValType::V128 => Operator::V128Const {
            value: 0i128.into(),
        },
        ValType::Ref(ty) if ty.is_nullable() => Operator::RefNull {
            hty: ty.heap_type(),
        },
        ValType::Ref(_) => return None,
    })
}

/// Whether the operator only names a value.
pub(super) fn is_simple(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::LocalGet { .. }
            | Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::F32Const { .. }
            | Operator::F64Const { .. }
    )
}

/// How many of the last of `before` give way, with `next` behind them, to what.
pub(super) fn joined<'a>(
    before: &[Operator<'a>],
    next: &Operator<'a>,
) -> Option<(usize, Option<Operator<'a>>)> {
    match (before, next) {
        ([.., last], Operator::Drop) if is_simple(last) => Some((1, None)),
        ([.., Operator::LocalSet { local_index: to }], Operator::LocalGet { local_index })
            if to == local_index =>
        {
            let local_index = *to;
            Some((1, Some(Operator::LocalTee { local_index })))
        }
        // Whether something is not zero is asked anyway.
        (
            [.., Operator::I32Const { value: 0 }, Operator::I32Ne],
            Operator::If { .. } | Operator::BrIf { .. } | Operator::I32Eqz,
        ) => Some((2, Some(next.clone()))),
        // What is one or zero stays so.
        ([.., test, Operator::I32Const { value: 0 }], Operator::I32Ne)
        | ([.., test, Operator::I32Const { value: 1 }], Operator::I32And)
            if is_test(test) =>
        {
            Some((1, None))
        }
        _ => None,
    }
}

/// Whether the operator gives one or zero.
fn is_test(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I32Eqz
            | Operator::I32Eq
            | Operator::I32Ne
            | Operator::I32LtS
            | Operator::I32LtU
            | Operator::I32GtS
            | Operator::I32GtU
            | Operator::I32LeS
            | Operator::I32LeU
            | Operator::I32GeS
            | Operator::I32GeU
            | Operator::I64Eqz
            | Operator::I64Eq
            | Operator::I64Ne
            | Operator::I64LtS
            | Operator::I64LtU
            | Operator::I64GtS
            | Operator::I64GtU
            | Operator::I64LeS
            | Operator::I64LeU
            | Operator::I64GeS
            | Operator::I64GeU
    )
}
