//! A captured guest, on its way into an image.

use super::{
    file::{self, CapturedMemory},
    manifest::{ClockBase, Frame, Guest, Manifest, Mounted, OpenFile, Script},
};
use crate::{Error, Language};
use serde_json::Value;

/// A module that goes on from a snapshot point, and what is to be known of
/// that point.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Captured {
    /// Its memories are imports, unless it is to be portable.
    pub(crate) module: Vec<u8>,
    /// What those memories hold.
    pub(crate) memories: Vec<CapturedMemory>,
    /// Where it was captured.
    pub(crate) point: String,
    /// The functions that were active there, innermost first.
    pub(crate) frames: Vec<Frame>,
    /// What the guest's clocks showed there.
    pub(crate) clock: ClockBase,
    /// What was open there.
    pub(crate) files: Vec<OpenFile>,
    /// What the language's host side keeps with the image.
    pub(crate) state: Value,
    /// Whether instances can be brought back to it in place.
    pub(crate) in_place: bool,
}

/// What was captured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) guest: Guest,
    pub(crate) language: Option<Language>,
    /// The arguments that the guest was started with.
    pub(crate) args: Vec<String>,
    /// The program that a language's guest was given to run.
    pub(crate) program: Option<Script>,
    /// What was mounted.
    pub(crate) mounts: Vec<Mounted>,
}

impl Captured {
    /// The image file.
    ///
    /// # Errors
    ///
    /// When it can't be one: see [`file::write`].
    pub(crate) fn image(&self, origin: &Origin) -> Result<Vec<u8>, Error> {
        let mut manifest = Manifest::new(origin.guest.clone(), &self.point);
        manifest.language = origin.language.map(|language| language.name().to_owned());
        manifest.frames.clone_from(&self.frames);
        manifest.clock = self.clock;
        manifest.files.clone_from(&self.files);
        manifest.args.clone_from(&origin.args);
        manifest.program.clone_from(&origin.program);
        manifest.mounts.clone_from(&origin.mounts);
        manifest.state.clone_from(&self.state);
        manifest.in_place = self.in_place;
        file::write(&self.module, &self.memories, &manifest)
    }
}
