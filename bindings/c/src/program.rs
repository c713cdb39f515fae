//! What is to be run.

use crate::{
    error::{Error, catch, free},
    raw,
};
use std::{
    ffi::{CStr, c_char, c_void},
    mem::MaybeUninit,
    ptr::NonNull,
    sync::{Mutex, PoisonError},
};

/// A program: what to run, under which name, with which arguments. It may be run
/// any number of times.
pub struct Program(Mutex<Parts>);

struct Parts {
    program: runtime::Program,
    args: Vec<Vec<u8>>,
}

impl Program {
    fn new(program: runtime::Program) -> Box<Self> {
        Box::new(Self(Mutex::new(Parts {
            program,
            args: Vec::new(),
        })))
    }

    pub(crate) fn get(&self) -> runtime::Program {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.program.clone().args(parts.args.iter().cloned())
    }
}

/// Source text in the image's language: `length` bytes of it, which are copied.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_program_code(
    code: *const c_void,
    length: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Program>> {
    catch(error, || {
        let code = raw::bytes(code, length, "the code")?;
        Ok(Program::new(runtime::Program::code(code)))
    })
}

/// Source text of a file called `name`: tracebacks and the guest's own argv use
/// that name. The text is copied.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_program_script(
    name: *const c_char,
    code: *const c_void,
    length: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Program>> {
    catch(error, || {
        let name = raw::text(name, "the script's name")?;
        let code = raw::bytes(code, length, "the code")?;
        Ok(Program::new(runtime::Program::script(name, code)))
    })
}

/// A Python module that the guest finds, run as "python -m" does.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_program_module(
    name: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Program>> {
    catch(error, || {
        let name = raw::text(name, "the module's name")?;
        Ok(Program::new(runtime::Program::module(name)))
    })
}

/// A WASI program, from its _start, or a snapshot of a program, from where it
/// was; `name` is its argv[0].
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_program_start(
    name: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Program>> {
    catch(error, || {
        let name = raw::text(name, "the program's name")?;
        Ok(Program::new(runtime::Program::start(name)))
    })
}

/// Adds an argument, which need not be UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_program_arg(
    program: Option<NonNull<Program>>,
    argument: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = catch(error, || {
        let argument: &CStr = raw::string(argument, "the argument")?;
        let program = raw::handle(program, "the program")?;
        let mut parts = program.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.args.push(argument.to_bytes().to_vec());
        Ok(())
    });
    done.is_some()
}

/// Frees a program.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_program_free(program: Option<Box<Program>>) {
    free(program);
}
