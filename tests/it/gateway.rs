//! The gateway: `dormouse serve --modules modules.toml`, asked by curl. The
//! letters are the rows of what Wagi's users know.

mod answers;
mod check;
mod grants;
mod limits;
mod page;
mod reload;
mod request;
mod routes;
mod scripts;
mod tls;

use crate::support::{Dir, command, guest};
use std::{
    fmt::Write as _,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a server may take to listen: images may have to be made first.
const START: Duration = Duration::from_secs(300);

/// How long something may take to be logged.
const SAID: Duration = Duration::from_secs(60);

/// A gateway in a folder of its own, in which its modules lie.
pub(crate) struct Gateway {
    pub(crate) dir: Dir,
    child: Child,
    pub(crate) url: String,
    log: Arc<Mutex<String>>,
}

/// An answer, as curl shows it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// With names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Gateway {
    /// One for `modules`, the text of a `modules.toml` beside `files`.
    pub(crate) fn new(modules: &str, files: &[(&str, &str)]) -> Self {
        Self::with(&[], modules, files)
    }

    /// The same with more `options`.
    pub(crate) fn with(options: &[&str], modules: &str, files: &[(&str, &str)]) -> Self {
        let dir = Dir::new();
        for (name, text) in files {
            dir.write(name, text);
        }
        dir.write("modules.toml", modules);
        Self::start(dir, options)
    }

    pub(crate) fn start(dir: Dir, options: &[&str]) -> Self {
        let folder = dir.path().to_owned();
        Self::start_in(
            &folder,
            dir,
            &[&["--modules", "modules.toml"], options].concat(),
        )
    }

    /// One whose working directory is `folder`.
    pub(crate) fn start_in(folder: &Path, dir: Dir, options: &[&str]) -> Self {
        let mut child = command()
            .args(["serve", "--listen", "127.0.0.1:0", "--log-dir"])
            .arg(dir.path().join("logs"))
            .args(options)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stderr = child.stderr.take().expect("it is piped");
        let log = Arc::new(Mutex::new(String::new()));
        let (sender, receiver) = mpsc::channel();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("listening on ") {
                    let _ = sender.send(url.to_owned());
                }
                let _ = writeln!(lines.lock().expect("no panic"), "{line}");
            }
        });
        let url = receiver.recv_timeout(START);
        let said = log.lock().expect("no panic").clone();
        let url = url.unwrap_or_else(|_| panic!("it does not listen:\n{said}"));
        Self {
            dir,
            child,
            url,
            log,
        }
    }

    /// The id of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// The answer to a GET of `path`.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.curl(&[], path)
    }

    /// The same with `options` of curl's.
    #[track_caller]
    pub(crate) fn curl(&self, options: &[&str], path: &str) -> Answer {
        curl(options, &format!("{}{path}", self.url))
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    /// Waits until it has logged `text`, behind the first `from` bytes.
    #[track_caller]
    pub(crate) fn logs(&self, from: usize, text: &str) {
        let started = Instant::now();
        while !self.log()[from..].contains(text) {
            let waited = started.elapsed();
            assert!(waited < SAID, "no {text:?} in:\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// Sends it a signal, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("there is a kill").success());
    }

    /// Waits for its end.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    pub(crate) fn port(&self) -> &str {
        self.url.rsplit(':').next().expect("it has a port")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(header, _)| header == name);
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// It has this status and this text.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, text: &str) -> &Self {
        assert_eq!((self.status, &*self.text()), (status, text), "{self:?}");
        self
    }
}

/// What curl gets for `url`.
#[track_caller]
pub(crate) fn curl(options: &[&str], url: &str) -> Answer {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--include",
            "--path-as-is",
            "--globoff",
        ])
        .args(["--max-time", "120", "--noproxy", "*", "--header", "Expect:"])
        .args(options)
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .expect("there is a curl");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{url}: {said}");
    parse(&output.stdout)
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("headers end");
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let header = |line: &str| {
        let (name, value) = line.split_once(':').expect("a header");
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    Answer {
        status: status.expect("a status"),
        headers: lines.map(header).collect(),
        body: bytes[end + 4..].to_vec(),
    }
}

/// A module in the text form that prints `text`, and ends as `after` has it.
pub(crate) fn prints(text: &str, after: &str) -> String {
    guest(&format!(
        r#"(data (i32.const 1024) "{}")
        (func (export "_start")
            (call $print (i32.const 1024) (i32.const {})) {after})"#,
        escaped(text),
        text.len()
    ))
}

/// A text as the text form has it.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        let _ = write!(escaped, "\\{byte:02x}");
        escaped
    })
}

/// An answer in plain text.
pub(crate) fn plain(text: &str) -> String {
    format!("Content-Type: text/plain\n\n{text}")
}

/// A module's table.
pub(crate) fn module(route: &str, file: &str, more: &str) -> String {
    format!("[[module]]\nroute = \"{route}\"\nmodule = \"{file}\"\n{more}\n")
}

/// A module that answers with its arguments, its environment and its stdin, which
/// [`told`] reads.
pub(crate) fn tells() -> String {
    let head = plain("");
    guest(&format!(
        r#"(data (i32.const 1024) "{}")
        (data (i32.const 1100) "\0a--\0a")
        (func (export "_start") (local $read i32)
            (call $print (i32.const 1024) (i32.const {}))
            (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
            (drop (call $args_get (i32.const 2048) (i32.const 4096)))
            (call $print (i32.const 4096) (i32.load (i32.const 20)))
            (call $print (i32.const 1100) (i32.const 4))
            (drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
            (drop (call $environ_get (i32.const 8192) (i32.const 16384)))
            (call $print (i32.const 16384) (i32.load (i32.const 20)))
            (call $print (i32.const 1100) (i32.const 4))
            (loop $more
                (local.set $read (call $read (i32.const 65536) (i32.const 4096)))
                (if (local.get $read) (then
                    (call $print (i32.const 65536) (local.get $read))
                    (br $more)))))"#,
        escaped(&head),
        head.len()
    ))
}

/// What a module that [`tells`] was told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) args: Vec<String>,
    pub(crate) variables: Vec<String>,
    pub(crate) body: String,
}

impl Told {
    #[track_caller]
    pub(crate) fn variable(&self, name: &str) -> &str {
        let value = self.find(name);
        value.unwrap_or_else(|| panic!("no {name} in {:#?}", self.variables))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let mut variables = self.variables.iter();
        variables.find_map(|variable| variable.strip_prefix(name)?.strip_prefix('='))
    }
}

#[track_caller]
pub(crate) fn told(answer: &Answer) -> Told {
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = answer.text();
    let mut parts = text.splitn(3, "\n--\n");
    let mut words = || {
        let part = parts.next().expect("three parts");
        part.split_terminator('\0').map(str::to_owned).collect()
    };
    Told {
        args: words(),
        variables: words(),
        body: parts.next().expect("three parts").to_owned(),
    }
}
