//! What there is of a client where this library is built without one.

use super::{HostError, Request, Response};
use crate::Error;
use std::path::PathBuf;

/// None.
pub(super) struct Client;

impl Client {
    pub(super) fn new(_: &[PathBuf]) -> Result<Self, Error> {
        Ok(Self)
    }

    pub(super) fn send(&self, request: &Request, _: u64) -> Result<Response, HostError> {
        Err(HostError::from(format!(
            "no request is sent to {}: this build of dormouse has no HTTP (its feature `http`)",
            request.url
        )))
    }
}
