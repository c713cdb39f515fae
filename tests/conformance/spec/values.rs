//! Values as scripts write them.

use wasmi::{ExternRef, F32, F64, Func, Nullable, Store, V128, Val};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};

/// The argument, if the interpreter has values of its type.
pub(super) fn argument<T>(store: &mut Store<T>, argument: &WastArgCore<'_>) -> Option<Val> {
    Some(match argument {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(F32::from_bits(value.bits)),
        WastArgCore::F64(value) => Val::F64(F64::from_bits(value.bits)),
        WastArgCore::V128(value) => Val::V128(V128::from(u128::from_le_bytes(value.to_le_bytes()))),
        WastArgCore::RefNull(ty) if is(ty, AbstractHeapType::Func) => {
            Val::FuncRef(<Nullable<Func>>::Null)
        }
        WastArgCore::RefNull(ty) if is(ty, AbstractHeapType::Extern) => {
            Val::ExternRef(<Nullable<ExternRef>>::Null)
        }
        WastArgCore::RefExtern(value) => {
            Val::ExternRef(Nullable::Val(ExternRef::new(store, *value)))
        }
        _ => return None,
    })
}

fn is(ty: &HeapType<'_>, expected: AbstractHeapType) -> bool {
    matches!(ty, HeapType::Abstract { ty, .. } if *ty == expected)
}

/// Whether `actual` is one of the values that `expected` stands for.
pub(super) fn matches<T>(store: &Store<T>, actual: &Val, expected: &WastRetCore<'_>) -> bool {
    match (actual, expected) {
        (actual, WastRetCore::Either(cases)) => {
            cases.iter().any(|case| matches(store, actual, case))
        }
        (Val::I32(actual), WastRetCore::I32(expected)) => actual == expected,
        (Val::I64(actual), WastRetCore::I64(expected)) => actual == expected,
        (Val::F32(actual), WastRetCore::F32(expected)) => f32_matches(actual.to_bits(), expected),
        (Val::F64(actual), WastRetCore::F64(expected)) => f64_matches(actual.to_bits(), expected),
        (Val::V128(actual), WastRetCore::V128(expected)) => {
            v128_matches(actual.as_u128(), expected)
        }
        (Val::FuncRef(actual), WastRetCore::RefNull(_)) => actual.is_null(),
        (Val::ExternRef(actual), WastRetCore::RefNull(_)) => actual.is_null(),
        (Val::FuncRef(actual), WastRetCore::RefFunc(_)) => !actual.is_null(),
        (Val::ExternRef(Nullable::Val(actual)), WastRetCore::RefExtern(expected)) => {
            let actual = actual.data(store).downcast_ref::<u32>();
            expected.is_none() || actual == expected.as_ref()
        }
        _ => false,
    }
}

const QUIET_32: u32 = 0x7fc0_0000;
const QUIET_64: u64 = 0x7ff8_0000_0000_0000;

fn f32_matches(actual: u32, expected: &NanPattern<wast::token::F32>) -> bool {
    match expected {
        NanPattern::CanonicalNan => actual & 0x7fff_ffff == QUIET_32,
        NanPattern::ArithmeticNan => actual & QUIET_32 == QUIET_32,
        NanPattern::Value(expected) => actual == expected.bits,
    }
}

fn f64_matches(actual: u64, expected: &NanPattern<wast::token::F64>) -> bool {
    match expected {
        NanPattern::CanonicalNan => actual & (u64::MAX >> 1) == QUIET_64,
        NanPattern::ArithmeticNan => actual & QUIET_64 == QUIET_64,
        NanPattern::Value(expected) => actual == expected.bits,
    }
}

fn v128_matches(actual: u128, expected: &V128Pattern) -> bool {
    let bytes = actual.to_le_bytes();
    let lanes32 = || {
        bytes
            .chunks_exact(4)
            .map(|lane| u32::from_le_bytes(array(lane)))
    };
    let lanes64 = || {
        bytes
            .chunks_exact(8)
            .map(|lane| u64::from_le_bytes(array(lane)))
    };
    match expected {
        V128Pattern::I8x16(expected) => bytes.iter().eq(expected.map(i8::cast_unsigned).iter()),
        V128Pattern::I16x8(expected) => bytes
            .chunks_exact(2)
            .map(|lane| i16::from_le_bytes(array(lane)))
            .eq(expected.iter().copied()),
        V128Pattern::I32x4(expected) => lanes32().eq(expected.map(i32::cast_unsigned)),
        V128Pattern::I64x2(expected) => lanes64().eq(expected.map(i64::cast_unsigned)),
        V128Pattern::F32x4(expected) => lanes32()
            .zip(expected)
            .all(|(lane, expected)| f32_matches(lane, expected)),
        V128Pattern::F64x2(expected) => lanes64()
            .zip(expected)
            .all(|(lane, expected)| f64_matches(lane, expected)),
    }
}

fn array<const N: usize>(lane: &[u8]) -> [u8; N] {
    lane.try_into().expect("a lane is as long as its type")
}
