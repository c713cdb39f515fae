//! A server on loopback that answers as it is told.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    /// Such as `GET /x?y HTTP/1.1`.
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// Both ways of a connection.
pub(crate) trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// A server on a port of its own; it ends with the test's process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// One that speaks plainly.
    pub(crate) fn new(answer: impl Fn(&Received, &mut dyn Stream) + Send + Sync + 'static) -> Self {
        Self::over(Some, answer)
    }

    /// One behind TLS.
    pub(crate) fn with_tls(
        tls: Arc<rustls::ServerConfig>,
        answer: impl Fn(&Received, &mut dyn Stream) + Send + Sync + 'static,
    ) -> Self {
        let wrap = move |stream| {
            let connection = rustls::ServerConnection::new(Arc::clone(&tls)).ok()?;
            Some(rustls::StreamOwned::new(connection, stream))
        };
        Self::over(wrap, answer)
    }

    fn over<S: Stream>(
        wrap: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
        answer: impl Fn(&Received, &mut dyn Stream) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        let shared = Arc::new((wrap, answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, shared) = (Arc::clone(&log), Arc::clone(&shared));
                thread::spawn(move || {
                    // A client that hangs must not keep a thread.
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
                    let (wrap, answer) = &*shared;
                    if let Some(mut stream) = wrap(stream)
                        && let Some(request) = receive(&mut stream)
                    {
                        log.lock().expect("no panic").push(request.clone());
                        answer(&request, &mut stream);
                        let _ = stream.flush();
                    }
                });
            }
        });
        Self { address, received }
    }

    /// `http://127.0.0.1:PORT`, without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it was asked so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }
}

fn receive(stream: &mut dyn Stream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut request = Received::default();
    reader.read_line(&mut request.line).ok()?;
    request.line = request.line.trim_end().to_owned();
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok()?;
        let Some((name, value)) = field.trim_end().split_once(':') else {
            break;
        };
        let before = request
            .headers
            .insert(name.to_ascii_lowercase(), value.trim().to_owned());
        assert_eq!(before, None, "{name} came twice");
    }
    let length = request.headers.get("content-length");
    let length: usize = length.map_or(Some(0), |length| length.parse().ok())?;
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    (!request.line.is_empty()).then_some(request)
}

/// Writes a response with `Content-Length`; `fields` each end in `\r\n`.
pub(crate) fn respond(stream: &mut dyn Stream, status: &str, fields: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n",
        body.len()
    );
    // A client may have hung up.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}

/// Answers with the request itself, as text.
pub(crate) fn echo(request: &Received, stream: &mut dyn Stream) {
    let mut text = format!("{}\n", request.line);
    for (name, value) in &request.headers {
        text += &format!("{name}: {value}\n");
    }
    text += "\n";
    text += &String::from_utf8_lossy(&request.body);
    let fields = "Content-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n";
    respond(stream, "200 OK", fields, text.as_bytes());
}

/// Echoes, but redirects `/to/STATUS/URL` there.
pub(crate) fn redirect(request: &Received, stream: &mut dyn Stream) {
    match request.path().strip_prefix("/to/") {
        None => echo(request, stream),
        Some(rest) => {
            let (status, url) = rest.split_once('/').unwrap_or_default();
            let location = format!("Location: {url}\r\n");
            respond(stream, &format!("{status} Elsewhere"), &location, b"moved");
        }
    }
}
