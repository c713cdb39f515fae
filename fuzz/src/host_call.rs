//! `host_call`: whatever a guest sends over `/dev/host`, or by JavaScript's
//! `host_call`, under whatever grants,
//!
//! 1. is answered: in the protocol's form, each request once, in order;
//! 2. with what a [model](Model) of the granted functions says;
//! 3. leaves what was not granted untouched: files outside of the mount, the mount
//!    beyond its mode, hosts that are not allowed, the host's installer;
//! 4. takes no more memory of the host's than [`MOST`], whatever it asks for.
//!
//! An input is what is granted (three bytes), then operations. Requests come as
//! they are (so that real traffic is a seed), or are made of what follows.

mod model;
mod requests;
mod wire;

use crate::{input::Input, world::World};
use dormouse::{
    Grants, Kv, Limits, Mount, MountMode, Packages,
    internals::boundary::{Boundary, Got, Sent, set_network},
};
use model::Model;
use serde_json::Value;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

/// Bytes that one request may have the host hold: those of values, as
/// parsed and as text, and of a batch's answers are bounded at 64 MiB each.
const MOST: usize = 256 << 20;

/// Operations of one input.
const MAX_OPERATIONS: usize = 64;

/// What the process keeps between inputs.
struct Host {
    world: World,
    /// Where the installer that is first on the `PATH` says what it was asked.
    installer: PathBuf,
}

fn host() -> MutexGuard<'static, Host> {
    static HOST: OnceLock<Mutex<Host>> = OnceLock::new();
    let host = HOST.get_or_init(|| {
        let world = World::new();
        let installer = model::installer(&world);
        Mutex::new(Host { world, installer })
    });
    host.lock().unwrap_or_else(PoisonError::into_inner)
}

/// See the module.
pub fn host_call(bytes: &[u8]) {
    let mut host = host();
    let host = &mut *host;
    let mut input = Input(bytes);
    let (granted, narrow, script) = (input.byte(), input.byte(), input.byte());
    let grants = grants(host, granted, narrow);
    let limits = limits(narrow);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&sent);
    let rest = input.0.to_vec();
    set_network(Some(Arc::new(move |request: Sent| {
        let mut sent = heard.lock().unwrap();
        sent.push(request);
        requests::answer(script, sent.len(), &rest)
    })));
    // What waits between inputs is not the input's.
    let mut model = Model::new(&grants, &limits, &host.world, bytes);
    let boundary = Boundary::new(grants, limits).expect("a run");
    let mut wire = wire::Wire::new(&boundary);
    for _ in 0..MAX_OPERATIONS {
        if input.is_empty() {
            break;
        }
        operation(&mut input, &mut wire, &mut model);
        model.settle(wire.boundary);
        let mut sent = sent.lock().unwrap();
        model.check_sent(&sent);
        sent.clear();
    }
    drop(boundary);
    set_network(None);
    model.check_installer(&host.installer);
    model.check_tree(&mut host.world);
}

fn operation(input: &mut Input<'_>, wire: &mut wire::Wire<'_>, model: &mut Model) {
    match input.byte() % 8 {
        0 => wire.write(&[input.bytes()], model),
        1 => {
            let line = [input.bytes(), b"\n"].concat();
            wire.write(&[&line], model);
        }
        2 => {
            let (bytes, at) = (input.bytes(), usize::from(input.byte()));
            let (one, other) = bytes.split_at(at.min(bytes.len()));
            wire.write(&[one, other], model);
        }
        3 => wire.read(usize::from(input.byte()), model),
        4 => {
            let request = input.bytes();
            let answer = wire.answer(request);
            model.answered(request, &answer);
        }
        5 => {
            let place = usize::from(input.byte() % 18);
            let values: Vec<Value> = (0..input.byte() % 4)
                .map(|_| requests::value(input, 0))
                .collect();
            let asked = wire.boundary.ask(place, values.clone());
            model.asked(place, values, asked);
        }
        6 => {
            let call = requests::call(input, model);
            wire.ask(input, std::slice::from_ref(&call), true, model);
        }
        _ => {
            let count = input.byte() % 12;
            let calls: Vec<_> = (0..count).map(|_| requests::call(input, model)).collect();
            let calls = match input.byte() {
                // As many as one batch may hold, and some more.
                0xff => {
                    let size: usize = calls.iter().map(requests::Call::size).sum();
                    let count = if size > 16 << 10 { 40 } else { 1030 };
                    calls.iter().cycle().take(count).cloned().collect()
                }
                _ => calls,
            };
            wire.ask(input, &calls, false, model);
        }
    }
}

fn grants(host: &Host, granted: u8, narrow: u8) -> Grants {
    let mut grants = Grants::default();
    if granted & 1 != 0 {
        grants.kv = match granted & 2 {
            0 => Kv::Memory,
            _ => {
                // Beside what is shown, and what is compared.
                let file = host.installer.with_file_name("values.kv");
                let _ = std::fs::remove_file(&file);
                Kv::File(file)
            }
        };
    }
    if granted & 4 != 0 {
        let mode = match granted >> 3 & 3 {
            0 => MountMode::ReadOnly,
            1 => MountMode::ReadWrite,
            _ => MountMode::ReadWriteCreate,
        };
        grants.mounts.push(Mount {
            guest: if narrow & 0x80 == 0 { "/m" } else { "/" }.to_owned(),
            host: host.world.mount(),
            mode,
        });
    }
    if granted & 0x20 != 0 {
        let hosts = ["a.test", "b.test:81", "127.0.0.1", "::1"];
        let chosen = hosts
            .iter()
            .enumerate()
            .filter(|(place, _)| narrow >> place & 1 != 0);
        grants.hosts = chosen.map(|(_, host)| (*host).to_owned()).collect();
    }
    if granted & 0xc0 == 0xc0 {
        grants.packages = Packages {
            folder: Some(host.installer.with_file_name("packages")),
            install: true,
            allowed: vec!["alpha>=1".to_owned(), "beta".to_owned()],
        };
    }
    grants
}

fn limits(narrow: u8) -> Limits {
    let mut limits = Limits {
        deadline: None,
        http_timeout: Duration::from_secs(5),
        tmp: 1 << 20,
        ..Limits::default()
    };
    if narrow & 0x10 != 0 {
        (limits.fs_file, limits.fs_write, limits.fs_path) = (64, 32, 40);
    }
    if narrow & 0x20 != 0 {
        (limits.http_body, limits.http_url) = (16, 64);
    }
    limits
}

/// What is pretended to be a server.
fn got(status: u16, location: Option<&[u8]>, body: Vec<u8>) -> Got {
    let mut headers = vec![(
        "content-type".to_owned(),
        b"text/plain; charset=latin1".to_vec(),
    )];
    headers.extend(location.map(|to| ("location".to_owned(), to.to_vec())));
    Got {
        status,
        headers,
        body,
    }
}
