//! A function's code as it is worked on: operators whose effect on locals and
//! on the stack is known, in a list that is easy to take from.

use crate::source::Source;
use wasmparser::{
    BinaryReaderError, BlockType, ContType, FrameKind, FuncType, FunctionBody, ModuleArity,
    Operator, RefType, SubType,
};

/// What an operator does, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Get(u32),
    Set(u32),
    Tee(u32),
    Drop,
    /// `i32.const`.
    Number(i32),
    /// Another constant.
    Const,
    /// `i32.eqz`, `i32.and`: also pure.
    Eqz,
    And,
    /// Pure, and its result is 0 or 1.
    Test,
    /// Gives one result from its operands and does nothing else, ever.
    Pure,
    Block,
    Loop,
    If,
    Else,
    End,
    Br(u32),
    BrIf(u32),
    /// Targets: from where in [`Body::targets`], and how many.
    BrTable(u32, u32),
    /// Leaves the function.
    Exit,
    Other,
    /// Removed.
    Gone,
}

/// One operator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Op {
    pub(super) code: Code,
    /// A [`Code::Get`] after which nothing reads what the local holds.
    pub(super) is_last: bool,
    pub(super) pops: u16,
    pub(super) pushes: u16,
    /// Where it stands in the body, and how long it is.
    at: u32,
    len: u32,
}

impl Op {
    /// Its bytes in `body`.
    pub(super) fn bytes<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        let at = self.at as usize;
        body.get(at..at + self.len as usize).unwrap_or_default()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.code == Code::Gone
    }

    /// Whether it gives a constant.
    pub(super) fn is_constant(&self) -> bool {
        matches!(self.code, Code::Number(_) | Code::Const)
    }

    /// Becomes `code`, which takes and gives as much as `pops` and `pushes` say.
    pub(super) fn become_(&mut self, code: Code, pops: u16, pushes: u16) {
        (self.code, self.pops, self.pushes) = (code, pops, pushes);
    }
}

/// A function's operators, without those that nothing leads to.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) ops: Vec<Op>,
    pub(super) targets: Vec<u32>,
}

/// Reads `body`; nothing, if there is something in it that isn't understood.
///
/// # Errors
///
/// When it is malformed.
pub(super) fn read(
    source: &Source<'_>,
    body: &FunctionBody<'_>,
    locals: usize,
) -> Result<Option<Body>, BinaryReaderError> {
    let mut operators = body.get_operators_reader()?;
    let start = body.range().start;
    let mut read = Body {
        ops: Vec::new(),
        targets: Vec::new(),
    };
    // How deep in blocks that nothing leads to.
    let mut dead: Option<u32> = None;
    while !operators.eof() {
        let at = operators.original_position();
        let operator = operators.read()?;
        dead = match (dead, &operator) {
            (Some(depth), Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. }) => {
                Some(depth + 1)
            }
            (Some(0), Operator::Else | Operator::End) => None,
            (Some(depth), Operator::End) => Some(depth - 1),
            (dead, _) => dead,
        };
        if dead.is_some() {
            continue;
        }
        let Some((code, pops, pushes)) = meaning(source, &operator, &mut read.targets) else {
            return Ok(None);
        };
        match code {
            Code::Gone => continue,
            Code::Get(local) | Code::Set(local) | Code::Tee(local) if local as usize >= locals => {
                return Ok(None);
            }
            Code::Br(_) | Code::BrTable(..) | Code::Exit => dead = Some(0),
            _ => {}
        }
        let (Ok(at), Ok(len)) = (
            u32::try_from(at - start),
            u32::try_from(operators.original_position() - at),
        ) else {
            return Ok(None);
        };
        read.ops.push(Op {
            code,
            is_last: false,
            pops,
            pushes,
            at,
            len,
        });
    }
    Ok(Some(read))
}

