//! What the granted functions are to answer.

use super::{requests::Call, wire::decoded};
use crate::world::{SECRET, World};
use dormouse::{
    Grants, Kv, Limits, MountMode,
    internals::boundary::{Asked, Boundary, Sent},
};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

const KINDS: [&str; 11] = [
    "not_granted",
    "unknown_function",
    "invalid",
    "not_found",
    "exists",
    "is_directory",
    "not_directory",
    "too_large",
    "timeout",
    "connection",
    "failed",
];

const BUILT_IN: [(&str, &str); 14] = [
    ("kv_get", "--kv"),
    ("kv_set", "--kv"),
    ("kv_delete", "--kv"),
    ("kv_keys", "--kv"),
    ("http_request", "--allow-host"),
    ("http_get", "--allow-host"),
    ("fs_read", "--mount"),
    ("fs_write", "--mount"),
    ("fs_list", "--mount"),
    ("fs_exists", "--mount"),
    ("fs_mkdir", "--mount"),
    ("fs_remove", "--mount"),
    ("fs_stat", "--mount"),
    ("install_pkg", "--allow-pkg-install"),
];

/// Bytes of a request that are parsed as they are, without weighing.
const UNWEIGHED: usize = 256 << 10;

/// Calls of a batch.
const MAX_BATCH: usize = 1024;

type Args = Map<String, Value>;
type Answer = Result<Value, (String, String)>;

pub(super) struct Model {
    kv: Option<BTreeMap<String, Value>>,
    /// Whether changes of a batch are made at the same time.
    kv_in_file: bool,
    mount: Option<(PathBuf, String, MountMode)>,
    hosts: Vec<String>,
    installs: bool,
    limits: Limits,
    secret: String,
    /// Whether the input tells it itself.
    secret_said: bool,
    /// Whether what was sent last was for one request.
    single: bool,
    calls: usize,
}

impl Model {
    pub(super) fn new(grants: &Grants, limits: &Limits, world: &World, input: &[u8]) -> Self {
        let mount = grants.mounts.first();
        Self {
            kv: (grants.kv != Kv::None).then(BTreeMap::new),
            kv_in_file: matches!(grants.kv, Kv::File(_)),
            mount: mount.map(|mount| (mount.host.clone(), mount.guest.clone(), mount.mode)),
            hosts: grants.hosts.clone(),
            installs: grants.packages.install,
            limits: limits.clone(),
            secret: world.secret(),
            secret_said: input
                .windows(SECRET.len())
                .any(|part| part == SECRET.as_bytes()),
            single: false,
            calls: 0,
        }
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// Nothing that is said may hold what is not shown.
    pub(super) fn check_text(&self, answer: &[u8]) {
        let tells = answer
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes());
        assert!(
            !tells || self.secret_said,
            "an answer tells what is not in the mount"
        );
    }

    /// Holds what was answered to a request in JSON to what it is to be.
    pub(super) fn answered(&mut self, request: &[u8], answer: &str) {
        self.check_text(answer.as_bytes());
        let answer: Value = serde_json::from_str(answer).expect("an answer is JSON");
        let refusal = |kind: &str| {
            let refused = single(&answer, None);
            assert!(
                matches!(&refused, Err((of, _)) if of == kind),
                "{kind} expected: {refused:?}"
            );
        };
        let is_weighed = request.len() > UNWEIGHED;
        if is_weighed && answer["kind"] == "too_large" && answer.get("id").is_none() {
            return;
        }
        self.single = false;
        match serde_json::from_slice::<Value>(request) {
            Err(_) => refusal("invalid"),
            Ok(Value::Array(batch)) if batch.len() > MAX_BATCH => refusal("invalid"),
            Ok(Value::Array(batch)) => {
                let answers = answer.as_array().expect("a batch is answered by an array");
                assert_eq!(answers.len(), batch.len(), "each is answered once");
                let full = answers.iter().any(|answer| answer["kind"] == "too_large");
                self.calls = batch.len();
                for (call, answer) in batch.iter().zip(answers) {
                    self.verify_json(call, answer, Some(full));
                }
            }
            Ok(call) => {
                (self.single, self.calls) = (true, 1);
                self.verify_json(&call, &answer, None);
            }
        }
    }

