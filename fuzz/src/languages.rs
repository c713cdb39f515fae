//! `languages`: whatever is run as Python or as JavaScript, with all that can be
//! granted but the network, which is pretended,
//!
//! 1. ends in an outcome, and never in an error or a panic of the host's;
//! 2. keeps to its limits: time (with [slack](SLACK)), output, and memory, also
//!    the host's;
//! 3. changes nothing outside of its mount, and tells nothing of it;
//! 4. leaves nothing for the next run of the same image: a known program gives
//!    now and then what it is known to give.
//!
//! The first byte says how the rest, a text, is run.

use crate::{
    allocated::within,
    world::{SECRET, World},
};
use dormouse::{
    Error, ErrorKind, Grants, GuestStore, HostError, HostFunctions, Image, Kv, Language, Limit,
    Limits, Mount, MountMode, Program, Sandbox, Status, Stdin,
    internals::boundary::{Got, set_network},
};
use serde_json::{Map, Value};
use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// A run's time.
const DEADLINE: Duration = Duration::from_millis(400);

/// How much later a run may end, on a machine that has other things to do.
const SLACK: Duration = Duration::from_secs(10);

/// Bytes that a run may print.
const OUTPUT: u64 = 64 << 10;

/// Bytes of a guest's memory.
const MEMORY: u64 = 64 << 20;

/// Bytes that the host may hold for a run, beside the guest's memory: of requests,
/// what they are parsed to and their answers, each bounded at 64 MiB at most, of
/// `/tmp`, and of code that is translated when it first runs.
const MOST: usize = 320 << 20;

/// Runs between two of the known program.
const NOW_AND_THEN: u32 = 16;

const KNOWN: [(&str, &[u8]); 2] = [
    (
        "import sys, json, os, dormouse\n\
         names = sorted(name for name in globals() if not name.startswith('__'))\n\
         print(sum(range(10)), names, sorted(os.listdir('/tmp')), dormouse.kv.keys(), open('/m/a.txt').read())\n\
         print(json.dumps({'a': [1.5, None]}), sys.getrecursionlimit(), sorted([3, 1, 2]))\n",
        b"45 ['dormouse', 'json', 'os', 'sys'] [] [] text of a\n\n{\"a\": [1.5, null]} 1000 [1, 2, 3]\n",
    ),
    (
        "console.log([1, 2, 3].map(x => x * x).join(), kv_keys().length, fs_read('/m/a.txt').trim(), \
         JSON.stringify({a: [1.5, null]}), typeof leak, Object.keys(Array.prototype).length)\n",
        b"1,4,9 0 text of a {\"a\":[1.5,null]} undefined 0\n",
    ),
];

struct Host {
    world: World,
    images: [Image; 2],
    runs: u32,
}

fn host() -> MutexGuard<'static, Host> {
    static HOST: OnceLock<Mutex<Host>> = OnceLock::new();
    let host = HOST.get_or_init(|| {
        let store = GuestStore::open_default().expect("a cache folder");
        let image = |language| store.image(language, &mut |_| {}).expect("its image");
        let images = [image(Language::Python), image(Language::JavaScript)];
        Mutex::new(Host {
            world: World::new(),
            images,
            runs: 0,
        })
    });
    host.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes ready what takes longer than an input may.
pub fn prepare_languages() {
    let mut host = host();
    for language in 0..2 {
        check_known(&mut host, language);
    }
}

