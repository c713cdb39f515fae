//! The session behind the prompt, and another one once that is over.

use super::{
    Interrupts, report,
    run::{LIMIT, TRAP, report_limit, report_memory},
};
use crate::{
    Error, Grants, Image, Interrupter, Language, Limits, Outcome, Output, Sandbox, Session, Status,
    Stdin,
};
use std::{
    io::Write,
    process::ExitCode,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

/// How long the guest may look for names before it is interrupted: one of its
/// own objects may answer that for ever.
const PATIENCE: Duration = Duration::from_secs(2);

/// What each of its sessions is made of.
pub(super) struct Setting {
    pub(super) language: Language,
    pub(super) image: Image,
    pub(super) grants: Grants,
    pub(super) limits: Limits,
    /// Whether another session follows one that did not end by itself.
    pub(super) lives_on: bool,
}

/// What comes after some code.
pub(super) enum Turn {
    Next,
    Over(ExitCode),
}

pub(super) struct Guest {
    setting: Setting,
    stdin: Box<dyn Fn() -> Stdin>,
    interrupts: Arc<Interrupts>,
    session: Session,
}

impl Guest {
    pub(super) fn open(
        setting: Setting,
        interrupts: Arc<Interrupts>,
        stdin: Box<dyn Fn() -> Stdin>,
    ) -> Result<Self, Error> {
        Ok(Self {
            session: session(&setting, stdin())?,
            setting,
            stdin,
            interrupts,
        })
    }

    pub(super) fn language(&self) -> Language {
        self.setting.language
    }

    /// Runs `code` and shows what it gives.
    pub(super) fn run(&mut self, code: &str) -> Result<Turn, Error> {
        let session = &self.session;
        let outcome = self
            .interrupts
            .during(session.interrupter(), || session.run_repl(code))?;
        if self.setting.lives_on && session.is_mid_line() {
            // The prompt would be written over it. A closed stream shows no
            // prompt either.
            let _ = std::io::stdout().write_all(b"\n");
        }
        if outcome.error.is_some() {
            report_memory(&outcome, &self.setting.limits);
        }
        if session.is_open() {
            return Ok(Turn::Next);
        }
        self.after(&outcome)
    }

    /// What comes after the session's end.
    fn after(&mut self, outcome: &Outcome) -> Result<Turn, Error> {
        let code = match &outcome.status {
            Status::Exit(code) => {
                return Ok(Turn::Over(ExitCode::from(code.to_le_bytes()[0])));
            }
            Status::Limit(limit) => {
                report_limit(*limit, &self.setting.limits);
                LIMIT
            }
            Status::Trap(trap) => {
                report(&format!("trap: {trap}"));
                TRAP
            }
        };
        if !self.setting.lives_on {
            return Ok(Turn::Over(ExitCode::from(code)));
        }
        self.renew()?;
        Ok(Turn::Next)
    }

    fn renew(&mut self) -> Result<(), Error> {
        // What it holds must be free for the next one.
        self.session.close();
        self.session = session(&self.setting, (self.stdin)())?;
        report("that session is over, and what it had is gone; this is a new one");
        Ok(())
    }

    /// Whether `code` is more than the beginning of something.
    pub(super) fn is_whole(&mut self, code: &str) -> Result<bool, Error> {
        match self.session.check_complete(code) {
            // It was ended by that.
            Err(error) if self.setting.lives_on && !self.session.is_open() => {
                report(&error.to_string());
                self.renew()?;
                Ok(false)
            }
            checked => checked,
        }
    }

    /// What the name at the end of `text` may become.
    pub(super) fn names(&self, text: &str) -> Vec<String> {
        let interrupter = self.session.interrupter();
        let names = impatiently(interrupter, || self.session.complete(text, text.len()));
        // A session that this has ended says so when it is used next.
        names.unwrap_or_default()
    }
}

/// Does `work`, which is interrupted as long as it takes too long.
fn impatiently<T>(interrupter: Interrupter, work: impl FnOnce() -> T) -> T {
    let (done, waits) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        while waits.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            interrupter.interrupt();
        }
    });
    let result = work();
    drop(done);
    result
}

fn session(setting: &Setting, stdin: Stdin) -> Result<Session, Error> {
    Sandbox::new(&setting.image)
        .grants(setting.grants.clone())
        .limits(setting.limits.clone())
        .stdin(stdin)
        .stdout(Output::Host)
        .stderr(Output::Host)
        .session()
}
