//! The connections of a server, from the first to the last.

use super::{
    request::Peer,
    run::{Phase, Phases},
    tls::Tls,
};
use axum::{Router, body::Body, extract::Request};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_io_timeout::TimeoutStream;

/// How long a client may take to send the head of a request; also, how long a
/// connection may be kept with none.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(30);

/// How long a client may take nothing of an answer: then it is taken for gone.
pub(crate) const STALL_TIME: Duration = Duration::from_secs(30);

/// Bytes of a request's head, lines of its headers and all.
const HEAD_BYTES: usize = 64 << 10;

/// Lines of headers: what most servers take.
const HEADERS: usize = 100;

/// How long a connection that has nothing to do is kept once the server is to
/// end: a request may be on its way.
const LINGER: Duration = Duration::from_millis(200);

/// Rest after the system had no connection to give, as for want of files.
const NO_CONNECTION: Duration = Duration::from_millis(50);

/// Accepts connections until the server is to end, and serves each to its end;
/// with `tls`, encrypted.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    most: usize,
    mut phases: Phases,
) {
    let places = Arc::new(Semaphore::new(most));
    let mut connections = JoinSet::new();
    let start = |connections: &mut JoinSet<()>, stream, remote, place| {
        let (tls, router, phases) = (tls.clone(), router.clone(), phases.clone());
        connections.spawn(async move {
            if let Err(error) = connection(stream, remote, tls, router, phases).await {
                tracing::debug!(%remote, %error, "connection ended");
            }
            drop(place);
        });
    };
    let mut ends = phases.clone();
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        tokio::select! {
            () = ends.reach(Phase::Ending) => break,
            Some(_) = connections.join_next() => {}
            (accepted, place) = accept => match accepted {
                Ok((stream, remote)) => start(&mut connections, stream, remote, place),
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    tokio::time::sleep(NO_CONNECTION).await;
                }
            }
        }
    }
    // Who has come so far is not turned away.
    while let Some(Ok((stream, remote))) = at_once(listener.accept()).await {
        // Nor are there many of them.
        let place = Arc::clone(&places).try_acquire_owned().ok();
        start(&mut connections, stream, remote, place);
    }
    drop(listener);
    tokio::select! {
        () = async { while connections.join_next().await.is_some() {} } => {}
        () = phases.reach(Phase::Over) => {}
    }
}

/// What `future` has ready.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

/// Serves one connection.
async fn connection(
    stream: TcpStream,
    remote: SocketAddr,
    tls: Option<Tls>,
    router: Router,
    phases: Phases,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let peer = Peer {
        remote,
        local: stream.local_addr()?,
        is_tls: tls.is_some(),
    };
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALL_TIME));
    match tls {
        None => speak(Box::pin(stream), peer, router, phases).await,
        Some(tls) => {
            let stream = tls.accept(Box::pin(stream)).await?;
            speak(stream, peer, router, phases).await
        }
    }
}

/// Speaks HTTP with whoever is at the other end of `stream`.
pub(crate) async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    mut phases: Phases,
) -> io::Result<()> {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let router = router.clone();
        TowerToHyperService::new(router).call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ending = async {
        phases.reach(Phase::Ending).await;
        tokio::time::sleep(LINGER).await;
    };
    tokio::select! {
        ended = connection.as_mut() => return ended.map_err(io::Error::other),
        () = ending => connection.as_mut().graceful_shutdown(),
    }
    connection.await.map_err(io::Error::other)
}
