//! Sessions.

use crate::{
    config::Config,
    error::{Error, catch, free, given},
    image::Image,
    outcome::Outcome,
    raw,
};
use std::{ffi::c_void, mem::MaybeUninit, ptr::NonNull};

/// A guest of a language that keeps its state from one piece of code to the next.
/// Any thread may use it; it runs one piece at a time.
pub struct Session(runtime::Session);

/// Opens a session of a language's image. `config` may be NULL for the defaults.
/// Each piece of code has the deadline, the output and the fuel anew.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_session_open(
    image: Option<&Image>,
    config: Option<&Config>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Session>> {
    catch(error, || {
        let image = given(image, "the image")?;
        let sandbox = Config::of(config).sandbox(&image.0);
        Ok(Box::new(Session(sandbox.session()?)))
    })
}

/// Runs a piece of code. An error that nothing catches in it leaves the session as
/// it is: its exit code is then 1, and dormouse_outcome_message has it. An exit,
/// a trap or a limit ends the session.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_session_run(
    session: Option<NonNull<Session>>,
    code: *const c_void,
    length: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Outcome>> {
    catch(error, || {
        let session = raw::handle(session, "the session")?;
        Ok(Outcome::new(session.0.run(code_at(code, length)?)?))
    })
}

/// Runs a piece of code as a prompt would: shows what its last expression gives.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_session_repl(
    session: Option<NonNull<Session>>,
    code: *const c_void,
    length: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Outcome>> {
    catch(error, || {
        let session = raw::handle(session, "the session")?;
        Ok(Outcome::new(session.0.run_repl(code_at(code, length)?)?))
    })
}

/// Whether a piece of code can be run as it is, or is only the beginning of
/// something: sets `complete`.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_session_is_complete(
    session: Option<NonNull<Session>>,
    code: *const c_void,
    length: usize,
    complete: Option<&mut MaybeUninit<bool>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = catch(error, || {
        let session = raw::handle(session, "the session")?;
        let complete = given(complete, "where to say whether it is complete")?;
        complete.write(session.0.check_complete(code_at(code, length)?)?);
        Ok(())
    });
    done.is_some()
}

/// An independent copy of the session as it is now, with the same grants, limits
/// and functions. Its stdin is empty, and its output goes into outcomes. Files must
/// be closed.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_session_fork(
    session: Option<NonNull<Session>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Session>> {
    catch(error, || {
        let session = raw::handle(session, "the session")?;
        Ok(Box::new(Session(session.0.fork()?)))
    })
}

/// Interrupts what the session runs, from another thread; the session goes on.
/// Python gets a KeyboardInterrupt. Where nothing runs, nothing happens.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_session_interrupt(session: Option<NonNull<Session>>) {
    catch(None, || {
        raw::handle(session, "the session")?
            .0
            .interrupter()
            .interrupt();
        Ok(())
    });
}

/// Ends the session, and what it runs; from any thread. A second time does
/// nothing.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_session_close(session: Option<NonNull<Session>>) {
    catch(None, || {
        raw::handle(session, "the session")?.0.close();
        Ok(())
    });
}

/// Whether the session can still run something.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_session_is_open(session: Option<&Session>) -> bool {
    session.is_some_and(|session| session.0.is_open())
}

/// Ends and frees a session, which must not be while something runs in it.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_session_free(session: Option<Box<Session>>) {
    free(session);
}

/// The code at `code`.
fn code_at<'a>(code: *const c_void, length: usize) -> Result<&'a str, Error> {
    let code = raw::bytes(code, length, "the code")?;
    std::str::from_utf8(code).map_err(|error| {
        let at = error.valid_up_to();
        Error::argument(format!("the code is not UTF-8 at byte {at}"))
    })
}
