//! How much of what clients send is held at a time.

use http::{HeaderMap, header};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Kibibytes that all bodies may have together, from when they are read until
/// their modules have ended: there may be a thousand connections.
const ALL: u32 = 256 << 10;

/// How long a request waits for others to end.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 10 });

/// The places of bodies.
pub(super) struct Bodies(Semaphore);

impl Bodies {
    /// A place for the body of a request with `headers`, which has `most` bytes if
    /// nothing says how many; `None` if there is none in time.
    pub(super) async fn place(
        &self,
        headers: &HeaderMap,
        most: usize,
    ) -> Option<SemaphorePermit<'_>> {
        let places = self.0.acquire_many(kibibytes(headers, most));
        tokio::time::timeout(PATIENCE, places).await.ok()?.ok()
    }
}

impl Default for Bodies {
    fn default() -> Self {
        Self(Semaphore::new(ALL as usize))
    }
}

/// What the body takes at most; no more than there is.
fn kibibytes(headers: &HeaderMap, most: usize) -> u32 {
    let is_chunked = headers.contains_key(header::TRANSFER_ENCODING);
    let told = headers.get(header::CONTENT_LENGTH);
    let told = told.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let bytes = match told {
        Some(told) if !is_chunked => told.min(most),
        None if !is_chunked => 0,
        _ => most,
    };
    let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(ALL);
    kibibytes.min(ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_body_takes() {
        let of = |name: header::HeaderName, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, header::HeaderValue::from_static(value));
            kibibytes(&headers, 10 << 20)
        };
        assert_eq!(kibibytes(&HeaderMap::new(), 10 << 20), 0);
        assert_eq!(of(header::CONTENT_LENGTH, "1025"), 2);
        assert_eq!(of(header::CONTENT_LENGTH, "99999999999"), 10 << 10);
        assert_eq!(of(header::TRANSFER_ENCODING, "chunked"), 10 << 10);
        let mut headers = HeaderMap::new();
        headers.insert(
            header::TRANSFER_ENCODING,
            header::HeaderValue::from_static("chunked"),
        );
        assert_eq!(kibibytes(&headers, usize::MAX), ALL);
    }

    #[test]
    fn places_are_free_again() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.expect("a runtime").block_on(async {
            let bodies = Bodies::default();
            let mut headers = HeaderMap::new();
            headers.insert(
                header::TRANSFER_ENCODING,
                header::HeaderValue::from_static("chunked"),
            );
            let all = bodies.place(&headers, usize::MAX).await;
            assert!(all.is_some());
            assert!(bodies.place(&headers, 1).await.is_none());
            // Who sends none waits for nobody.
            assert!(bodies.place(&HeaderMap::new(), 1).await.is_some());
            drop(all);
            assert!(bodies.place(&headers, 1).await.is_some());
        });
    }
}