fn meaning(
    source: &Source<'_>,
    operator: &Operator<'_>,
    targets: &mut Vec<u32>,
) -> Option<(Code, u16, u16)> {
    let code = match operator {
        Operator::LocalGet { local_index } => Code::Get(*local_index),
        Operator::LocalSet { local_index } => Code::Set(*local_index),
        Operator::LocalTee { local_index } => Code::Tee(*local_index),
        Operator::Drop => Code::Drop,
        Operator::Nop => Code::Gone,
        Operator::Block { .. } => Code::Block,
        Operator::Loop { .. } => Code::Loop,
        Operator::If { .. } => Code::If,
        Operator::Else => Code::Else,
        Operator::End => Code::End,
        Operator::Br { relative_depth } => Code::Br(*relative_depth),
        Operator::BrIf { relative_depth } => Code::BrIf(*relative_depth),
        Operator::BrTable { targets: table } => {
            let first = u32::try_from(targets.len()).ok()?;
            for target in table.targets() {
                targets.push(target.ok()?);
            }
            targets.push(table.default());
            Code::BrTable(first, u32::try_from(targets.len()).ok()? - first)
        }
        Operator::Return
        | Operator::Unreachable
        | Operator::ReturnCall { .. }
        | Operator::ReturnCallIndirect { .. } => Code::Exit,
        Operator::Call { function_index } => {
            source.functions.get(*function_index as usize)?;
            return of_call(source.function_type(*function_index), 0);
        }
        Operator::CallIndirect { type_index, .. } => {
            return of_call(source.types.get(*type_index as usize)?, 1);
        }
        Operator::Try { .. }
        | Operator::TryTable { .. }
        | Operator::Rethrow { .. }
        | Operator::ThrowRef => return None,
        operator => {
            // Of what else changes the flow of control, nothing is known.
            let (pops, pushes) = operator.operator_arity(&Plain)?;
            let code = pure(operator);
            return Some((code, pops.try_into().ok()?, pushes.try_into().ok()?));
        }
    };
    let (pops, pushes) = match code {
        Code::Get(_) => (0, 1),
        Code::Tee(_) => (1, 1),
        Code::Set(_) | Code::Drop => (1, 0),
        // These end what is looked at together, or stand in its way.
        _ => (0, 0),
    };
    Some((code, pops, pushes))
}

fn of_call(ty: &FuncType, more: usize) -> Option<(Code, u16, u16)> {
    let pops = u16::try_from(ty.params().len() + more).ok()?;
    let pushes = u16::try_from(ty.results().len()).ok()?;
    Some((Code::Other, pops, pushes))
}

/// Enough to know of a module for operators that have no types or labels.
struct Plain;

impl ModuleArity for Plain {
    fn sub_type_at(&self, _: u32) -> Option<&SubType> {
        None
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, _: u32) -> Option<u32> {
        None
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        0
    }

    fn label_block(&self, _: u32) -> Option<(BlockType, FrameKind)> {
        None
    }
}

/// Tells operators that could as well not happen, if nothing needs what they
/// give, from those that do something or may trap.
#[rustfmt::skip]
fn pure(operator: &Operator<'_>) -> Code {
    use Operator as O;
    match operator {
        O::I32Const { value } => Code::Number(*value),
        O::I64Const { .. } | O::F32Const { .. } | O::F64Const { .. } => Code::Const,
        O::I32Eqz => Code::Eqz,
        O::I32And => Code::And,
        O::I64Eqz
        | O::I32Eq | O::I32Ne | O::I32LtS | O::I32LtU | O::I32GtS | O::I32GtU | O::I32LeS
        | O::I32LeU | O::I32GeS | O::I32GeU | O::I64Eq | O::I64Ne | O::I64LtS | O::I64LtU
        | O::I64GtS | O::I64GtU | O::I64LeS | O::I64LeU | O::I64GeS | O::I64GeU | O::F32Eq
        | O::F32Ne | O::F32Lt | O::F32Gt | O::F32Le | O::F32Ge | O::F64Eq | O::F64Ne | O::F64Lt
        | O::F64Gt | O::F64Le | O::F64Ge => Code::Test,
        O::GlobalGet { .. } | O::MemorySize { .. } | O::Select
        | O::I32Clz | O::I32Ctz | O::I32Popcnt | O::I32Add | O::I32Sub | O::I32Mul | O::I32Or
        | O::I32Xor | O::I32Shl | O::I32ShrS | O::I32ShrU | O::I32Rotl | O::I32Rotr
        | O::I64Clz | O::I64Ctz | O::I64Popcnt | O::I64Add | O::I64Sub | O::I64Mul | O::I64And
        | O::I64Or | O::I64Xor | O::I64Shl | O::I64ShrS | O::I64ShrU | O::I64Rotl | O::I64Rotr
        | O::I32WrapI64 | O::I64ExtendI32S | O::I64ExtendI32U | O::I32Extend8S | O::I32Extend16S
        | O::I64Extend8S | O::I64Extend16S | O::I64Extend32S
        | O::I32ReinterpretF32 | O::I64ReinterpretF64 | O::F32ReinterpretI32
        | O::F64ReinterpretI64 | O::F64Add | O::F64Sub | O::F64Mul | O::F64Neg | O::F64Abs
        | O::F64ConvertI32S | O::F64ConvertI32U | O::F64ConvertI64S | O::F64ConvertI64U
        | O::F64PromoteF32 | O::F32DemoteF64 => Code::Pure,
        _ => Code::Other,
    }
}
