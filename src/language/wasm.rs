//! Plain Wasm programs: commands, reactors, and single exports.

use crate::{Error, ErrorKind, Value, engine::Stop, instance::Instance, value::type_name};
use wasmi::{Func, Val};

/// What came of running a guest's code.
pub(crate) type Ran = Result<Result<Vec<Value>, Stop>, Error>;

/// Runs a command's `_start`, or a reactor's `_initialize`.
pub(crate) fn start(instance: &mut Instance) -> Ran {
    let Some(func) = entry(instance).and_then(|name| instance.func(name)) else {
        return Err(invoke_error(
            "the module has neither _start (a command) nor _initialize (a reactor); \
             call one of its exports with --invoke FUNC",
        ));
    };
    check_entry(instance, func)?;
    Ok(instance.call(func, &[], &mut []).map(|()| Vec::new()))
}

/// What a command, or a reactor, is started with.
pub(crate) fn entry(instance: &Instance) -> Option<&'static str> {
    ["_start", "_initialize"]
        .into_iter()
        .find(|name| instance.func(name).is_some())
}

/// Calls the export `name` with `args`, after `_initialize` if there is one.
pub(crate) fn invoke(instance: &mut Instance, name: &str, args: &[String]) -> Ran {
    let Some(func) = instance.func(name) else {
        let names = exported_functions(instance);
        return Err(invoke_error(match names.as_slice() {
            [] => format!("there is no exported function {name:?}; the module exports none"),
            names => {
                format!(
                    "there is no exported function {name:?}; there are {}",
                    names.join(", ")
                )
            }
        }));
    };
    let ty = func.ty(instance.store());
    if ty.params().len() != args.len() {
        return Err(invoke_error(format!(
            "{name} takes {} argument{}{}, not {}",
            ty.params().len(),
            if ty.params().len() == 1 { "" } else { "s" },
            signature(ty.params()),
            args.len()
        )));
    }
    let params = args
        .iter()
        .zip(ty.params())
        .map(|(text, ty)| Ok(Value::parse(text, *ty)?.to_val(*ty)))
        .collect::<Result<Vec<_>, Error>>()?;
    let mut results: Vec<Val> = ty
        .results()
        .iter()
        .map(|ty| Val::default_for_ty(*ty))
        .collect();
    // What goes on from a snapshot has been initialized.
    if name != "_initialize"
        && !instance.is_awake()
        && let Some(initialize) = instance.func("_initialize")
    {
        check_entry(instance, initialize)?;
        if let Err(stop) = instance.call(initialize, &[], &mut []) {
            return Ok(Err(stop));
        }
    }
    let called = instance.call(func, &params, &mut results);
    Ok(called.map(|()| results.iter().map(Value::from_val).collect()))
}

fn check_entry(instance: &Instance, func: Func) -> Result<(), Error> {
    let ty = func.ty(instance.store());
    if ty.params().is_empty() && ty.results().is_empty() {
        return Ok(());
    }
    Err(invoke_error(
        "the module's _start or _initialize takes arguments or gives results; WASI's do neither",
    ))
}

fn exported_functions(instance: &Instance) -> Vec<String> {
    instance
        .exports()
        .filter(|(_, is_function)| *is_function)
        .map(|(name, _)| name)
        .collect()
}

fn signature(params: &[wasmi::ValType]) -> String {
    if params.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = params.iter().map(|ty| type_name(*ty)).collect();
    format!(" ({})", names.join(", "))
}

fn invoke_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invoke, message)
}
