//! Wasm values.

use crate::{error::Error, raw};
use runtime::{Func, ValueType};
use std::sync::{Arc, Mutex, PoisonError};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum Kind {
    /// A null reference, to functions or to anything else. Nothing is set.
    Null = 0,
    /// A 32-bit integer, in `i32`; its sign is the reader's business.
    I32 = 1,
    /// A 64-bit integer, in `i64`.
    I64 = 2,
    /// A 32-bit float, in `f32`.
    F32 = 3,
    /// A 64-bit float, in `f64`.
    F64 = 4,
    /// A 128-bit vector, in `v128`, its lowest byte first.
    V128 = 5,
    /// A function of the instance, by its number in `reference`: see
    /// dormouse_instance_function.
    Function = 6,
    /// Something of the caller's own, which a guest can keep and pass on: any
    /// number, in `reference`.
    Extern = 7,
}

/// A Wasm value.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Value {
    /// A dormouse_kind.
    pub kind: i32,
    /// What it is.
    pub of: Number,
}

/// What a value is: the field that its kind says is set.
#[derive(Clone, Copy)]
#[repr(C)]
#[expect(missing_docs, reason = "a field for each kind")]
pub union Number {
    pub i32: i32,
    pub i64: i64,
    pub f32: f32,
    pub f64: f64,
    pub v128: [u8; 16],
    pub reference: u64,
}

impl Value {
    /// Zero, or null.
    pub(crate) fn zero(ty: ValueType) -> Self {
        let kind = match ty {
            ValueType::I32 => Kind::I32,
            ValueType::I64 => Kind::I64,
            ValueType::F32 => Kind::F32,
            ValueType::F64 => Kind::F64,
            ValueType::V128 => Kind::V128,
            _ => Kind::Null,
        };
        Self {
            kind: kind as i32,
            of: Number { v128: [0; 16] },
        }
    }
}

/// The functions of one instance that C has seen: it knows them by their place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Functions(Arc<Mutex<Vec<Func>>>);

impl Functions {
    /// The number of `function`.
    pub(crate) fn number(&self, function: Func) -> u64 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().position(|known| *known == function);
        let place = known.unwrap_or_else(|| {
            all.push(function);
            all.len() - 1
        });
        place as u64
    }

    /// The function with that number.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(crate) fn get(&self, number: u64) -> Result<Func, Error> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = usize::try_from(number)
            .ok()
            .and_then(|place| all.get(place));
        found
            .copied()
            .ok_or_else(|| Error::argument(format!("the instance has no function {number}")))
    }

    /// What C passes as `value`.
    ///
    /// # Errors
    ///
    /// When there is no such kind, or no such function.
    pub(crate) fn lower(&self, value: &Value) -> Result<runtime::Value, Error> {
        let number = &value.of;
        Ok(match value.kind {
            kind if kind == Kind::Null as i32 => runtime::Value::Null,
            kind if kind == Kind::I32 as i32 => runtime::Value::I32(raw::field(number)),
            kind if kind == Kind::I64 as i32 => runtime::Value::I64(raw::field(number)),
            kind if kind == Kind::F32 as i32 => runtime::Value::F32(raw::field(number)),
            kind if kind == Kind::F64 as i32 => runtime::Value::F64(raw::field(number)),
            kind if kind == Kind::V128 as i32 => {
                runtime::Value::V128(u128::from_le_bytes(raw::field(number)))
            }
            kind if kind == Kind::Function as i32 => {
                runtime::Value::Func(self.get(raw::field(number))?)
            }
            kind if kind == Kind::Extern as i32 => runtime::Value::Extern(raw::field(number)),
            kind => return Err(Error::argument(format!("there is no dormouse_kind {kind}"))),
        })
    }

    /// What C gets of `value`.
    pub(crate) fn lift(&self, value: runtime::Value) -> Value {
        let (kind, of) = match value {
            runtime::Value::I32(i32) => (Kind::I32, Number { i32 }),
            runtime::Value::I64(i64) => (Kind::I64, Number { i64 }),
            runtime::Value::F32(f32) => (Kind::F32, Number { f32 }),
            runtime::Value::F64(f64) => (Kind::F64, Number { f64 }),
            runtime::Value::V128(vector) => {
                let v128 = vector.to_le_bytes();
                (Kind::V128, Number { v128 })
            }
            runtime::Value::Func(function) => {
                let reference = self.number(function);
                (Kind::Function, Number { reference })
            }
            runtime::Value::Extern(reference) => (Kind::Extern, Number { reference }),
            _ => (Kind::Null, Number { reference: 0 }),
        };
        Value {
            kind: kind as i32,
            of,
        }
    }
}
