//! How much of what clients send, and are sent, is held at a time.

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that take no place: what all connections together hold of them is little.
const SMALL: usize = 16 << 10;

/// Bytes of an answer that are given away at a time.
const PIECE: usize = 16 << 10;

/// How long a body waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// Places for bytes.
#[derive(Clone)]
pub(crate) struct Held {
    places: Arc<Semaphore>,
    kibibytes: u32,
}

/// A place; none for what needs none.
pub(crate) type Place = Option<OwnedSemaphorePermit>;

impl Held {
    /// Places for so many kibibytes.
    pub(crate) fn new(kibibytes: u32) -> Self {
        Self {
            places: Arc::new(Semaphore::new(kibibytes as usize)),
            kibibytes,
        }
    }

    /// A place for `bytes`, if there is one now.
    pub(crate) fn place(&self, bytes: usize) -> Option<Place> {
        if bytes <= SMALL {
            return Some(None);
        }
        let places = Arc::clone(&self.places);
        places
            .try_acquire_many_owned(self.size(bytes))
            .ok()
            .map(Some)
    }

    /// The same, as soon as there is one; but not for ever.
    pub(crate) async fn patient_place(&self, bytes: usize) -> Option<Place> {
        if bytes <= SMALL {
            return Some(None);
        }
        let places = Arc::clone(&self.places).acquire_many_owned(self.size(bytes));
        let place = tokio::time::timeout(PATIENCE, places).await.ok()?;
        place.ok().map(Some)
    }

    /// What is larger than all there is takes all there is.
    fn size(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(1024)).map_or(self.kibibytes, |size| size.min(self.kibibytes))
    }
}

/// `response`, with `bytes` as its body, which has `place` until it is sent.
pub(crate) fn with_place(response: Response, bytes: Vec<u8>, place: Place) -> Response {
    let body = Placed {
        bytes: bytes.into(),
        place,
    };
    response.map(|_| Body::new(body))
}

/// A body that goes piece by piece, as its client takes it.
struct Placed {
    bytes: Bytes,
    #[expect(dead_code, reason = "it is had, and given back with the body")]
    place: Place,
}

impl HttpBody for Placed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.bytes.len().min(PIECE);
        let piece = self.bytes.split_to(length);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

#[test]
fn places_are_free_again() {
    let held = Held::new(100);
    let large = held.place(90 << 10).expect("there is room");
    assert!(large.is_some());
    assert!(held.place(20 << 10).is_none());
    assert!(held.place(SMALL).is_some_and(|place| place.is_none()));
    drop(large);
    let all = held.place(usize::MAX).expect("all there is");
    assert!(held.place(20 << 10).is_none());
    drop(all);
    assert!(held.place(20 << 10).is_some());
}
