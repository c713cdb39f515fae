//! Functions that are so short that to enter the interpreter takes longer than
//! they do.
//!
//! What a host calls again and again is often a few operations on numbers. Such a
//! function, straight-line and without memory, globals, calls or anything that can
//! trap, is worked out here, by the interpreter's own definitions of the operations
//! ([`wasmi_core::wasm`]). Nothing can tell the difference but a clock; calls whose
//! fuel is counted are the interpreter's.

use crate::Value;
use std::{collections::HashMap, sync::Arc};
use wasmi_core::wasm;
use wasmparser::{ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef, ValType as Type};

/// Locals and operands that a function may have at a time.
const PLACES: usize = 16;
/// Operators of a function: for more, entering the interpreter is not what counts.
const MAX_OPERATORS: usize = 32;
/// Bytes of a body that is looked at.
const MAX_BODY: usize = 128;

/// A short function.
#[derive(Debug)]
pub(super) struct Leaf {
    params: Vec<Type>,
    results: Vec<Type>,
    locals: usize,
    ops: Vec<Op>,
}

/// What it does, on a frame of locals and the operands behind them.
#[derive(Debug, Clone, Copy)]
enum Op {
    Get(usize),
    Set(usize),
    Tee(usize),
    Const(u64),
    Drop,
    Select,
    Unary(fn(u64) -> u64),
    Binary(fn(u64, u64) -> u64),
}

/// Numbers as a frame has them.
trait Raw {
    fn from_raw(raw: u64) -> Self;
    fn into_raw(self) -> u64;
}

macro_rules! raw {
    ($($ty:ty: $from:expr, $into:expr;)*) => {
        $(impl Raw for $ty {
            fn from_raw(raw: u64) -> Self {
                $from(raw)
            }
            fn into_raw(self) -> u64 {
                $into(self)
            }
        })*
    };
}

raw! {
    i32: |raw| raw as i32, |value: i32| u64::from(value.cast_unsigned());
    u32: |raw| raw as u32, u64::from;
    i64: |raw: u64| raw.cast_signed(), i64::cast_unsigned;
    u64: |raw| raw, |value| value;
    f32: |raw| f32::from_bits(raw as u32), |value: f32| u64::from(value.to_bits());
    f64: f64::from_bits, f64::to_bits;
    bool: |raw| raw != 0, u64::from;
}

macro_rules! operators {
    ($operator:expr; $($name:ident => $function:ident $arity:tt,)*) => {
        match $operator {
            $(Operator::$name => operators!($arity $function),)*
            _ => return None,
        }
    };
    (1 $function:ident) => { Op::Unary(|a| wasm::$function(Raw::from_raw(a)).into_raw()) };
    (2 $function:ident) => {
        Op::Binary(|a, b| wasm::$function(Raw::from_raw(a), Raw::from_raw(b)).into_raw())
    };
}

/// What `operator` does, where that is known here.
fn op(operator: &Operator<'_>) -> Option<Op> {
    Some(match operator {
        Operator::LocalGet { local_index } => Op::Get(*local_index as usize),
        Operator::LocalSet { local_index } => Op::Set(*local_index as usize),
        Operator::LocalTee { local_index } => Op::Tee(*local_index as usize),
        Operator::I32Const { value } => Op::Const(value.into_raw()),
        Operator::I64Const { value } => Op::Const(value.into_raw()),
        Operator::F32Const { value } => Op::Const(u64::from(value.bits())),
        Operator::F64Const { value } => Op::Const(value.bits()),
        Operator::Drop => Op::Drop,
        Operator::Select => Op::Select,
        operator => numeric(operator)?,
    })
}

