//! Where a program is captured.

use crate::{Error, ErrorKind};
use dormouse_snapshot::Point as Place;
use std::{fmt, str::FromStr};

/// Where a program stops, to be kept and go on from there:
/// see [`Sandbox::snapshot`](crate::Sandbox::snapshot).
///
/// Its text form is the command's: `MODULE.NAME[:argI=K][,nth=N]` for an
/// import, `init:NAME` for an export, nothing for where the program says.
///
/// ```
/// use dormouse::Point;
/// let read = Point::import("wasi_snapshot_preview1", "fd_read").arg(0, 0).nth(2);
/// assert_eq!(read.to_string(), "wasi_snapshot_preview1.fd_read:arg0=0,nth=2");
/// assert_eq!(read, read.to_string().parse()?);
/// assert_eq!(Point::init("wizer.initialize"), "init:wizer.initialize".parse()?);
/// assert_eq!(Point::program(), "".parse()?);
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Point(Option<Place>);

impl Point {
    /// Where the program says: it calls `dormouse.snapshot_point()`, in Wasm the
    /// import `snapshot_point` of the module `dormouse`. A Python or JavaScript
    /// program that doesn't stops after its first imports.
    pub fn program() -> Self {
        Self(None)
    }

    /// Before the first call of the imported function `name` of `module`. Once
    /// woken, the guest makes that call first.
    pub fn import(module: impl Into<String>, name: impl Into<String>) -> Self {
        Self(Some(Place::Import {
            module: module.into(),
            name: name.into(),
            args: Vec::new(),
            nth: 1,
        }))
    }

    /// When the exported function `export`, which takes and gives nothing, has
    /// been called and returns.
    pub fn init(export: impl Into<String>) -> Self {
        Self(Some(Place::Init {
            export: export.into(),
        }))
    }

    /// Of an import, only a call whose argument at `index`, from 0, equals
    /// `value`.
    #[must_use]
    pub fn arg(mut self, index: u32, value: u64) -> Self {
        if let Some(Place::Import { args, .. }) = &mut self.0 {
            args.push((index, value));
        }
        self
    }

    /// Of an import, the call with this number, from 1, of those that the
    /// conditions hold for.
    #[must_use]
    pub fn nth(mut self, number: u64) -> Self {
        if let Some(Place::Import { nth, .. }) = &mut self.0 {
            *nth = number.max(1);
        }
        self
    }

    /// The place that was named, if it isn't the program's to say.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.0.as_ref()
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |place| place.fmt(f))
    }
}

impl FromStr for Point {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::program());
        }
        match text.parse() {
            // Nobody but the host could say when.
            Ok(Place::Idle) => Err(Error::new(
                ErrorKind::Invoke,
                "\"idle\" names no call that a program makes",
            )),
            Ok(place) => Ok(Self(Some(place))),
            Err(error) => Err(Error::new(ErrorKind::Invoke, error.to_string())),
        }
    }
}
