//! Functions that are to be put in the place of calls.

use super::{expand::Writer, locals, scan, scan::Shape, tidy};
use crate::{
    Error,
    source::{Defined, Source},
};
use wasmparser::{BlockType, FuncValidatorAllocations, Operator, ValType};

/// Operators of a function that is not put anywhere as it is too large, however
/// little it weighs.
const LARGE: usize = 400;

/// What a function weighs that is put in the place of each call of it: not much
/// more than the call itself.
const SMALL: usize = 12;

/// What a call weighs that a function makes whenever it is called itself: one
/// call less is no great thing then. What is called now and then is free.
const CALL: usize = 10;

/// What a loop weighs: it makes calling its function worth the while.
const LOOP: usize = 10;

/// What a function weighs that is called at one place only.
const ONCE: usize = 60;

/// Locals of a function, at most.
const MAX_LOCALS: usize = 60;

/// The body of a function as it is to be put elsewhere.
#[derive(Debug)]
pub(super) struct Template<'a> {
    /// Without the last `end`, and without `return`.
    pub(super) operators: Vec<Operator<'a>>,
    pub(super) params: usize,
    /// The types of all locals, parameters first.
    pub(super) locals: Vec<ValType>,
    /// How often each is read.
    pub(super) gets: Vec<u32>,
    /// How often each is set.
    pub(super) sets: Vec<u32>,
    /// Those that are not parameters and may be read before they are set.
    pub(super) zeroed: Vec<u32>,
    /// The block that it has to be in, if there are branches to its end.
    pub(super) block: Option<BlockType>,
}

/// The template for calls of `function`, imports counted.
pub(super) fn of<'t, 'a>(
    source: &Source<'_>,
    templates: &'t [Option<Template<'a>>],
    function: u32,
) -> Option<&'t Template<'a>> {
    let at = function.checked_sub(source.imported_functions)?;
    templates.get(at as usize)?.as_ref()
}

/// The templates of all functions that are defined: what calls others comes
/// after these, so that it has them in it.
pub(super) fn all<'a>(
    source: &Source<'a>,
    shapes: &[Shape],
) -> Result<Vec<Option<Template<'a>>>, Error> {
    let sites = sites(source, shapes);
    let mut templates: Vec<Option<Template<'a>>> = Vec::new();
    templates.resize_with(shapes.len(), || None);
    for at in order(source, shapes) {
        let template = template(source, &templates, &source.defined[at])?;
        templates[at] = template.filter(|template| is_worth_it(template, sites[at]));
    }
    Ok(templates)
}

fn is_candidate(shape: &Shape) -> bool {
    shape.is_plain && shape.operators <= LARGE
}

/// How many direct calls there are of each function.
fn sites(source: &Source<'_>, shapes: &[Shape]) -> Vec<usize> {
    let mut sites = vec![0; shapes.len()];
    for callee in shapes.iter().flat_map(|shape| &shape.calls) {
        if let Some(at) = callee.checked_sub(source.imported_functions)
            && let Some(count) = sites.get_mut(at as usize)
        {
            *count += 1;
        }
    }
    sites
}

/// The candidates, each behind those that it calls. One that can come back to
/// itself is behind some of them only: it is not in what it calls.
fn order(source: &Source<'_>, shapes: &[Shape]) -> Vec<usize> {
    let candidate = |callee: u32| {
        let at = callee.checked_sub(source.imported_functions)? as usize;
        shapes
            .get(at)
            .filter(|shape| is_candidate(shape))
            .map(|_| at)
    };
    let mut order = Vec::new();
    let mut seen = vec![false; shapes.len()];
    for (root, shape) in shapes.iter().enumerate() {
        if !is_candidate(shape) || seen[root] {
            continue;
        }
        seen[root] = true;
        // Functions, and how many of their calls were followed.
        let mut path = vec![(root, 0)];
        while let Some((at, followed)) = path.last_mut() {
            let Some(callee) = shapes[*at].calls.get(*followed) else {
                order.push(*at);
                path.pop();
                continue;
            };
            *followed += 1;
            if let Some(next) = candidate(*callee)
                && !seen[next]
            {
                seen[next] = true;
                path.push((next, 0));
            }
        }
    }
    order
}

fn is_worth_it(template: &Template<'_>, sites: usize) -> bool {
    let weight = weight(&template.operators);
    sites > 0
        && template.operators.len() <= LARGE
        && template.locals.len() <= MAX_LOCALS
        && (weight <= SMALL || (weight <= ONCE && sites == 1))
}

