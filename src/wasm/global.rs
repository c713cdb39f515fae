//! Globals and tables, looked at from outside.

use super::{convert, types::ExternType};
use crate::{Error, ErrorKind, Value, instance::State};
use wasmi::{AsContextMut, Extern, Mutability, Ref, Table, Val};

fn global_of(export: Option<Extern>, name: &str) -> Result<wasmi::Global, Error> {
    match export {
        Some(Extern::Global(global)) => Ok(global),
        other => Err(no(other, name, "global")),
    }
}

/// What the global `name` is.
pub(super) fn get(
    store: &mut impl AsContextMut<Data = State>,
    export: Option<Extern>,
    name: &str,
) -> Result<Value, Error> {
    let value = global_of(export, name)?.get(&*store);
    Ok(convert::lift(store, &value))
}

/// Sets the global `name`.
pub(super) fn set(
    store: &mut impl AsContextMut<Data = State>,
    export: Option<Extern>,
    name: &str,
    value: Value,
) -> Result<(), Error> {
    let global = global_of(export, name)?;
    let ty = global.ty(&*store);
    if ty.mutability() == Mutability::Const {
        let message = format!("the global {name:?} is a constant, which can't be set");
        return Err(Error::new(ErrorKind::Invoke, message));
    }
    let Some(lowered) = convert::lower(store, value, ty.content()) else {
        let ty = ExternType::from(&wasmi::ExternType::Global(ty));
        let given = convert::given(store, &[value]);
        let message = format!("{name:?} is a {ty}; it can't be set to {given}");
        return Err(Error::new(ErrorKind::Invoke, message));
    };
    global
        .set(store, lowered)
        .map_err(|error| Error::new(ErrorKind::Engine, error.to_string()))
}

pub(super) fn table_of(export: Option<Extern>, name: &str) -> Result<Table, Error> {
    match export {
        Some(Extern::Table(table)) => Ok(table),
        other => Err(no(other, name, "table")),
    }
}

/// The element `index` of the table `name`.
pub(super) fn element(
    store: &mut impl AsContextMut<Data = State>,
    export: Option<Extern>,
    name: &str,
    index: u64,
) -> Result<Value, Error> {
    let table = table_of(export, name)?;
    let value = match table.get(&*store, index) {
        Some(Ref::Func(reference)) => Val::FuncRef(reference),
        Some(Ref::Extern(reference)) => Val::ExternRef(reference),
        None => {
            let size = table.size(&*store);
            let message = format!("the table {name:?} has {size} elements, none at {index}");
            return Err(Error::new(ErrorKind::Memory, message));
        }
    };
    Ok(convert::lift(store, &value))
}

/// There is no export `name` of the `wanted` kind.
pub(super) fn no(found: Option<Extern>, name: &str, wanted: &str) -> Error {
    let found = match found {
        None => return Error::new(ErrorKind::Invoke, format!("there is no export {name:?}")),
        Some(Extern::Func(_)) => "function",
        Some(Extern::Global(_)) => "global",
        Some(Extern::Memory(_)) => "memory",
        Some(Extern::Table(_)) => "table",
    };
    let message = format!("the export {name:?} is a {found}, not a {wanted}");
    Error::new(ErrorKind::Invoke, message)
}
