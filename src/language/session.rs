//! A language that runs a program piece by piece.

#[cfg(any(feature = "javascript", feature = "python"))]
use super::Language;
#[cfg(feature = "javascript")]
use super::javascript;
#[cfg(feature = "python")]
use super::python;
use crate::{Error, ErrorKind, GuestError, Image, engine::Stop, instance::Instance};

/// What a session is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question<'a> {
    /// To run code.
    Run(&'a str),
    /// The same, and to show what the last expression gives.
    Show(&'a str),
    /// Whether the code is whole.
    IsComplete(&'a str),
    /// What the name that ends the text may become.
    Complete(&'a str),
    /// To draw anew what no two sessions may share.
    Refresh,
}

/// What it replies, by what was asked.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// What the code ended by.
    pub(crate) error: Option<GuestError>,
    pub(crate) is_complete: bool,
    pub(crate) names: Vec<String>,
}

/// Why a session can't be copied.
pub(super) fn no_copy(why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Invoke,
        format!("the session can't be copied: {why}"),
    )
}

/// A language in an instance between two pieces.
pub(crate) enum Session {
    #[cfg(feature = "python")]
    Python(python::session::Session),
    #[cfg(feature = "javascript")]
    JavaScript(Box<javascript::session::Session>),
}

impl Session {
    /// Brings the language in `instance`, of `image`, to where it waits for the
    /// first piece. The inner error is what ended it on its way.
    ///
    /// # Errors
    ///
    /// When the guest is not the one that we know.
    pub(crate) fn begin(
        image: &Image,
        instance: &mut Instance,
    ) -> Result<Result<Self, Stop>, Error> {
        match image.guest_language() {
            #[cfg(feature = "python")]
            Some(Language::Python) => {
                Ok(python::session::Session::begin(instance)?.map(Self::Python))
            }
            #[cfg(feature = "javascript")]
            Some(Language::JavaScript) => {
                let session = javascript::session::Session::begin(image, instance)?;
                Ok(session.map(|session| Self::JavaScript(Box::new(session))))
            }
            None => Err(Error::new(
                ErrorKind::Invoke,
                "a Wasm module runs no source code, so it has no sessions",
            )),
        }
    }

    /// The same in `instance`, which becomes a copy of `other`, where this one
    /// waits.
    ///
    /// # Errors
    ///
    /// When this session can't be copied.
    pub(crate) fn copy(
        &self,
        image: &Image,
        instance: &mut Instance,
        other: &mut Instance,
    ) -> Result<Self, Error> {
        match self {
            #[cfg(feature = "python")]
            Self::Python(session) => session.copy(image, instance, other).map(Self::Python),
            #[cfg(feature = "javascript")]
            Self::JavaScript(session) => {
                let copy = session.copy(instance, other)?;
                Ok(Self::JavaScript(Box::new(copy)))
            }
            #[cfg(not(any(feature = "javascript", feature = "python")))]
            _ => match *self {},
        }
    }

    /// Asks it something.
    ///
    /// # Errors
    ///
    /// When that ended the guest.
    pub(crate) fn ask(
        &mut self,
        instance: &mut Instance,
        question: Question<'_>,
    ) -> Result<Reply, Stop> {
        match self {
            #[cfg(feature = "python")]
            Self::Python(session) => session.ask(instance, question),
            #[cfg(feature = "javascript")]
            Self::JavaScript(session) => session.ask(instance, question),
            #[cfg(not(any(feature = "javascript", feature = "python")))]
            _ => match *self {},
        }
    }
}
