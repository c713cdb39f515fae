//! A run up to a point, kept to go on from there.

use crate::{
    Error, ErrorKind, Image, Point, Program, Sandbox,
    capture::{self, Request, failed},
    image::{
        cache,
        captured::{Captured, Origin},
        manifest::{Mounted, Script},
        opened::Opened,
        saved::file_name,
        trust::{Trust, sha256},
    },
    program::Entry,
};

impl Sandbox {
    /// Runs `program` up to `point`, under this sandbox's grants and limits, and
    /// gives an image that goes on from there, as often as it is run
    /// ([`Program::start`]): with the arguments, environment, grants, limits and
    /// streams of each run. The same program captured at the same point gives
    /// the same image, byte for byte, unless it draws on what differs.
    ///
    /// What it prints up to there goes where its streams lead; captured output
    /// is lost. Nothing but the standard streams may be open at the point.
    ///
    /// ```
    /// use dormouse::{Image, Point, Program, Sandbox, Value};
    /// let image = Image::wasm("counter.wat", br#"(module
    ///     (global $count (mut i32) (i32.const 0))
    ///     (func (export "prepare") (global.set $count (i32.const 41)))
    ///     (func (export "next") (result i32)
    ///         (global.set $count (i32.add (global.get $count) (i32.const 1)))
    ///         (global.get $count)))"#)?;
    /// let program = Program::start("counter.wat");
    /// let prepared = Sandbox::new(&image).snapshot(program, &Point::init("prepare"))?;
    /// for _ in 0..2 {
    ///     let outcome = Sandbox::new(&prepared).run(Program::invoke("next", [""; 0]))?;
    ///     assert_eq!(outcome.values, [Value::I32(42)]);
    /// }
    /// # Ok::<(), dormouse::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the run can't take place, never comes to the point, can't be captured
    /// there, or was [stopped](Self::stopper).
    pub fn snapshot(self, program: Program, point: &Point) -> Result<Image, Error> {
        let (captured, origin) = self.captured(program, point, false, false)?;
        kept(&captured, &origin)
    }

    /// The same where the guest is to be run again and again, with a deadline that
    /// costs little if it is `bounded`; `change` may change what was captured.
    #[cfg(feature = "fuzz")]
    pub(crate) fn snapshot_to_repeat(
        self,
        program: Program,
        point: &Point,
        bounded: bool,
        change: impl FnOnce(&mut Captured),
    ) -> Result<Image, Error> {
        let (mut captured, origin) = self.captured(program, point, false, bounded)?;
        change(&mut captured);
        let image = kept(&captured, &origin)?;
        Ok(if bounded { image.that_asks() } else { image })
    }

    /// The same as a plain Wasm module, which goes on from the point on any
    /// engine. It starts slower here than the image would.
    ///
    /// # Errors
    ///
    /// As of [`snapshot`](Self::snapshot); and a JavaScript program needs
    /// functions that no other engine has.
    pub fn snapshot_portable(self, program: Program, point: &Point) -> Result<Vec<u8>, Error> {
        Ok(self.captured(program, point, true, false)?.0.module)
    }

    fn captured(
        mut self,
        mut program: Program,
        point: &Point,
        portable: bool,
        bounded: bool,
    ) -> Result<(Captured, Origin), Error> {
        // A language's own image has been captured already; its guest can be.
        if let Some(plain) = self.image.plain() {
            let plain = plain?.clone();
            self.image = plain;
        }
        let mut origin = self.origin(&program);
        let is_image = self.image.snapshot().is_some();
        if let Some(language) = self.image.guest_language()
            && !is_image
        {
            origin.program = Some(script(&mut program)?);
            if point.place().is_some() {
                return Err(failed(format!(
                    "a {language} program says where itself: it calls dormouse.snapshot_point()"
                )));
            }
            if portable && !crate::language::is_portable(language) {
                return Err(failed(format!(
                    "a {language} program needs functions that only Dormouse has, so it can't be \
                     portable"
                )));
            }
        }
        let request = Request {
            point: point.place().cloned(),
            portable,
            bounded,
        };
        let stopped = self.meter.clone();
        match capture::capture(self, &program, &request) {
            Ok(captured) => Ok((captured, origin)),
            Err(_) if stopped.is_some_and(|meter| meter.is_ended()) => {
                Err(Error::new(ErrorKind::Stopped, "the run was stopped"))
            }
            Err(error) => Err(error),
        }
    }

    /// What the image is to remember.
    fn origin(&self, program: &Program) -> Origin {
        let args = program.args.iter();
        let mounts = self.grants.mounts.iter();
        Origin {
            guest: self.image.origin(),
            language: self.image.guest_language(),
            args: args
                .map(|arg| String::from_utf8_lossy(arg).into_owned())
                .collect(),
            program: None,
            mounts: mounts
                .map(|mount| Mounted {
                    guest: mount.guest.clone(),
                    mode: mount.mode.word().to_owned(),
                })
                .collect(),
        }
    }
}

/// An image of what was captured.
fn kept(captured: &Captured, origin: &Origin) -> Result<Image, Error> {
    let image = captured.image(origin)?;
    // Nobody will again.
    cache::validate(&image)?;
    Image::opened(Opened::checked(image, Trust::Own)?)
}

/// The source text that a language's guest is given, which becomes a script's.
fn script(program: &mut Program) -> Result<Script, Error> {
    let source = match &mut program.entry {
        Entry::Script(source) | Entry::Code(source) => std::mem::take(source),
        _ => {
            return Err(failed(
                "of a language's programs, those given as source text can be captured",
            ));
        }
    };
    let script = Script {
        name: file_name(&program.name),
        sha256: sha256(&source),
    };
    program.entry = Entry::Script(source);
    Ok(script)
}
