//! Wasm values, as they go into an invoked export and come out of it.

use crate::{Error, ErrorKind, wasm::Func};
use std::fmt;
use wasmi::{Val, ValType};

/// A Wasm value.
///
/// ```
/// use dormouse::Value;
/// assert_eq!(Value::from(1.5), Value::F64(1.5));
/// assert_eq!(Value::I32(-1).to_string(), "-1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A 32-bit integer; its sign is the reader's business, signed here.
    I32(i32),
    /// A 64-bit integer, signed here.
    I64(i64),
    /// A 32-bit float.
    F32(f32),
    /// A 64-bit float.
    F64(f64),
    /// A 128-bit vector, as one little-endian number.
    V128(u128),
    /// A null reference of whichever type.
    Null,
    /// A function of an [`Instance`](crate::Instance).
    Func(Func),
    /// Something of the host's own, which a guest can keep and pass on: a number
    /// that the host knows it by.
    Extern(u64),
    /// A reference to something in a store that is gone; it has no form outside
    /// it.
    Reference,
}

impl Value {
    /// What it is, in the words of the Wasm text format.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::I32(_) => "i32",
            Self::I64(_) => "i64",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::V128(_) => "v128",
            Self::Null => "null",
            Self::Func(_) => "funcref",
            Self::Extern(_) => "externref",
            Self::Reference => "a reference",
        }
    }

    /// Reads `text` as a value of type `ty`: integers decimal or with `0x`,
    /// signed or unsigned; floats decimal, `inf`, `nan`; vectors with `0x`.
    pub(crate) fn parse(text: &str, ty: ValType) -> Result<Self, Error> {
        let parsed = match ty {
            ValType::I32 => integer(text, 32).map(|value| Self::I32(value as i32)),
            ValType::I64 => integer(text, 64).map(|value| Self::I64(value as i64)),
            ValType::F32 => text.parse().ok().map(Self::F32),
            ValType::F64 => text.parse().ok().map(Self::F64),
            ValType::V128 => vector(text).map(Self::V128),
            ValType::FuncRef | ValType::ExternRef => (text == "null").then_some(Self::Null),
        };
        parsed.ok_or_else(|| {
            Error::new(
                ErrorKind::Invoke,
                format!("{text:?} is not a value of type {}", type_name(ty)),
            )
        })
    }

    pub(crate) fn to_val(self, ty: ValType) -> Val {
        match self {
            Self::I32(value) => Val::I32(value),
            Self::I64(value) => Val::I64(value),
            Self::F32(value) => Val::F32(value.into()),
            Self::F64(value) => Val::F64(value.into()),
            Self::V128(value) => Val::V128(value.into()),
            Self::Null | Self::Func(_) | Self::Extern(_) | Self::Reference => {
                Val::default_for_ty(ty)
            }
        }
    }

    pub(crate) fn from_val(value: &Val) -> Self {
        match value {
            Val::I32(value) => Self::I32(*value),
            Val::I64(value) => Self::I64(*value),
            Val::F32(value) => Self::F32(value.to_float()),
            Val::F64(value) => Self::F64(value.to_float()),
            Val::V128(value) => Self::V128(value.as_u128()),
            Val::FuncRef(reference) if reference.is_null() => Self::Null,
            Val::ExternRef(reference) if reference.is_null() => Self::Null,
            Val::FuncRef(_) | Val::ExternRef(_) => Self::Reference,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32(value) => write!(f, "{value}"),
            Self::I64(value) => write!(f, "{value}"),
            Self::F32(value) => write!(f, "{value}"),
            Self::F64(value) => write!(f, "{value}"),
            Self::V128(value) => write!(f, "{value:#034x}"),
            Self::Null => f.write_str("null"),
            Self::Func(_) => f.write_str("<function>"),
            Self::Extern(id) => write!(f, "<reference {id}>"),
            Self::Reference => f.write_str("<reference>"),
        }
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::I32(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::I64(value)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::F32(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::F64(value)
    }
}

impl From<u128> for Value {
    fn from(value: u128) -> Self {
        Self::V128(value)
    }
}

impl From<Func> for Value {
    fn from(func: Func) -> Self {
        Self::Func(func)
    }
}

/// The Wasm text format's name of a type.
pub(crate) fn type_name(ty: ValType) -> &'static str {
    match ty {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::V128 => "v128",
        ValType::FuncRef => "funcref",
        ValType::ExternRef => "externref",
    }
}

/// An integer of `bits` bits, signed or unsigned, in two's complement.
fn integer(text: &str, bits: u32) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['-', '+']) {
        return None;
    }
    let magnitude = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(hex) => i128::from_str_radix(hex, 16).ok()?,
        None => digits.parse::<i128>().ok()?,
    };
    let value = sign * magnitude;
    (-(1 << (bits - 1))..(1 << bits))
        .contains(&value)
        .then_some(value)
}

fn vector(text: &str) -> Option<u128> {
    match text.strip_prefix("0x") {
        Some(hex) if !hex.starts_with('+') => u128::from_str_radix(hex, 16).ok(),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_signed_or_unsigned() {
        let i32 = |text| Value::parse(text, ValType::I32).ok();
        assert_eq!(i32("-2147483648"), Some(Value::I32(i32::MIN)));
        assert_eq!(i32("4294967295"), Some(Value::I32(-1)));
        assert_eq!(i32("0xff"), Some(Value::I32(255)));
        assert_eq!(i32("4294967296"), None);
        assert_eq!(i32("-2147483649"), None);
        assert_eq!(i32("--1"), None);
        assert_eq!(i32("1.5"), None);
        let i64 = |text| Value::parse(text, ValType::I64).ok();
        assert_eq!(i64("18446744073709551615"), Some(Value::I64(-1)));
        assert_eq!(i64("18446744073709551616"), None);
    }

    #[test]
    fn floats_and_vectors() {
        assert_eq!(
            Value::parse("-inf", ValType::F64).ok(),
            Some(Value::F64(f64::NEG_INFINITY))
        );
        assert_eq!(
            Value::parse("0x10", ValType::V128).ok(),
            Some(Value::V128(16))
        );
        assert_eq!(
            Value::V128(16).to_string(),
            "0x00000000000000000000000000000010"
        );
    }
}