    fn verify_json(&mut self, call: &Value, answer: &Value, batch: Option<bool>) {
        let answer = single(answer, call.get("id"));
        let args = match call.get("args") {
            None | Some(Value::Null) => Some(Args::new()),
            Some(Value::Object(args)) => Some(args.clone()),
            Some(_) => None,
        };
        match (call.get("fn"), args) {
            (Some(Value::String(name)), Some(args)) => self.verify(name, args, answer, batch),
            _ => assert!(
                matches!(&answer, Err((kind, _)) if kind == "invalid"),
                "no call: {answer:?}"
            ),
        }
    }

    /// The same for the shorter form.
    pub(super) fn answered_shortly(&mut self, calls: &[Call], alone: bool, answer: &[u8]) {
        self.check_text(answer);
        (self.single, self.calls) = (alone, calls.len());
        let json = |text: &[u8]| -> Answer {
            let value: Value = serde_json::from_slice(text).expect("JSON");
            single(&value, None)
        };
        if alone {
            let answer = match answer.split_first() {
                Some((b'?', rest)) => {
                    assert!(rest.is_empty());
                    return assert!(depth(&calls[0].args) > 60, "not read: {calls:?}");
                }
                Some((b'!', rest)) => json(rest),
                _ => Ok(decoded(answer).expect("a value")),
            };
            return self.verify(&calls[0].name, calls[0].args.clone(), answer, None);
        }
        if let Some(rest) = answer.strip_prefix(b"!") {
            let refused = json(rest).expect_err("a batch is answered by a list");
            assert!(
                calls.len() > MAX_BATCH && refused.0 == "invalid",
                "{refused:?}"
            );
            return;
        }
        let answers = decoded(answer).expect("a list");
        let answers = answers.as_array().expect("a batch is answered by a list");
        assert_eq!(answers.len(), calls.len(), "each is answered once");
        let full = answers.iter().any(|answer| answer["("][1] == "too_large");
        for (call, answer) in calls.iter().zip(answers) {
            let by_json = call.name.len() % 2 == 1;
            let answer = match answer.get("(").and_then(Value::as_array).map(Vec::as_slice) {
                None => Ok(answer.clone()),
                Some([]) => {
                    assert!(depth(&call.args) > 60 && !by_json, "not read: {call:?}");
                    continue;
                }
                Some([Value::String(text)]) => json(text.as_bytes()),
                Some([Value::String(message), Value::String(kind)]) => {
                    Err((kind.clone(), message.clone()))
                }
                Some(_) => panic!("no answer: {answer}"),
            };
            let text = json!([call.name, call.args, call.id]).to_string();
            let deepest = depth(&call.args).max(call.id.as_ref().map_or(0, deep));
            if by_json && (text.contains(super::requests::SURROGATE) || deepest > 120) {
                // Not JSON then, or too deep for it.
                if let Err((kind, _)) = &answer
                    && kind == "invalid"
                {
                    continue;
                }
            }
            if matches!(&answer, Err((kind, _)) if kind == "too_large") && text.len() > 4096 {
                // All of a batch has one bound, which its pieces share.
                continue;
            }
            self.verify(&call.name, call.args.clone(), answer, Some(full));
        }
    }

    /// The same for a call by its place.
    pub(super) fn asked(&mut self, place: usize, values: Vec<Value>, asked: Option<Asked>) {
        let Some(asked) = asked else {
            assert!(place >= 15, "there is a function at {place}");
            return;
        };
        (self.single, self.calls) = (true, 1);
        let params: &[&str] = match asked.name {
            "kv_set" => &["key", "value"],
            "kv_get" if place > 1 => &["key", "default"],
            "kv_get" | "kv_delete" => &["key"],
            "http_get" => &["url"],
            "fs_write" => &["path", "content"],
            "install_pkg" => &["name", "version"],
            name if name.starts_with("fs_") => &["path"],
            _ => &[],
        };
        let named = params.iter().map(|name| (*name).to_owned());
        let answer = asked
            .answer
            .map_err(|(kind, message)| (kind.to_owned(), message));
        self.verify(asked.name, named.zip(values).collect(), answer, None);
    }

