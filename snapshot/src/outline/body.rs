//! A function's operators, and what is known at each.

use super::Heat;
use crate::{Error, cover::begins_stretch};
use wasm_encoder::{
    ValType,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{
    BlockType, FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator,
    ValidatorResources, WasmModuleResources,
};

/// An operator and its place in the body's bytes.
pub(super) struct Op<'a> {
    pub(super) operator: Operator<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Its stretch's.
    pub(super) heat: Heat,
    /// Whether control comes here with no operands of the innermost block on
    /// the stack.
    pub(super) boundary: bool,
    /// Whether control can't come here at all.
    pub(super) dead: bool,
}

/// What opens a block and what ends it.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// Index of the operator; of none for the function's own block.
    pub(super) start: Option<usize>,
    pub(super) otherwise: Option<usize>,
    pub(super) end: usize,
    pub(super) is_loop: bool,
    /// Whether it leaves anything on the stack.
    pub(super) has_results: bool,
}

pub(super) struct Body<'a> {
    pub(super) bytes: &'a [u8],
    /// Where the operators begin, after the locals.
    pub(super) code: usize,
    pub(super) ops: Vec<Op<'a>>,
    /// In the order of their ends; the function's own is the last.
    pub(super) blocks: Vec<Block>,
    /// For each operator the block that it opens.
    pub(super) opened: Vec<Option<Block>>,
    /// Types of the locals, parameters first.
    pub(super) locals: Vec<ValType>,
    pub(super) params: usize,
    pub(super) results: Vec<ValType>,
}

impl<'a> Body<'a> {
    /// `None` if it uses something that is not looked through here.
    pub(super) fn read(
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'a>,
        heat: &[Heat],
    ) -> Result<Option<Self>, Error> {
        let ty = function
            .resources
            .sub_type_at(function.ty)
            .map(|ty| ty.unwrap_func().clone());
        let Some(ty) = ty else { return Ok(None) };
        let mut validator = function.into_validator(FuncValidatorAllocations::default());
        validator.read_locals(&mut body.get_binary_reader())?;
        let from = body.range().start;
        let mut reader = body.get_operators_reader()?;
        let mut ops = Vec::new();
        let mut blocks = Vec::new();
        let mut open: Vec<Block> = vec![Block {
            start: None,
            otherwise: None,
            end: 0,
            is_loop: false,
            has_results: !ty.results().is_empty(),
        }];
        let mut stretch = 0;
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset()?;
            let index = ops.len();
            match &operator {
                Operator::Block { blockty }
                | Operator::Loop { blockty }
                | Operator::If { blockty } => {
                    if let BlockType::FuncType(_) = blockty {
                        return Ok(None);
                    }
                    open.push(Block {
                        start: Some(index),
                        otherwise: None,
                        end: 0,
                        is_loop: matches!(operator, Operator::Loop { .. }),
                        has_results: *blockty != BlockType::Empty,
                    });
                }
                Operator::Else => {
                    if let Some(block) = open.last_mut() {
                        block.otherwise = Some(index);
                    }
                }
                Operator::End => {
                    if let Some(mut block) = open.pop() {
                        block.end = index;
                        blocks.push(block);
                    }
                }
                operator if is_strange(operator) => return Ok(None),
                _ => {}
            }
            let frame = validator.get_control_frame(0);
            let height = validator.operand_stack_height() as usize;
            let begins = begins_stretch(&operator);
            ops.push(Op {
                start: (offset - from) as usize,
                end: (reader.original_position() - from) as usize,
                heat: heat[stretch],
                boundary: frame.is_some_and(|frame| !frame.unreachable && frame.height == height),
                dead: frame.is_none_or(|frame| frame.unreachable),
                operator: operator.clone(),
            });
            validator.op(offset, &operator)?;
            stretch += usize::from(begins);
        }
        let mut locals = Vec::new();
        for index in 0..validator.len_locals() {
            let Some(ty) = validator.get_local_type(index) else {
                return Ok(None);
            };
            locals.push(value_type(ty)?);
        }
        let mut results = Vec::new();
        for ty in ty.results() {
            results.push(value_type(*ty)?);
        }
        let mut opened = vec![None; ops.len()];
        for block in &blocks {
            if let Some(start) = block.start {
                opened[start] = Some(*block);
            }
        }
        let code = ops.first().map_or(0, |op| op.start);
        Ok(Some(Self {
            bytes: body.as_bytes(),
            code,
            ops,
            blocks,
            opened,
            locals,
            params: ty.params().len(),
            results,
        }))
    }
}

pub(super) fn value_type(ty: wasmparser::ValType) -> Result<ValType, Error> {
    Ok(RoundtripReencoder.val_type(ty)?)
}

/// Operators that leave the function in ways that are not followed here.
fn is_strange(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. }
    )
}
