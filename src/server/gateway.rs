//! Who answers what is not the API's.

use super::{metrics::Metrics, pool::Pool};
use crate::Error;
use axum::{extract::Request, response::Response};
use std::{pin::Pin, sync::Arc};

/// Answers requests with something of its own.
pub(crate) trait Gateway: Send + Sync + 'static {
    /// Answers `request`. Its extensions hold its [`RequestId`] and its [`Peer`].
    /// When the future is dropped, the client is gone.
    ///
    /// [`RequestId`]: super::request::RequestId
    /// [`Peer`]: super::request::Peer
    fn answer(self: Arc<Self>, request: Request) -> Answer;

    /// Looks anew at what it was made from. Runs on a thread of its own, one at a
    /// time.
    ///
    /// # Errors
    ///
    /// When that can't be used: all goes on as it was.
    fn reload(&self) -> Result<(), Error>;
}

/// An answer in the making.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What a server has for its gateway.
#[derive(Clone)]
pub(crate) struct Host {
    /// Where guests run.
    pub(crate) pool: Pool,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
}
