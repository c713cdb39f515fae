//! What goes between a guest on wasmi and its host, and how it is shown.

use dormouse_snapshot::Reference;
use std::collections::HashMap;
use wasmi::{Nullable, Val, ValType};

/// What the host calls exported functions with.
pub(crate) fn argument(ty: ValType) -> Val {
    match ty {
        ValType::I32 => Val::I32(5),
        ValType::I64 => Val::I64(6),
        ValType::F32 => Val::F32(7.5.into()),
        ValType::F64 => Val::F64(8.5.into()),
        ty => Val::default_for_ty(ty),
    }
}

/// A value, bit by bit.
pub(crate) fn show(value: &Val) -> String {
    match value {
        Val::F32(value) => format!("f32 {:x}", value.to_bits()),
        Val::F64(value) => format!("f64 {:x}", value.to_bits()),
        Val::FuncRef(reference) => format!("funcref, null: {}", reference.is_null()),
        Val::ExternRef(reference) => format!("externref, null: {}", reference.is_null()),
        other => format!("{other:?}"),
    }
}

/// A reference, by the `names` of functions.
pub(crate) fn name_of(names: &HashMap<String, String>, reference: &Reference) -> String {
    match reference {
        Reference::Null => "null".to_owned(),
        Reference::Extern => "extern".to_owned(),
        Reference::Function(function) => names.get(function).map_or("?", String::as_str).to_owned(),
    }
}

/// What the host notes of the argument of a call.
pub(crate) fn told(arg: &Val) -> i64 {
    match arg {
        Val::I32(value) => i64::from(*value),
        Val::I64(value) => *value,
        Val::F32(value) => i64::from(value.to_bits()),
        Val::F64(value) => value.to_bits().cast_signed(),
        Val::V128(value) => (value.as_u128() ^ (value.as_u128() >> 64)) as i64,
        Val::FuncRef(reference) => i64::from(reference.is_null()),
        Val::ExternRef(reference) => i64::from(reference.is_null()),
    }
}

/// What it gives for a result like `result`, made of `bits`; nothing, if that is
/// to be a new thing of the host's.
pub(crate) fn given(result: &Val, args: &[Val], bits: u64) -> Option<Val> {
    Some(match result {
        Val::I32(_) => Val::I32(bits as i32),
        Val::I64(_) => Val::I64(bits.cast_signed()),
        Val::F32(_) => Val::F32(wasmi::F32::from_bits(bits as u32)),
        Val::F64(_) => Val::F64(wasmi::F64::from_bits(bits)),
        Val::V128(_) => Val::V128(wasmi::V128::from(u128::from(bits) << 37)),
        Val::FuncRef(_) => args
            .iter()
            .find(|arg| matches!(arg, Val::FuncRef(_)))
            .cloned()
            .unwrap_or(Val::FuncRef(Nullable::Null)),
        Val::ExternRef(_) if bits.is_multiple_of(32) => return None,
        Val::ExternRef(_) => Val::ExternRef(Nullable::Null),
    })
}
