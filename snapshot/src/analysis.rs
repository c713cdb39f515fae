//! What lies on a function's operand stack at each call.
//!
//! Both passes over function bodies need it: the one that makes a function
//! able to unwind, to know what to save, and the one that makes a function's
//! rest, to know what to put back. The types come from the validator, which
//! follows the operand stack anyway.

use crate::{
    Error,
    source::{Defined, Source, val_type, val_types},
};
use std::collections::{HashMap, hash_map::Entry};
use wasm_encoder::ValType;
use wasmparser::{FuncValidator, Operator, ValidatorResources};

/// Operands that one call may have below it in its block: they become a
/// block's parameters, of which validators allow so many.
const MAX_OPERANDS: usize = 1000;

/// Parameters and locals of one function that validators allow.
const MAX_LOCALS: usize = 50_000;

/// Bytes of one function's body that validators allow.
const MAX_BODY: usize = 7_654_321;

/// A function's calls, and where its outer operands must be kept at hand.
pub(crate) struct Analysis {
    /// Parameters, then declared locals.
    pub(crate) locals: Vec<ValType>,
    pub(crate) results: Vec<ValType>,
    /// Extra locals, one for each (position on the operand stack, type) that
    /// an enclosing block hides from a call.
    pub(crate) scratch: Vec<(usize, ValType)>,
    scratch_index: HashMap<(usize, ValType), usize>,
    /// In order of their offsets.
    pub(crate) saves: Vec<Save>,
    /// In order of their offsets.
    pub(crate) sites: Vec<Site>,
}

/// The entry of a block that has operands below it and a call in it.
pub(crate) struct Save {
    /// Offset of the block's instruction.
    pub(crate) offset: usize,
    /// Position on the operand stack of the first of `types`.
    pub(crate) base: usize,
    /// The enclosing block's operands, those that the block takes among them.
    pub(crate) types: Vec<ValType>,
    /// What the block takes, if it is a loop.
    pub(crate) loop_params: Vec<ValType>,
}

/// A call that can be reached.
pub(crate) struct Site {
    /// Which of the function's `call`s and `call_indirect`s it is, those that
    /// can't be reached counted too.
    pub(crate) ordinal: u32,
    /// Offset of the call, and of what follows it.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The function called, if that is known.
    pub(crate) callee: Option<u32>,
    /// Blocks that enclose it.
    pub(crate) depth: u32,
    /// Operands of the innermost block, below the call's results.
    pub(crate) operands: Vec<ValType>,
    pub(crate) results: Vec<ValType>,
    /// From the outermost block, the function's body, inwards.
    pub(crate) levels: Vec<Level>,
}

/// A block that encloses a call.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    pub(crate) kind: LevelKind,
    /// Offset of the block's instruction.
    pub(crate) start: usize,
    /// Offset of the first instruction in it; for an `else`, of that arm's.
    pub(crate) body: usize,
    /// Position on the operand stack below which the block can't reach.
    pub(crate) base: usize,
    /// What it takes from the enclosing block.
    pub(crate) params: Vec<ValType>,
    pub(crate) results: Vec<ValType>,
    /// All the enclosing block's operands where it is entered: positions
    /// `outer_base..`, a condition included.
    pub(crate) outer: Vec<ValType>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LevelKind {
    Function,
    Block,
    Loop,
    Then,
    Else,
}

/// How much is to be learnt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Everything but the sites' `levels`.
    Sites,
    /// The levels of the site with this ordinal, too.
    LevelsOf(u32),
}

/// Analyses `function`, validating it on the way.
pub(crate) fn analyse(
    source: &Source<'_>,
    function: &Defined<'_>,
    detail: Detail,
) -> Result<Analysis, Error> {
    Walk::new(source, function, detail)?.run()
}

struct Walk<'s, 'a> {
    source: &'s Source<'a>,
    function: &'s Defined<'a>,
    detail: Detail,
    validator: FuncValidator<ValidatorResources>,
    control: Vec<Control>,
    analysis: Analysis,
    ordinal: u32,
}

struct Control {
    level: Level,
    /// Whether its code can be reached where it is entered, and now. The
    /// validator can't tell: it takes every nested block for reachable.
    entered: bool,
    reachable: bool,
    /// What to save where it is entered, should a call be found in it.
    save: Option<Save>,
}