    /// `batch`: whether it was one of several, and some were too large.
    fn verify(&mut self, name: &str, args: Args, answer: Answer, batch: Option<bool>) {
        if let Err((kind, _)) = &answer {
            assert!(KINDS.contains(&&**kind), "of no kind: {kind}");
        }
        let kind = answer.as_ref().err().map(|(kind, _)| kind.as_str());
        if let (Some(true), Err((_, message))) = (batch, &answer)
            && message == "the answers before it are too large together"
        {
            return;
        }
        let is_granted = match name {
            "time_now" => true,
            _ if name.starts_with("kv_") => self.kv.is_some(),
            // Packages are mounted, too.
            _ if name.starts_with("fs_") => self.mount.is_some() || self.installs,
            _ if name.starts_with("http_") => !self.hosts.is_empty(),
            _ => self.installs,
        };
        let built_in = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
        match (built_in, name) {
            (None, "time_now") => assert!(answer.is_ok_and(|now| now.is_f64())),
            (None, _) => {
                let message = format!("unknown function: {name}");
                assert_eq!(answer, Err(("unknown_function".to_owned(), message)));
            }
            (Some((_, flag)), _) if !is_granted => {
                let message = format!("not granted: {name}; enable with {flag}");
                assert_eq!(answer, Err(("not_granted".to_owned(), message)));
            }
            _ if name.starts_with("kv_") => {
                if batch.is_none() || !self.kv_in_file {
                    self.verify_kv(name, &args, answer);
                }
            }
            _ if name.starts_with("fs_") => self.verify_fs(name, &args, &answer, batch.is_none()),
            (_, "http_get" | "http_request") => {
                assert_ne!(kind, Some("unknown_function"));
                if let Ok(answer) = answer {
                    assert!(answer["status"].is_u64(), "{answer}");
                }
            }
            // The pretended installer installs nothing.
            _ => assert!(answer.is_err(), "{answer:?}"),
        }
    }

    fn verify_kv(&mut self, name: &str, args: &Args, answer: Answer) {
        let kv = self.kv.as_mut().expect("it is granted");
        let fails = |kind: &str| Err(kind.to_owned());
        let key = args.get("key").and_then(Value::as_str);
        let expected = match (name, key, args.get("value")) {
            ("kv_keys", ..) => Ok(json!(kv.keys().collect::<Vec<_>>())),
            (_, None, _) => fails("invalid"),
            ("kv_get", Some(key), _) => Ok(match kv.get(key) {
                Some(value) => value.clone(),
                None => args.get("default").cloned().unwrap_or_default(),
            }),
            ("kv_delete", Some(key), _) => {
                kv.remove(key);
                Ok(json!("ok"))
            }
            (_, Some(_), None) => fails("invalid"),
            (_, Some(key), Some(value)) => {
                let total: usize = kv
                    .iter()
                    .filter(|(other, _)| *other != key)
                    .map(|(key, value)| key.len() + size(value))
                    .sum();
                let fits = key.len() <= 256
                    && size(value) <= 64 << 10
                    && (kv.contains_key(key) || kv.len() < 1000)
                    && total + key.len() + size(value) <= 10 << 20;
                if fits {
                    kv.insert(key.to_owned(), value.clone());
                    Ok(json!("ok"))
                } else {
                    fails("too_large")
                }
            }
        };
        assert_eq!(
            answer.map_err(|(kind, _)| kind),
            expected,
            "{name} {args:?}"
        );
    }

