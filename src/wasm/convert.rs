//! Values on their way into a guest and out of it.

use super::{
    ValueType,
    handles::{self, Handles},
    types::Types,
};
use crate::{Error, ErrorKind, Value, instance::State};
use wasmi::{AsContextMut, Nullable, Val, ValType};

/// `value` as one of type `ty`, if it is one and no reference.
#[inline]
pub(super) fn number(value: Value, ty: ValType) -> Option<Val> {
    Some(match (value, ty) {
        (Value::I32(value), ValType::I32) => Val::I32(value),
        (Value::I64(value), ValType::I64) => Val::I64(value),
        (Value::F32(value), ValType::F32) => Val::F32(value.into()),
        (Value::F64(value), ValType::F64) => Val::F64(value.into()),
        (Value::V128(value), ValType::V128) => Val::V128(value.into()),
        (Value::Null, ValType::FuncRef | ValType::ExternRef) => Val::default_for_ty(ty),
        _ => return None,
    })
}

/// `value` as one of type `ty`, if it is one.
pub(super) fn lower(
    store: &mut impl AsContextMut<Data = State>,
    value: Value,
    ty: ValType,
) -> Option<Val> {
    match (value, ty) {
        (Value::Func(func), ValType::FuncRef) => {
            let mut store = store.as_context_mut();
            let resolved = Handles::of(store.data_mut()).get(func)?;
            Some(Val::FuncRef(Nullable::Val(resolved.raw)))
        }
        (Value::Extern(id), ValType::ExternRef) => {
            let made = handles::external(store, id);
            Some(Val::ExternRef(Nullable::Val(made)))
        }
        _ => number(value, ty),
    }
}

/// What the guest's `value` is outside of it.
pub(super) fn lift(store: &mut impl AsContextMut<Data = State>, value: &Val) -> Value {
    match value {
        Val::FuncRef(Nullable::Val(raw)) => Value::Func(handles::handle(store, *raw)),
        Val::ExternRef(Nullable::Val(reference)) => {
            let store = store.as_context_mut();
            let data = reference.data(&store);
            // Nobody else makes any.
            data.downcast_ref()
                .map_or(Value::Reference, |id| Value::Extern(*id))
        }
        number => Value::from_val(number),
    }
}

/// All of `values` as what a function takes or gives that has the types `types`.
pub(super) fn lower_all(
    store: &mut impl AsContextMut<Data = State>,
    values: &[Value],
    types: &[ValType],
    into: &mut Vec<Val>,
) -> bool {
    into.clear();
    if values.len() != types.len() {
        return false;
    }
    for (value, ty) in values.iter().zip(types) {
        match lower(store, *value, *ty) {
            Some(value) => into.push(value),
            None => return false,
        }
    }
    true
}

/// `(i32, f64)`, of what was given; a function or a reference of another
/// instance is said to be that.
pub(super) fn given(store: &mut impl AsContextMut<Data = State>, values: &[Value]) -> String {
    let mut store = store.as_context_mut();
    let handles = Handles::of(store.data_mut());
    let names: Vec<String> = values
        .iter()
        .map(|value| match value {
            Value::Func(func) if handles.get(*func).is_none() => {
                "a function of another instance".to_owned()
            }
            value => value.type_name().to_owned(),
        })
        .collect();
    format!("({})", names.join(", "))
}

/// A wrong number or wrong types of arguments.
pub(super) fn mismatch(name: Option<&str>, ty: &wasmi::FuncType, given: &str) -> Error {
    let types =
        |types: &[ValType]| -> Vec<ValueType> { types.iter().copied().map(From::from).collect() };
    let name = name.unwrap_or("the function");
    let (params, results) = (types(ty.params()), types(ty.results()));
    Error::new(
        ErrorKind::Invoke,
        format!(
            "{name} takes {} and gives {}; it was given {given}",
            Types(&params),
            Types(&results)
        ),
    )
}