fn numeric(operator: &Operator<'_>) -> Option<Op> {
    Some(operators! { operator;
        I32Add => i32_add 2, I32Sub => i32_sub 2, I32Mul => i32_mul 2,
        I64Add => i64_add 2, I64Sub => i64_sub 2, I64Mul => i64_mul 2,
        I32And => i32_bitand 2, I32Or => i32_bitor 2, I32Xor => i32_bitxor 2,
        I64And => i64_bitand 2, I64Or => i64_bitor 2, I64Xor => i64_bitxor 2,
        I32Shl => i32_shl 2, I32ShrS => i32_shr_s 2, I32ShrU => i32_shr_u 2,
        I64Shl => i64_shl 2, I64ShrS => i64_shr_s 2, I64ShrU => i64_shr_u 2,
        I32Rotl => i32_rotl 2, I32Rotr => i32_rotr 2,
        I64Rotl => i64_rotl 2, I64Rotr => i64_rotr 2,
        I32Clz => i32_clz 1, I32Ctz => i32_ctz 1, I32Popcnt => i32_popcnt 1,
        I64Clz => i64_clz 1, I64Ctz => i64_ctz 1, I64Popcnt => i64_popcnt 1,
        I32Eqz => i32_eqz 1, I64Eqz => i64_eqz 1,
        I32Eq => i32_eq 2, I32Ne => i32_ne 2, I64Eq => i64_eq 2, I64Ne => i64_ne 2,
        I32LtS => i32_lt_s 2, I32LtU => i32_lt_u 2, I32GtS => i32_gt_s 2, I32GtU => i32_gt_u 2,
        I32LeS => i32_le_s 2, I32LeU => i32_le_u 2, I32GeS => i32_ge_s 2, I32GeU => i32_ge_u 2,
        I64LtS => i64_lt_s 2, I64LtU => i64_lt_u 2, I64GtS => i64_gt_s 2, I64GtU => i64_gt_u 2,
        I64LeS => i64_le_s 2, I64LeU => i64_le_u 2, I64GeS => i64_ge_s 2, I64GeU => i64_ge_u 2,
        F32Eq => f32_eq 2, F32Ne => f32_ne 2, F32Lt => f32_lt 2, F32Gt => f32_gt 2,
        F32Le => f32_le 2, F32Ge => f32_ge 2, F64Eq => f64_eq 2, F64Ne => f64_ne 2,
        F64Lt => f64_lt 2, F64Gt => f64_gt 2, F64Le => f64_le 2, F64Ge => f64_ge 2,
        F32Add => f32_add 2, F32Sub => f32_sub 2, F32Mul => f32_mul 2, F32Div => f32_div 2,
        F64Add => f64_add 2, F64Sub => f64_sub 2, F64Mul => f64_mul 2, F64Div => f64_div 2,
        F32Abs => f32_abs 1, F32Neg => f32_neg 1, F64Abs => f64_abs 1, F64Neg => f64_neg 1,
        F32Sqrt => f32_sqrt 1, F64Sqrt => f64_sqrt 1,
        F32Min => f32_min 2, F32Max => f32_max 2, F64Min => f64_min 2, F64Max => f64_max 2,
        I32WrapI64 => i32_wrap_i64 1, I64ExtendI32S => i64_extend_i32_s 1,
        I64ExtendI32U => i64_extend_i32_u 1,
        F32DemoteF64 => f32_demote_f64 1, F64PromoteF32 => f64_promote_f32 1,
        F32ConvertI32S => f32_convert_i32_s 1, F32ConvertI32U => f32_convert_i32_u 1,
        F32ConvertI64S => f32_convert_i64_s 1, F32ConvertI64U => f32_convert_i64_u 1,
        F64ConvertI32S => f64_convert_i32_s 1, F64ConvertI32U => f64_convert_i32_u 1,
        F64ConvertI64S => f64_convert_i64_s 1, F64ConvertI64U => f64_convert_i64_u 1,
        I32TruncSatF32S => i32_trunc_sat_f32_s 1, I32TruncSatF32U => i32_trunc_sat_f32_u 1,
        I32TruncSatF64S => i32_trunc_sat_f64_s 1, I32TruncSatF64U => i32_trunc_sat_f64_u 1,
        I64TruncSatF32S => i64_trunc_sat_f32_s 1, I64TruncSatF32U => i64_trunc_sat_f32_u 1,
        I64TruncSatF64S => i64_trunc_sat_f64_s 1, I64TruncSatF64U => i64_trunc_sat_f64_u 1,
        I32Extend8S => i32_extend8_s 1, I32Extend16S => i32_extend16_s 1,
        I64Extend8S => i64_extend8_s 1, I64Extend16S => i64_extend16_s 1,
        I64Extend32S => i64_extend32_s 1,
    })
}

impl Leaf {
    /// The function with `body`, if it is one.
    fn new(ty: &wasmparser::FuncType, body: &FunctionBody<'_>) -> Option<Self> {
        let is_number = |ty: &Type| matches!(ty, Type::I32 | Type::I64 | Type::F32 | Type::F64);
        if !ty.params().iter().chain(ty.results()).all(is_number) {
            return None;
        }
        let mut locals = ty.params().len();
        for group in body.get_locals_reader().ok()? {
            let (count, ty) = group.ok()?;
            locals = locals.checked_add(count as usize)?;
            if !is_number(&ty) || locals > PLACES {
                return None;
            }
        }
        let mut ops = Vec::new();
        let (mut height, mut highest) = (locals, locals);
        let mut operators = body.get_operators_reader().ok()?;
        loop {
            let operator = operators.read().ok()?;
            if matches!(operator, Operator::End) {
                break;
            }
            let op = op(&operator)?;
            height = match op {
                Op::Get(_) | Op::Const(_) => height + 1,
                Op::Tee(_) | Op::Unary(_) => height,
                Op::Set(_) | Op::Drop | Op::Binary(_) => height.checked_sub(1)?,
                Op::Select => height.checked_sub(2)?,
            };
            highest = highest.max(height);
            ops.push(op);
        }
        let fits = operators.eof() && highest <= PLACES && ops.len() <= MAX_OPERATORS;
        (fits && height == locals + ty.results().len()).then(|| Self {
            params: ty.params().to_vec(),
            results: ty.results().to_vec(),
            locals,
            ops,
        })
    }