fn weight(operators: &[Operator<'_>]) -> usize {
    let (mut weight, mut nested) = (0, 0usize);
    for operator in operators {
        weight += scan::weight(operator);
        match operator {
            Operator::Loop { .. } => {
                weight += LOOP;
                nested += 1;
            }
            Operator::Block { .. } | Operator::If { .. } => nested += 1,
            Operator::End => nested = nested.saturating_sub(1),
            Operator::Call { .. } | Operator::CallIndirect { .. } if nested == 0 => weight += CALL,
            _ => {}
        }
    }
    weight
}

fn template<'a>(
    source: &Source<'a>,
    templates: &[Option<Template<'a>>],
    function: &Defined<'a>,
) -> Result<Option<Template<'a>>, Error> {
    let ty = source.function_type(function.index);
    let Some((body, has_branches)) = body(source, function)? else {
        return Ok(None);
    };
    let block = match (has_branches, block(source, ty.results())) {
        (false, _) => None,
        (true, Some(block)) => Some(block),
        (true, None) => return Ok(None),
    };
    let locals = locals(source, function)?;
    let mut writer = Writer::new(source, templates, function.index, locals, LARGE);
    for operator in body {
        writer.push(operator);
    }
    let params = ty.params().len();
    let (locals, mut operators) = (writer.locals, writer.operators);
    tidy::tidy(&mut operators, params, &locals);
    let (gets, sets) = tidy::uses(&operators, locals.len());
    let zeroed = tidy::read_before_set(&operators, params, locals.len());
    let has_zero = |local: &u32| tidy::zero(locals[*local as usize]).is_some();
    let calls_itself = operators.iter().any(|operator| {
        matches!(operator, Operator::Call { function_index } if *function_index == function.index)
    });
    let can_be = !calls_itself && zeroed.iter().all(has_zero);
    Ok(can_be.then_some(Template {
        operators,
        params,
        gets,
        sets,
        zeroed,
        block,
        locals,
    }))
}

/// The block that gives `results`, if the module has a type for it.
fn block(source: &Source<'_>, results: &[ValType]) -> Option<BlockType> {
    match results {
        [] => Some(BlockType::Empty),
        [ty] => Some(BlockType::Type(*ty)),
        _ => {
            let mut types = source.types.iter();
            let at = types.position(|ty| ty.params().is_empty() && ty.results() == results)?;
            Some(BlockType::FuncType(u32::try_from(at).ok()?))
        }
    }
}

/// The operators of `function` without the last `end`, its `return`s as
/// branches; and whether there are branches to the end.
fn body<'a>(
    source: &Source<'_>,
    function: &Defined<'a>,
) -> Result<Option<(Vec<Operator<'a>>, bool)>, Error> {
    let results = source.function_type(function.index).results().len();
    let mut validator = function
        .to_validate()
        .into_validator(FuncValidatorAllocations::default());
    validator.read_locals(&mut function.body.get_binary_reader())?;
    let mut operators: Vec<Operator<'a>> = Vec::new();
    // Branches to the end, and which of them are not needed there.
    let (mut branches, mut last) = (0, None);
    for operator in function
        .body
        .get_operators_reader()?
        .into_iter_with_offsets()
    {
        let (operator, offset) = operator?;
        let nested = validator.control_stack_height().saturating_sub(1);
        let height = validator.operand_stack_height() as usize;
        if validator.op(offset, &operator).is_err() {
            return Ok(None);
        }
        let leaves = |depth: u32| depth >= nested;
        match &operator {
            Operator::Return => {
                branches += 1;
                if nested == 0 && height == results {
                    last = Some(operators.len());
                }
                operators.push(Operator::Br {
                    relative_depth: nested,
                });
                continue;
            }
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                branches += u32::from(leaves(*relative_depth));
            }
            Operator::BrTable { targets } => {
                let mut all = vec![targets.default()];
                for target in targets.targets() {
                    all.push(target?);
                }
                branches += u32::from(all.into_iter().any(leaves));
            }
            _ => {}
        }
        operators.push(operator);
    }
    operators.pop();
    if last.is_some_and(|last| last + 1 == operators.len()) {
        operators.pop();
        branches -= 1;
    }
    Ok(Some((operators, branches > 0)))
}
