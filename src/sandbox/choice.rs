//! Which image a run takes, and how it is bounded.

use super::{DeadlineBy, Sandbox};
use crate::{Error, ErrorKind, Image, Program, engine::Metering, program::Entry};

impl Sandbox {
    /// Whether the guest of a session is metered: it must be stopped by whoever
    /// wants that, with or without a deadline.
    pub(crate) fn session_metering(&self) -> Metering {
        if self.limits.fuel.is_none() && self.image.is_bounded() {
            Metering::Off
        } else {
            Metering::On
        }
    }

    /// Takes what fits this run, of all that does what the image does.
    pub(super) fn choose_image(&mut self) -> Result<(), Error> {
        if self.may_be_ended() {
            return self.choose_bounded_image();
        }
        self.image = self.image.within(self.limits.memory)?.clone();
        Ok(())
    }

    /// The same where somebody may want to stop the guest.
    pub(super) fn choose_bounded_image(&mut self) -> Result<(), Error> {
        self.image = self.image.within(self.limits.memory)?.clone();
        if self.limits.fuel.is_none()
            && let Some(bounded) = self.image.bounded()
            && let Ok(bounded) = bounded.within(self.limits.memory)
        {
            self.image = bounded.clone();
        }
        Ok(())
    }

    /// Whether it is ours to end the guest: at a deadline, or when somebody wants
    /// that.
    pub(super) fn may_be_ended(&self) -> bool {
        let by_us = self.limits.deadline.is_some() && self.deadline == DeadlineBy::Metering;
        by_us || self.meter.is_some()
    }

    /// Whether the guest is metered.
    pub(crate) fn metering(&self) -> Metering {
        let must_meter = self.may_be_ended() && !self.image.is_bounded();
        if self.limits.fuel.is_some() || must_meter {
            Metering::On
        } else {
            Metering::Off
        }
    }
}

/// A program must be one that the image can run.
pub(super) fn check_program(image: &Image, program: &Program) -> Result<(), Error> {
    let goes_on = image
        .snapshot()
        .is_some_and(|snapshot| snapshot.manifest.program.is_some());
    let problem = match (image.guest_language(), &program.entry) {
        (Some(_), Entry::Start) if goes_on => None,
        (Some(_), _) if goes_on => {
            Some("the image goes on with its own program, and runs no other")
        }
        (Some(_), Entry::Start) => Some("the image has a language in it, but no program"),
        (None, Entry::Start | Entry::Invoke { .. }) => None,
        (None, _) => Some("a Wasm module runs no source code"),
        (Some(language), Entry::Module(_)) if !language.is_python() => {
            Some("only Python has modules to run")
        }
        (
            Some(_),
            Entry::Code(_) | Entry::Script(_) | Entry::Module(_) | Entry::Session | Entry::Copy,
        ) => None,
        (Some(_), _) => Some("exports can only be called of a plain Wasm module"),
    };
    match problem {
        None => Ok(()),
        Some(problem) => Err(Error::new(ErrorKind::Invoke, problem)),
    }
}