    fn verify_fs(&self, name: &str, args: &Args, answer: &Answer, is_alone: bool) {
        let path = args.get("path").and_then(Value::as_str).unwrap_or_default();
        let kind = answer.as_ref().err().map(|(kind, _)| kind.as_str());
        if path.is_empty() {
            return assert_eq!(kind, Some("invalid"));
        }
        if path.len() > self.limits.fs_path {
            return assert_eq!(kind, Some("too_large"), "{path}");
        }
        let Ok(answer) = answer else {
            return;
        };
        let names: Vec<&str> = path
            .split('/')
            .filter(|name| !matches!(*name, "" | "."))
            .collect();
        let is_plain = !names.contains(&"..");
        let in_tmp = names.first() == Some(&"tmp");
        let in_packages = self.installs && names.first() == Some(&"packages");
        if name == "fs_exists" {
            return assert!(answer.is_boolean());
        }
        let Some((host, guest, mode)) = &self.mount else {
            return assert!(
                !is_plain || in_tmp || in_packages,
                "{name} of {path}: nothing is mounted"
            );
        };
        let in_mount = in_packages || guest == "/" || names.first() == Some(&"m");
        assert!(
            !is_plain || in_tmp || in_mount,
            "{name} of {path} is outside of the mounts"
        );
        let changes = ["fs_write", "fs_mkdir", "fs_remove"].contains(&name);
        if changes && is_plain && !in_tmp {
            assert_ne!(
                *mode,
                MountMode::ReadOnly,
                "{name} of {path} in a mount to be read"
            );
        }
        if name == "fs_read" {
            let text = answer.as_str().expect("a text");
            assert!(text.len() as u64 <= self.limits.fs_file);
            if is_plain && !in_tmp && is_alone {
                let below: PathBuf = names[usize::from(guest != "/")..].iter().collect();
                let file = host
                    .join(below)
                    .canonicalize()
                    .expect("what was read is there");
                assert!(
                    file.starts_with(host.canonicalize().unwrap()),
                    "{path} leads out of the mount"
                );
                assert_eq!(fs::read(file).unwrap(), text.as_bytes());
            }
        }
    }

    /// Something was asked that is not looked into.
    pub(super) fn asked_something(&mut self) {
        (self.single, self.calls) = (false, MAX_BATCH);
    }

    /// Calls of a batch that change a file are made at the same time: which of them
    /// came last is only seen afterwards.
    pub(super) fn settle(&mut self, boundary: &Boundary) {
        if self.kv_in_file {
            self.resync(boundary);
        }
    }

    /// Takes over what is kept by key now, within its limits.
    pub(super) fn resync(&mut self, boundary: &Boundary) {
        let Some(kv) = &mut self.kv else {
            return;
        };
        let ask = |place, values| {
            boundary
                .ask(place, values)
                .and_then(|asked| asked.answer.ok())
        };
        let keys = ask(4, Vec::new()).expect("there are keys");
        kv.clear();
        for key in keys.as_array().expect("a list") {
            let value = ask(1, vec![key.clone()]).expect("its value");
            let key = key.as_str().expect("a text").to_owned();
            assert!(key.len() <= 256 && size(&value) <= 64 << 10);
            kv.insert(key, value);
        }
        let total: usize = kv.iter().map(|(key, value)| key.len() + size(value)).sum();
        assert!(kv.len() <= 1000 && total <= 10 << 20);
    }

    /// Only hosts that are allowed are asked, with what a guest may say.
    pub(super) fn check_sent(&self, sent: &[Sent]) {
        assert!(
            sent.len() <= 21 * self.calls.max(1),
            "too many requests are sent: {}",
            sent.len()
        );
        let mut origin: Option<&str> = None;
        let mut is_elsewhere = false;
        for request in sent {
            let (scheme, rest) = request.url.split_once("://").expect("a URL");
            assert!(matches!(scheme, "http" | "https"), "{request:?}");
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            assert!(!authority.contains('@'), "{request:?}");
            let allowed = self
                .hosts
                .iter()
                .any(|allowed| is_allowed(allowed, authority, scheme));
            assert!(allowed, "a host that is not allowed is asked: {request:?}");
            let methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
            assert!(methods.contains(&&*request.method), "{request:?}");
            let here = &request.url[..scheme.len() + 3 + authority.len()];
            is_elsewhere |= origin.is_some_and(|origin| origin != here);
            origin = Some(here);
            for (name, value) in &request.headers {
                let is_token =
                    |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
                assert!(
                    !name.is_empty() && name.bytes().all(is_token),
                    "{request:?}"
                );
                let is_control = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
                assert!(!value.iter().any(is_control), "{request:?}");
                match name.as_str() {
                    "connection" => assert_eq!(value, b"close"),
                    "host" | "content-length" | "transfer-encoding" | "te" | "upgrade"
                    | "expect" => {
                        panic!("the guest says {name}: {request:?}")
                    }
                    "authorization" | "cookie" => {
                        assert!(!self.single || !is_elsewhere, "told to another: {sent:?}");
                    }
                    _ => {}
                }
            }
        }
    }

