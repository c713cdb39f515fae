//! SIGHUP: new requests see the new file, running ones finish, a bad file changes
//! nothing.

use super::{Gateway, module, plain, prints};
use std::{thread, time::Duration};

const SLOW: &str = "import os, time\nprint('Content-Type: text/plain\\n')\n\
    open('/sync/running', 'w').close()\n\
    while not os.path.exists('/sync/go'): time.sleep(0.02)\n\
    print('old')\n";

#[test]
fn what_is_changed_is_seen_after_a_reload_and_what_runs_goes_on() {
    let slow = module("/slow", "slow.py", "volumes = { '/sync' = 'sync' }");
    let gateway = Gateway::with(
        &["--workers", "2"],
        &[module("/a", "a.wat", ""), slow.clone()].concat(),
        &[
            ("a.wat", &prints(&plain("one"), "")),
            ("slow.py", SLOW),
            ("sync/x", ""),
        ],
    );
    gateway.get("/a").is(200, "one");
    thread::scope(|scope| {
        let running = scope.spawn(|| gateway.get("/slow"));
        while !gateway.dir.exists("sync/running") {
            thread::sleep(Duration::from_millis(10));
        }
        gateway.dir.write("a.wat", prints(&plain("two"), ""));
        gateway.dir.write("slow.py", SLOW.replace("old", "new"));
        gateway.dir.write(
            "modules.toml",
            [
                module("/a", "a.wat", ""),
                module("/b", "a.wat", ""),
                slow.clone(),
            ]
            .concat(),
        );
        // Not before it is told.
        gateway.get("/a").is(200, "one");
        gateway.get("/b").is(404, "");
        let from = gateway.log().len();
        gateway.signal("HUP");
        gateway.logs(from, "reloaded");
        gateway.get("/a").is(200, "two");
        gateway.get("/b").is(200, "two");
        gateway.dir.write("sync/go", "");
        running.join().expect("no panic").is(200, "old\n");
        gateway.get("/slow").is(200, "new\n");
    });
}

#[test]
fn a_bad_file_changes_nothing() {
    let gateway = Gateway::new(
        &module("/a", "a.wat", ""),
        &[("a.wat", &prints(&plain("one"), ""))],
    );
    for (bad, said) in [
        (String::new(), "modules.toml: error: no module is listed"),
        ("[[module]\n".to_owned(), "modules.toml:1:10: error: "),
        (
            module("/b", "none.wat", ""),
            "modules.toml:3:10: error: module: none.wat: ",
        ),
        (
            module("/a", "bad.wat", "") + &module("/b", "a.wat", ""),
            "bad.wat",
        ),
    ] {
        gateway
            .dir
            .write("bad.wat", "(module (func (export \"_start\") (i32.add)))");
        gateway.dir.write("modules.toml", bad);
        let from = gateway.log().len();
        gateway.signal("HUP");
        gateway.logs(from, "not reloaded");
        gateway.logs(from, said);
        gateway.get("/a").is(200, "one");
        gateway.get("/b").is(404, "");
    }
    gateway.dir.write("modules.toml", module("/b", "a.wat", ""));
    let from = gateway.log().len();
    gateway.signal("HUP");
    gateway.logs(from, " reloaded");
    gateway.get("/b").is(200, "one");
    gateway.get("/a").is(404, "");
}

#[test]
fn no_answer_is_wrong_while_files_are_exchanged() {
    let gateway = Gateway::new(
        &module("/a", "a.wat", ""),
        &[("a.wat", &prints(&plain("same"), ""))],
    );
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            for _ in 0..100 {
                gateway.get("/a").is(200, "same");
            }
        });
        let mut turn = 0;
        while !asking.is_finished() {
            turn += 1;
            let good = [
                module("/a", "a.wat", ""),
                module(&format!("/{turn}"), "a.wat", ""),
            ]
            .concat();
            let text = if turn % 2 == 0 {
                good
            } else {
                "[[module]".to_owned()
            };
            // In one step: it may be read at any moment.
            let whole = gateway.dir.write("modules.new", text);
            let place = whole.with_file_name("modules.toml");
            std::fs::rename(whole, place).expect("in place");
            gateway.signal("HUP");
            thread::sleep(Duration::from_millis(30));
        }
        asking.join().expect("no panic");
    });
}

#[test]
fn what_runs_at_the_end_is_answered() {
    let mut gateway = Gateway::new(
        &module("/slow", "slow.py", "volumes = { '/sync' = 'sync' }"),
        &[("slow.py", SLOW), ("sync/x", "")],
    );
    thread::scope(|scope| {
        let running = scope.spawn(|| gateway.get("/slow"));
        while !gateway.dir.exists("sync/running") {
            thread::sleep(Duration::from_millis(10));
        }
        gateway.signal("TERM");
        gateway.logs(0, "shutting down");
        gateway.dir.write("sync/go", "");
        running.join().expect("no panic").is(200, "old\n");
    });
    assert!(gateway.ends().success());
}