    /// How many results it gives.
    pub(super) fn results(&self) -> usize {
        self.results.len()
    }

    /// Calls it, if `args` are what it takes, and `results` has room for what it
    /// gives; whether it did.
    pub(super) fn call(&self, args: &[Value], results: &mut [Value]) -> bool {
        if args.len() != self.params.len() || results.len() != self.results.len() {
            return false;
        }
        let mut frame = [0; PLACES];
        for ((place, value), ty) in frame.iter_mut().zip(args).zip(&self.params) {
            *place = match (value, ty) {
                (Value::I32(value), Type::I32) => value.into_raw(),
                (Value::I64(value), Type::I64) => value.into_raw(),
                (Value::F32(value), Type::F32) => value.into_raw(),
                (Value::F64(value), Type::F64) => value.into_raw(),
                _ => return false,
            };
        }
        self.work_out(&mut frame);
        for ((place, raw), ty) in results
            .iter_mut()
            .zip(&frame[self.locals..])
            .zip(&self.results)
        {
            *place = match ty {
                Type::I32 => Value::I32(Raw::from_raw(*raw)),
                Type::I64 => Value::I64(Raw::from_raw(*raw)),
                Type::F32 => Value::F32(Raw::from_raw(*raw)),
                _ => Value::F64(Raw::from_raw(*raw)),
            };
        }
        true
    }

    /// Leaves the results behind the locals.
    fn work_out(&self, frame: &mut [u64; PLACES]) {
        // That they are within the frame was seen when it was made.
        let at = |place: usize| place % PLACES;
        let mut top = self.locals;
        for op in &self.ops {
            match *op {
                Op::Get(local) => {
                    frame[at(top)] = frame[at(local)];
                    top += 1;
                }
                Op::Const(value) => {
                    frame[at(top)] = value;
                    top += 1;
                }
                Op::Set(local) => {
                    top -= 1;
                    frame[at(local)] = frame[at(top)];
                }
                Op::Tee(local) => frame[at(local)] = frame[at(top - 1)],
                Op::Drop => top -= 1,
                Op::Select => {
                    top -= 2;
                    if frame[at(top + 1)] as u32 == 0 {
                        frame[at(top - 1)] = frame[at(top)];
                    }
                }
                Op::Unary(function) => frame[at(top - 1)] = function(frame[at(top - 1)]),
                Op::Binary(function) => {
                    top -= 1;
                    frame[at(top - 1)] = function(frame[at(top - 1)], frame[at(top)]);
                }
            }
        }
    }
}

/// The short functions that the valid module `wasm` exports, by name.
pub(super) fn leaves(wasm: &[u8]) -> HashMap<String, Arc<Leaf>> {
    // What can't be read here is left to the interpreter.
    find(wasm).unwrap_or_default()
}

fn find(wasm: &[u8]) -> Option<HashMap<String, Arc<Leaf>>> {
    let mut types = Vec::new();
    let mut functions = Vec::new();
    let (mut imported, mut bodies) = (0_u32, 0_u32);
    let mut names: HashMap<u32, Vec<&str>> = HashMap::new();
    let mut found = HashMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.ok()? {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    types.push(ty.ok()?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if matches!(import.ok()?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                        imported += 1;
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for index in section {
                    functions.push(index.ok()?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    if export.kind == ExternalKind::Func {
                        names.entry(export.index).or_default().push(export.name);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let index = imported.checked_add(bodies)?;
                let ty = functions.get(bodies as usize);
                bodies += 1;
                let Some(names) = names.get(&index) else {
                    continue;
                };
                if body.as_bytes().len() > MAX_BODY {
                    continue;
                }
                let ty = types.get(*ty? as usize)?;
                if let Some(leaf) = Leaf::new(ty, &body).map(Arc::new) {
                    let named = names.iter();
                    found.extend(named.map(|name| ((*name).to_owned(), Arc::clone(&leaf))));
                }
            }
            _ => {}
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests;