    /// The installer is asked for nothing but what may be installed.
    pub(super) fn check_installer(&self, log: &Path) {
        let Ok(said) = fs::read_to_string(log) else {
            return;
        };
        fs::remove_file(log).unwrap();
        assert!(self.installs, "the installer was run: {said}");
        for line in said.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(words[..2], ["-m", "pip"], "{said}");
            let asked = match (words.iter().position(|word| *word == "--"), &words[2..]) {
                (Some(end), ["install", ..]) => &words[end + 1..],
                (None, ["index", "versions", names @ ..]) => names,
                (None, ["--version"]) => &[],
                _ => panic!("{said}"),
            };
            for name in asked {
                let is_of_name =
                    |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
                let end = name
                    .find(|letter| !is_of_name(letter))
                    .unwrap_or(name.len());
                assert!(matches!(&name[..end], "alpha" | "beta"), "{said}");
            }
        }
    }

    /// Nothing but what the mode allows was changed.
    pub(super) fn check_tree(&self, world: &mut World) {
        world.hold(self.mount.as_ref().map(|(_, _, mode)| *mode));
    }
}

/// One answer, to the request of this `id`.
fn single(answer: &Value, id: Option<&Value>) -> Answer {
    let entries = answer.as_object().expect("an answer is an object");
    assert_eq!(entries.get("id"), id, "an answer has its request's id");
    let others = entries.len() - usize::from(id.is_some());
    match (
        entries.get("data"),
        entries.get("error"),
        entries.get("kind"),
    ) {
        (Some(data), None, None) if others == 1 => Ok(data.clone()),
        (None, Some(Value::String(message)), Some(Value::String(kind))) if others == 2 => {
            Err((kind.clone(), message.clone()))
        }
        _ => panic!("neither data nor an error: {answer}"),
    }
}

fn size(value: &Value) -> usize {
    value.to_string().len()
}

fn depth(args: &Args) -> usize {
    1 + args.values().map(deep).max().unwrap_or(0)
}

fn deep(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(deep).max().unwrap_or(0),
        Value::Object(entries) => 1 + entries.values().map(deep).max().unwrap_or(0),
        _ => 0,
    }
}

/// Whether `allowed`, as it was granted, is or covers where a URL leads.
fn is_allowed(allowed: &str, authority: &str, scheme: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().expect("a port")),
        _ => (authority, if scheme == "https" { 443 } else { 80 }),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let of_v6 = host.trim_matches(['[', ']']).parse::<std::net::Ipv6Addr>();
    let address = of_v6.map(|address| address.to_canonical().to_string());
    match allowed {
        "b.test:81" => port == 81 && (host == "b.test" || host.ends_with(".b.test")),
        "a.test" => host == "a.test" || host.ends_with(".a.test"),
        "127.0.0.1" => host == "127.0.0.1" || address.is_ok_and(|address| address == "127.0.0.1"),
        "::1" => address.is_ok_and(|address| address == "::1"),
        other => panic!("{other}"),
    }
}

/// Puts an installer on the `PATH`, as the only program there, that writes what it
/// was asked into the file that this gives, and installs nothing.
pub(super) fn installer(world: &World) -> PathBuf {
    let base = world.mount();
    let base = base.parent().expect("a parent");
    let mut folder = base.as_os_str().to_owned();
    folder.push("-installer");
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder).unwrap();
    let (log, program) = (folder.join("said"), folder.join("python3"));
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{}'\ncase \"$*\" in *--version*) exit 0;; esac\necho ERROR: no\nexit 1\n",
        log.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    // SAFETY: no other thread of this process reads or changes it now: targets run
    // one at a time, and threads that a target starts end before it.
    unsafe { std::env::set_var("PATH", &folder) };
    log
}
