//! What modules may reach.

use super::{Gateway, module};
#[cfg(feature = "http")]
use crate::server::{Server, respond};
use crate::support::{Dir, command, run};

const WRITES: &str = "import os\n\
    print('Content-Type: text/plain\\n')\n\
    def attempt(path):\n    \
        try: open(path, 'w').write('new'); return 'written'\n    \
        except OSError as error: return error.strerror\n\
    print(*(attempt(path) for path in ('/free/a', '/fixed/a', '/none/a')), sorted(os.listdir('/')))\n";

#[test]
fn m6_volumes_with_modes_and_one_that_is_not_there() {
    let gateway = Gateway::new(
        &module(
            "/",
            "w.py",
            "volumes = { '/free' = 'free', '/fixed' = 'fixed:ro', '/none' = 'none' }",
        ),
        &[("w.py", WRITES), ("free/x", ""), ("fixed/x", "")],
    );
    let log = gateway.log();
    assert!(
        log.contains("modules.toml:4:") && log.contains("warning: volumes: none: "),
        "{log}"
    );
    let answer = gateway.get("/");
    let text = answer.text();
    assert!(
        text.starts_with("written Read-only file system No such file or directory ["),
        "{answer:?}"
    );
    assert!(!text.contains("none"), "{text}");
    assert_eq!(gateway.dir.read("free/a"), "new");
    gateway.logs(0, "it ran without its volume none");
    // Once it is there, it is seen.
    gateway.dir.write("none/x", "");
    let text = gateway.get("/").text();
    assert!(
        text.starts_with("written Read-only file system written ["),
        "{text}"
    );
}

#[test]
fn m8_values_by_key_for_a_request_or_in_a_file() {
    let counts = "print('Content-Type: text/plain\\n')\nkv.set('n', (kv.get('n') or 0) + 1)\nprint(kv.get('n'))\n";
    let gateway = Gateway::new(
        &[
            module("/memory", "c.py", "kv = true"),
            module("/file", "c.py", "kv = 'counts.kv'"),
            module("/none", "c.py", ""),
        ]
        .concat(),
        &[("c.py", counts)],
    );
    for n in ["1\n", "2\n", "3\n"] {
        gateway.get("/memory").is(200, "1\n");
        gateway.get("/file").is(200, n);
    }
    gateway.get("/none").is(500, "");
}

#[test]
fn packages_are_found() {
    let gateway = Gateway::new(
        &module("/", "p.py", "packages = 'lib'"),
        &[
            (
                "p.py",
                "import given\nprint('Content-Type: text/plain\\n')\nprint(given.NAME)\n",
            ),
            ("lib/given.py", "NAME = 'given'\n"),
        ],
    );
    gateway.get("/").is(200, "given\n");
}

#[cfg(feature = "http")]
#[test]
fn m7_hosts_that_a_module_may_ask_and_how_many_at_a_time() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let server = Server::new(|_, stream| {
        MOST.fetch_max(NOW.fetch_add(1, SeqCst) + 1, SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(100));
        NOW.fetch_sub(1, SeqCst);
        respond(stream, "200 OK", "", b"asked");
    });
    let asks = "import os, asyncio\n\
        print('Content-Type: text/plain\\n')\n\
        async def all():\n    \
            return await asyncio.gather(*(http.async_get(os.environ['QUERY_STRING']) for _ in range(6)))\n\
        try: print({answer.text for answer in asyncio.run(all())})\n\
        except Exception as error: print(type(error).__name__, error)\n";
    let hosts = "allowed_hosts = ['http://127.0.0.1']\n";
    let gateway = Gateway::new(
        &[
            module(
                "/asks",
                "asks.py",
                &format!("{hosts}http_max_concurrency = 2"),
            ),
            module("/all", "asks.py", hosts),
            module("/may-not", "asks.py", ""),
        ]
        .concat(),
        &[("asks.py", asks)],
    );
    gateway
        .get(&format!("/asks?{}", server.url()))
        .is(200, "{'asked'}\n");
    assert_eq!(MOST.load(SeqCst), 2);
    gateway
        .get(&format!("/all?{}", server.url()))
        .is(200, "{'asked'}\n");
    assert!(MOST.load(SeqCst) > 2);
    let refused = gateway.get(&format!("/may-not?{}", server.url())).text();
    assert!(refused.contains("not granted"), "{refused}");
    assert_eq!(server.received().len(), 12);
}

#[test]
fn grants_of_the_command_line_are_not_the_modules() {
    let dir = Dir::new();
    dir.write("secret/x", "");
    dir.write("list.py", "import os\nprint('Content-Type: text/plain\\n')\nprint(os.path.exists('/secret'))\ntry: kv.get('x')\nexcept PermissionError: print('no kv')\n");
    dir.write("modules.toml", module("/", "list.py", ""));
    let mount = format!("/secret:{}", dir.path().join("secret").display());
    let gateway = Gateway::start(dir, &["-l", "js", "--kv", "--mount", &mount]);
    gateway.get("/").is(200, "False\nno kv\n");
    // Beside the API, which is asked first.
    let code = r#"{"code": "print(kv.keys().length)"}"#;
    let answer = gateway.curl(&["--data", code], "/execute").text();
    assert!(answer.contains(r#""stdout":"0\n""#), "{answer}");
    gateway.get("/healthz").is(200, "OK");
    // Alone, such a grant would be nobody's.
    let mut alone = command();
    alone.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--modules",
        "modules.toml",
        "--kv",
    ]);
    run(alone.current_dir(gateway.dir.path()))
        .exits(2)
        .says(&["of the grants only --env and --env-file are for modules"]);
}
