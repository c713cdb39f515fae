//! A guest's memory, as its instance and what it calls have it.

use crate::{
    error::{Error, given},
    raw,
};
use runtime::MemoryView;
use std::{
    ffi::{c_char, c_void},
    mem::MaybeUninit,
};

/// The name of the memory: NULL is for what compilers call it.
pub(crate) fn name<'a>(name: *const c_char) -> Result<&'a str, Error> {
    match name.is_null() {
        true => Ok("memory"),
        false => raw::text(name, "the memory's name"),
    }
}

pub(crate) fn size(
    view: &MemoryView<'_>,
    bytes: Option<&mut MaybeUninit<u64>>,
) -> Result<(), Error> {
    given(bytes, "where to say how large it is")?.write(view.len());
    Ok(())
}

pub(crate) fn read(
    view: &MemoryView<'_>,
    at: u64,
    into: *mut c_void,
    length: usize,
) -> Result<(), Error> {
    let room = raw::room::<u8>(into.cast(), length, "the buffer")?;
    Ok(view.read(at, room.zeroed())?)
}

pub(crate) fn write(
    view: &mut MemoryView<'_>,
    at: u64,
    data: *const c_void,
    length: usize,
) -> Result<(), Error> {
    Ok(view.write(at, raw::bytes(data, length, "the data")?)?)
}
