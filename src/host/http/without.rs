//! Where this library is built without HTTP.

use super::HostFunctions;
use crate::{Error, ErrorKind, Grants, Limits, engine::Meter};
use std::sync::Arc;

/// There is none.
pub(crate) enum Http {}

impl Http {
    /// Nothing where nothing is granted.
    ///
    /// # Errors
    ///
    /// When a host is allowed.
    pub(crate) fn granted(
        grants: &Grants,
        _: &Limits,
        _: &Arc<Meter>,
    ) -> Result<Option<Arc<Self>>, Error> {
        match grants.hosts.first() {
            None => Ok(None),
            Some(host) => Err(Error::new(
                ErrorKind::Grant,
                format!(
                    "{host} can't be allowed: this build of dormouse has no HTTP (its feature \
                     `http`)"
                ),
            )),
        }
    }

    pub(super) fn add_to(self: &Arc<Self>, _: HostFunctions) -> HostFunctions {
        match **self {}
    }
}
