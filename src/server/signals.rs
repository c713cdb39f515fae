//! What the system asks of a server.

/// One of its wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To end (SIGTERM, SIGINT).
    End,
    /// To look anew at its files (SIGHUP).
    Reload,
}

#[cfg(unix)]
pub(crate) use unix::Signals;

#[cfg(unix)]
mod unix {
    use super::Wish;
    use std::io;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// The signals of this process.
    pub(crate) struct Signals {
        terminate: Signal,
        interrupt: Signal,
        hangup: Signal,
    }

    impl Signals {
        /// From now on they do nothing of their own.
        ///
        /// # Errors
        ///
        /// When the system does not let us have them.
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: signal(SignalKind::hangup())?,
            })
        }

        /// The next one.
        pub(crate) async fn next(&mut self) -> Wish {
            tokio::select! {
                _ = self.terminate.recv() => Wish::End,
                _ = self.interrupt.recv() => Wish::End,
                _ = self.hangup.recv() => Wish::Reload,
            }
        }
    }
}

#[cfg(not(unix))]
pub(crate) use other::Signals;

#[cfg(not(unix))]
mod other {
    use super::Wish;
    use std::io;

    /// What there is in place of signals.
    pub(crate) struct Signals;

    impl Signals {
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) async fn next(&mut self) -> Wish {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            Wish::End
        }
    }
}