/// See the module.
pub fn languages(bytes: &[u8]) {
    let Some((how, source)) = bytes.split_first() else {
        return;
    };
    let mut host = host();
    let host = &mut *host;
    let language = usize::from(how & 1);
    let mode = if how & 2 == 0 {
        MountMode::ReadWriteCreate
    } else {
        MountMode::ReadOnly
    };
    let tells = |bytes: &[u8]| {
        bytes
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes())
    };
    let said = tells(source);
    set_network(Some(Arc::new(|request| Got {
        status: 200,
        headers: vec![("content-type".to_owned(), b"text/plain".to_vec())],
        body: request.url.into_bytes(),
    })));
    within(MOST, || {
        let sandbox = sandbox(host, language, mode);
        let started = Instant::now();
        if how & 4 == 0 {
            let outcome = sandbox.run(Program::code(source)).expect("an outcome");
            let printed = outcome.stdout.len() + outcome.stderr.len();
            assert!(printed as u64 <= OUTPUT, "{printed} bytes were printed");
            assert!(!tells(&outcome.stdout) && !tells(&outcome.stderr) || said);
            if let Status::Trap(trap) = &outcome.status {
                // Python's own way to abort, and stacks that are used up.
                let is_known = ["unreachable", "call stack exhausted"]
                    .iter()
                    .any(|known| trap.message.contains(known));
                assert!(is_known, "{trap:?}");
            }
        } else {
            in_session(sandbox, &String::from_utf8_lossy(source));
        }
        let took = started.elapsed();
        assert!(took <= 3 * DEADLINE + SLACK, "it took {took:?}");
    });
    host.world.hold(Some(mode));
    host.runs += 1;
    if host.runs.is_multiple_of(NOW_AND_THEN) {
        check_known(host, language);
    }
    set_network(None);
}

/// Runs `source` in pieces, and then something else.
fn in_session(sandbox: Sandbox, source: &str) {
    let session = match sandbox.session() {
        Ok(session) => session,
        // On a machine that is busy, starting may take all of its time.
        Err(error) if error.to_string().ends_with("the deadline limit stopped it") => return,
        Err(error) => panic!("no session: {error}"),
    };
    for piece in source.split("\n\n").take(3).chain(["1"]) {
        match session.run(piece) {
            Ok(outcome) => {
                let printed = outcome.stdout.len() + outcome.stderr.len();
                assert!(printed as u64 <= OUTPUT, "{printed} bytes were printed");
                if matches!(
                    outcome.status,
                    Status::Limit(Limit::Deadline | Limit::Memory) | Status::Trap(_)
                ) {
                    return;
                }
            }
            // What ended the guest.
            Err(error) => {
                assert!(is_over(&error), "{error}");
                return;
            }
        }
    }
}

fn is_over(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::SessionClosed)
}

fn sandbox(host: &Host, language: usize, mode: MountMode) -> Sandbox {
    let grants = Grants {
        mounts: vec![Mount {
            guest: "/m".to_owned(),
            host: host.world.mount(),
            mode,
        }],
        env: vec![("A".to_owned(), "b".to_owned())],
        kv: Kv::Memory,
        hosts: vec!["a.test".to_owned()],
        ..Grants::default()
    };
    let limits = Limits {
        deadline: Some(DEADLINE),
        memory: MEMORY,
        output: Some(OUTPUT),
        tmp: 8 << 20,
        http_timeout: DEADLINE,
        ..Limits::default()
    };
    let functions = HostFunctions::new()
        .with("echo", |args: Map<String, Value>| Ok::<_, HostError>(args))
        .with("fail", |_: Map<String, Value>| {
            Err::<(), _>(HostError::from("no"))
        });
    Sandbox::new(&host.images[language])
        .grants(grants)
        .limits(limits)
        .functions(functions)
        .stdin(Stdin::Bytes(b"a line\n".to_vec()))
}

fn check_known(host: &mut Host, language: usize) {
    let (program, expected) = KNOWN[language];
    let sandbox = sandbox(host, language, MountMode::ReadOnly);
    let limits = Limits {
        deadline: Some(SLACK),
        memory: MEMORY,
        ..Limits::default()
    };
    let outcome = sandbox
        .limits(limits)
        .run(Program::code(program))
        .expect("an outcome");
    let printed = String::from_utf8_lossy(&outcome.stdout);
    let wrong = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!(
        printed,
        String::from_utf8_lossy(expected),
        "{wrong} {:?}",
        outcome.status
    );
}
