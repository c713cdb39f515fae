//! Where this library is built without Python.

use super::HostFunctions;
use crate::{Error, ErrorKind, Grants, engine::Meter};
use std::{sync::Arc, time::Instant};

/// There are none.
#[derive(Debug)]
pub(crate) enum Packages {}

impl Packages {
    /// Nothing where nothing is granted.
    ///
    /// # Errors
    ///
    /// When packages are.
    pub(crate) fn granted(
        grants: &mut Grants,
        _: Option<Instant>,
        _: &Arc<Meter>,
    ) -> Result<Option<Arc<Self>>, Error> {
        if grants.packages == crate::Packages::default() {
            return Ok(None);
        }
        Err(Error::new(
            ErrorKind::Grant,
            "there are no packages: this build of dormouse has no Python (its feature `python`)",
        ))
    }

    pub(crate) fn copied(&self, _: &Arc<Meter>) -> Arc<Self> {
        match *self {}
    }

    pub(super) fn add_to(self: &Arc<Self>, _: HostFunctions) -> HostFunctions {
        match **self {}
    }
}