impl<'s, 'a> Walk<'s, 'a> {
    fn new(
        source: &'s Source<'a>,
        function: &'s Defined<'a>,
        detail: Detail,
    ) -> Result<Self, Error> {
        let ty = &source.types[function.ty as usize];
        let mut locals = val_types(ty.params())?;
        let mut validator = function.to_validate().into_validator(Default::default());
        let mut reader = function.body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        for declared in function.body.get_locals_reader()? {
            let (count, ty) = declared?;
            let ty = val_type(ty)?;
            locals.extend(std::iter::repeat_n(ty, count as usize));
        }
        let results = val_types(ty.results())?;
        let body = usize::try_from(reader.original_position()).unwrap_or(usize::MAX);
        let level = Level {
            kind: LevelKind::Function,
            start: body,
            body,
            base: 0,
            params: Vec::new(),
            results: results.clone(),
            outer: Vec::new(),
        };
        Ok(Self {
            source,
            function,
            detail,
            validator,
            control: vec![Control {
                level,
                entered: true,
                reachable: true,
                save: None,
            }],
            analysis: Analysis {
                locals,
                results,
                scratch: Vec::new(),
                scratch_index: HashMap::new(),
                saves: Vec::new(),
                sites: Vec::new(),
            },
            ordinal: 0,
        })
    }

    fn run(mut self) -> Result<Analysis, Error> {
        let mut operators = self.function.body.get_operators_reader()?;
        while !operators.eof() {
            let start = position(&operators);
            let operator = operators.read()?;
            let end = position(&operators);
            let entered = self.before(&operator, start, end)?;
            self.validator
                .op(start as u64, &operator)
                .map_err(|error| self.invalid(&error))?;
            self.after(&operator, start, end, entered)?;
        }
        self.analysis.saves.sort_by_key(|save| save.offset);
        Ok(self.analysis)
    }

    fn invalid(&self, error: &wasmparser::BinaryReaderError) -> Error {
        self.source.invalid(self.function.index, error)
    }

    fn height(&self) -> usize {
        self.validator.operand_stack_height() as usize
    }

    /// The operands at positions `from..to`.
    fn operands(&self, from: usize, to: usize) -> Result<Vec<ValType>, Error> {
        let height = self.height();
        (from..to)
            .map(|position| {
                let ty = height
                    .checked_sub(position + 1)
                    .and_then(|depth| self.validator.get_operand_type(depth));
                match ty {
                    Some(Some(ty)) => val_type(ty),
                    // Only where code can't be reached.
                    _ => Ok(ValType::I32),
                }
            })
            .collect()
    }

    /// The block that `operator` enters, as seen before.
    fn before(
        &mut self,
        operator: &Operator<'_>,
        start: usize,
        end: usize,
    ) -> Result<Option<Control>, Error> {
        let (kind, blockty, condition) = match operator {
            Operator::Block { blockty } => (LevelKind::Block, *blockty, 0),
            Operator::Loop { blockty } => (LevelKind::Loop, *blockty, 0),
            Operator::If { blockty } => (LevelKind::Then, *blockty, 1),
            _ => return Ok(None),
        };
        let Some(current) = self.control.last() else {
            return Ok(None);
        };
        let reachable = current.reachable;
        let (params, results) = self.block_type(blockty)?;
        let outer_base = current.level.base;
        let height = self.height();
        let taken = params.len() + condition;
        let base = if reachable {
            height.saturating_sub(taken)
        } else {
            0
        };
        let outer = if reachable {
            self.operands(outer_base, height)?
        } else {
            Vec::new()
        };
        let save = (reachable && base > outer_base).then(|| Save {
            offset: start,
            base: outer_base,
            types: outer.clone(),
            loop_params: match kind {
                LevelKind::Loop => params.clone(),
                _ => Vec::new(),
            },
        });
        Ok(Some(Control {
            level: Level {
                kind,
                start,
                body: end,
                base,
                params,
                results,
                outer,
            },
            entered: reachable,
            reachable,
            save,
        }))
    }

