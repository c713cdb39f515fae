//! Where a guest's stdout and stderr go.

use crate::{
    config::{Config, change},
    error::Error,
    raw::User,
};
use runtime::Output;
use std::{
    ffi::{c_char, c_void},
    mem::MaybeUninit,
    ptr::NonNull,
    sync::Arc,
};

/// A stream that guests write to.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub enum Stream {
    /// What a program prints.
    Stdout = 1,
    /// What it says about itself.
    Stderr = 2,
}

/// Where a stream goes.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub enum To {
    /// Into the outcome; of an instance, to dormouse_instance_output.
    Outcome = 0,
    /// Nowhere.
    Nothing = 1,
    /// To this process's own stream, as it comes.
    Host = 2,
}

/// Is given what a guest writes, as it comes: `length` bytes at `data`, for as
/// long as it runs. While it runs, the guest waits. It may be called from any
/// thread, also from several at a time where several guests run; it must not
/// throw, nor longjmp out of itself.
pub type OutputCallback =
    Option<extern "C" fn(user: *mut c_void, data: *const c_char, length: usize)>;

/// Is called once, with the pointer of a callback that will not be called again;
/// from any thread.
pub type Release = Option<extern "C" fn(user: *mut c_void)>;

/// Where both streams go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams {
    stdout: Sink,
    stderr: Sink,
}

/// Where one goes.
#[derive(Debug, Clone)]
pub(crate) enum Sink {
    To(To),
    Callback(Arc<Callback>),
}

/// What is given to a callback of C's.
#[derive(Debug)]
pub(crate) struct Callback {
    write: extern "C" fn(user: *mut c_void, data: *const c_char, length: usize),
    user: User,
}

impl Stream {
    pub(crate) fn of(number: i32) -> Result<Self, Error> {
        [Self::Stdout, Self::Stderr]
            .into_iter()
            .find(|stream| *stream as i32 == number)
            .ok_or_else(|| Error::argument(format!("there is no stream {number}")))
    }
}

impl To {
    pub(crate) fn of(number: i32) -> Result<Self, Error> {
        [Self::Outcome, Self::Nothing, Self::Host]
            .into_iter()
            .find(|to| *to as i32 == number)
            .ok_or_else(|| Error::argument(format!("there is no dormouse_to {number}")))
    }
}

impl Callback {
    fn write(&self, bytes: &[u8]) {
        (self.write)(self.user.pointer(), bytes.as_ptr().cast(), bytes.len());
    }
}

impl Default for Sink {
    fn default() -> Self {
        Self::To(To::Outcome)
    }
}

impl From<To> for Sink {
    fn from(to: To) -> Self {
        Self::To(to)
    }
}

impl Streams {
    pub(crate) fn lead(&mut self, stream: Stream, to: Sink) {
        match stream {
            Stream::Stdout => self.stdout = to,
            Stream::Stderr => self.stderr = to,
        }
    }

    pub(crate) fn output(&self, stream: Stream) -> Output {
        let sink = match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        };
        match sink {
            Sink::To(To::Outcome) => Output::Capture,
            Sink::To(To::Nothing) => Output::Discard,
            Sink::To(To::Host) => Output::Host,
            Sink::Callback(callback) => {
                let callback = Arc::clone(callback);
                Output::callback(move |bytes| callback.write(bytes))
            }
        }
    }
}

/// Gives what the guest writes to `stream`, a dormouse_stream, to a function,
/// with `user`. `release`, if it is not NULL, is called with `user` when nothing
/// can call that function any more, also where this fails.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_output_callback(
    config: Option<NonNull<Config>>,
    stream: i32,
    callback: OutputCallback,
    user: *mut c_void,
    release: Release,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let user = User::new(user, release);
    let Some(write) = callback else {
        return change(config, error, |_| {
            Err(Error::argument("the callback is NULL"))
        });
    };
    // Where this fails, it is released here, when nobody holds the configuration.
    let callback = Arc::new(Callback { write, user });
    change(config, error, |settings| {
        let stream = Stream::of(stream)?;
        let sink = Sink::Callback(Arc::clone(&callback));
        settings.streams.lead(stream, sink);
        Ok(())
    })
}
