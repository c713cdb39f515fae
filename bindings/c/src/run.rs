//! Running programs, and stopping them.

use crate::{
    config::Config,
    error::{Error, catch, free, given},
    image::Image,
    outcome::Outcome,
    program::Program,
    raw,
};
use std::{
    mem::MaybeUninit,
    ptr::NonNull,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Stops runs from another thread: all that were given it.
#[derive(Default)]
pub struct Stopper(Arc<Mutex<Runs>>);

/// What a stopper stops.
#[derive(Default)]
pub(crate) struct Runs {
    is_stopped: bool,
    next: u64,
    running: Vec<(u64, runtime::Stopper)>,
}

/// A run or instance that a stopper knows of, until this is dropped.
pub(crate) struct Known {
    runs: Arc<Mutex<Runs>>,
    number: u64,
}

fn lock(runs: &Mutex<Runs>) -> MutexGuard<'_, Runs> {
    runs.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stopper {
    pub(crate) fn know(&self, run: runtime::Stopper) -> Known {
        let mut runs = lock(&self.0);
        if runs.is_stopped {
            run.stop();
        }
        let number = runs.next;
        runs.next += 1;
        runs.running.push((number, run));
        Known {
            runs: Arc::clone(&self.0),
            number,
        }
    }

    fn stop(&self) {
        let mut runs = lock(&self.0);
        runs.is_stopped = true;
        for (_, run) in &runs.running {
            run.stop();
        }
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        let mut runs = lock(&self.runs);
        runs.running.retain(|(number, _)| *number != self.number);
    }
}

/// Runs a program to its end, in this thread, and gives its outcome. What the
/// guest does wrong is in that; NULL is for what could not be run. `config` may be
/// NULL for the defaults, `stopper` where nobody stops it.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_run(
    image: Option<&Image>,
    program: Option<&Program>,
    config: Option<&Config>,
    stopper: Option<NonNull<Stopper>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Outcome>> {
    catch(error, || {
        let image = given(image, "the image")?;
        let program = given(program, "the program")?.get();
        let mut sandbox = Config::of(config).sandbox(&image.0);
        let _known = raw::optional(stopper).map(|stopper| stopper.know(sandbox.stopper()));
        Ok(Outcome::new(sandbox.run(program)?))
    })
}

/// Something to stop runs by.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_stopper_new() -> Option<Box<Stopper>> {
    Some(Box::default())
}

/// Stops all runs that were given this stopper, and will be: each fails with
/// DORMOUSE_FAILURE_STOPPED. Of an instance, the call under way or the next one.
/// To be called from any thread, any number of times.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_stopper_stop(stopper: Option<NonNull<Stopper>>) {
    catch(None, || {
        raw::handle(stopper, "the stopper")?.stop();
        Ok(())
    });
}

/// Frees a stopper. What it was given to goes on.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_stopper_free(stopper: Option<Box<Stopper>>) {
    free(stopper);
}