    fn after(
        &mut self,
        operator: &Operator<'_>,
        start: usize,
        end: usize,
        entered: Option<Control>,
    ) -> Result<(), Error> {
        if let Some(entered) = entered {
            self.control.push(entered);
            return Ok(());
        }
        match operator {
            Operator::Call { function_index } => {
                let ty = self.source.functions[*function_index as usize];
                self.site(start, end, Some(*function_index), ty)?;
            }
            Operator::CallIndirect { type_index, .. } => {
                self.site(start, end, None, *type_index)?;
            }
            Operator::End => {
                self.control.pop();
            }
            Operator::Else => {
                if let Some(current) = self.control.last_mut() {
                    current.reachable = current.entered;
                    current.level.kind = LevelKind::Else;
                    current.level.body = end;
                }
            }
            Operator::Unreachable
            | Operator::Br { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => {
                if let Some(current) = self.control.last_mut() {
                    current.reachable = false;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn block_type(&self, ty: wasmparser::BlockType) -> Result<(Vec<ValType>, Vec<ValType>), Error> {
        Ok(match ty {
            wasmparser::BlockType::Empty => (Vec::new(), Vec::new()),
            wasmparser::BlockType::Type(ty) => (Vec::new(), vec![val_type(ty)?]),
            wasmparser::BlockType::FuncType(index) => {
                // What is not valid is refused as soon as this block is entered.
                let Some(ty) = self.source.types.get(index as usize) else {
                    return Ok((Vec::new(), Vec::new()));
                };
                (val_types(ty.params())?, val_types(ty.results())?)
            }
        })
    }

    /// Notes the call that was just validated.
    fn site(
        &mut self,
        start: usize,
        end: usize,
        callee: Option<u32>,
        ty: u32,
    ) -> Result<(), Error> {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let Some(current) = self.control.last() else {
            return Ok(());
        };
        if !current.reachable {
            return Ok(());
        }
        let results = val_types(self.source.types[ty as usize].results())?;
        let below = self.height() - results.len();
        let operands = self.operands(current.level.base, below)?;
        let values = operands.len() + results.len();
        admitted_block(self.source, self.function.index, start, values)?;
        let levels = match self.detail {
            Detail::LevelsOf(wanted) if wanted == ordinal => self
                .control
                .iter()
                .map(|control| control.level.clone())
                .collect(),
            _ => Vec::new(),
        };
        let depth = u32::try_from(self.control.len() - 1).unwrap_or(u32::MAX);
        self.keep_saves();
        self.analysis.sites.push(Site {
            ordinal,
            start,
            end,
            callee,
            depth,
            operands,
            results,
            levels,
        });
        Ok(())
    }

    /// All that enclosing blocks hide has to be saved.
    fn keep_saves(&mut self) {
        for control in &mut self.control {
            let Some(save) = control.save.take() else {
                continue;
            };
            for (position, ty) in (save.base..).zip(&save.types) {
                let next = self.analysis.scratch.len();
                let index = &mut self.analysis.scratch_index;
                if let Entry::Vacant(entry) = index.entry((position, *ty)) {
                    entry.insert(next);
                    self.analysis.scratch.push((position, *ty));
                }
            }
            self.analysis.saves.push(save);
        }
    }
}

/// Refuses to make a function that validators don't admit.
pub(crate) fn admitted(
    source: &Source<'_>,
    function: u32,
    locals: usize,
    body: usize,
) -> Result<(), Error> {
    let (what, limit) = if locals > MAX_LOCALS {
        ("locals", MAX_LOCALS)
    } else if body > MAX_BODY {
        ("bytes of code", MAX_BODY)
    } else {
        return Ok(());
    };
    Err(Error::refused(format!(
        "{} can't be captured: it is so large that what is made of it would have more than \
         {limit} {what}",
        source.describe(function)
    )))
}

/// Refuses to make a block that takes or gives more than validators admit.
pub(crate) fn admitted_block(
    source: &Source<'_>,
    function: u32,
    offset: usize,
    operands: usize,
) -> Result<(), Error> {
    if operands <= MAX_OPERANDS {
        return Ok(());
    }
    Err(Error::refused(format!(
        "{} can't be captured: at offset {offset:#x} there are {operands} operands, and at most \
         {MAX_OPERANDS} can be saved",
        source.describe(function)
    )))
}

fn position(operators: &wasmparser::OperatorsReader<'_>) -> usize {
    usize::try_from(operators.original_position()).unwrap_or(usize::MAX)
}

impl Analysis {
    /// The extra local that keeps the operand at `position`.
    pub(crate) fn scratch_local(&self, position: usize, ty: ValType) -> u32 {
        let index = self.scratch_index.get(&(position, ty));
        local_index(self.locals.len() + index.copied().unwrap_or_default())
    }
}

/// A validator admits 50,000 locals.
pub(crate) fn local_index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
