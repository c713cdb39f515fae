//! `dormouse fuzz`: what is planted is found, once, and can be seen again; a run
//! leaves nothing to the next; the same seed does the same; limits hold.

mod languages;
mod machines;

use crate::support::{CACHE, Dir, Ran, command, dormouse, guest, run, run_with_input};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

/// Fuzzes `target` from within `dir`, its findings in `out` there.
fn fuzz(dir: &Dir, options: &[&str], target: &[&str]) -> Ran {
    run(command()
        .args(["fuzz", "-o", "out", "--seed", "1"])
        .args(options)
        .args(target)
        .current_dir(dir.path())
        .stdin(Stdio::null()))
}

/// The inputs of a kind that were kept, by name.
fn kept(dir: &Dir, kind: &str) -> Vec<PathBuf> {
    let folder = dir.path().join("out").join(kind);
    let files = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_none());
    files.sort();
    files
}

fn notes(input: &Path) -> String {
    std::fs::read_to_string(input.with_extension("txt")).expect("notes are beside it")
}

/// Runs what the notes of `input` say replays it.
fn replay(dir: &Dir, input: &Path) -> Ran {
    let notes = notes(input);
    let line = notes
        .lines()
        .find_map(|line| line.strip_prefix("replay: dormouse "));
    let line = line.expect("notes say how to replay it");
    let words = match line.split_once(" < ") {
        Some((words, file)) => {
            let input = std::fs::read(dir.path().join(file)).expect("the input");
            let mut command = command();
            command.args(words.split(' ')).current_dir(dir.path());
            return run_with_input(&mut command, &input);
        }
        None => line,
    };
    run(command()
        .args(words.split(' '))
        .current_dir(dir.path())
        .stdin(Stdio::null()))
}

/// A program that reads up to 1,000 bytes from stdin to 1,024, and calls `$parse`
/// with how many there were.
fn parser(parse: &str) -> String {
    guest(&format!(
        r#"{parse}
        (func (export "_start") (call $parse (call $read (i32.const 1024) (i32.const 1000))))"#
    ))
}

/// Traps behind four certain bytes, and one more.
const MAGIC: &str = r#"
    (func $parse (param $len i32)
        (if (i32.lt_u (local.get $len) (i32.const 8)) (then (return)))
        (if (i32.ne (i32.load (i32.const 1024)) (i32.const 0x4947414d)) (then (return)))
        (if (i32.eq (i32.load8_u (i32.const 1030)) (i32.const 0x21)) (then (call $explode))))
    (func $explode (unreachable))"#;

#[test]
fn four_magic_bytes_are_found_told_and_replayed() {
    let dir = Dir::new();
    dir.write("magic.wat", parser(MAGIC));
    fuzz(&dir, &["--runs", "3000"], &["magic.wat"])
        .exits(77)
        .says(&["found crashes/"]);
    let crashes = kept(&dir, "crashes");
    let [crash] = crashes.as_slice() else {
        panic!("one crash, once: {crashes:?}");
    };
    assert_eq!(
        std::fs::read(crash).expect("its input").get(..4),
        Some(&b"MAGI"[..])
    );
    let notes = notes(crash);
    for part in ["unreachable", "where: explode", "#1 parse", "#2 _start"] {
        assert!(notes.contains(part), "no {part:?} in {notes}");
    }
    replay(&dir, crash).exits(134).says(&["unreachable"]);
    assert!(kept(&dir, "hangs").is_empty());
}

#[test]
fn a_seed_gives_the_same_campaign_and_it_can_be_gone_on_with() {
    let once = || {
        let dir = Dir::new();
        dir.write("magic.wat", parser(MAGIC));
        fuzz(&dir, &["--runs", "1500"], &["magic.wat"]).exits(77);
        let names = |kind| -> Vec<_> {
            let files = kept(&dir, kind).into_iter();
            files
                .map(|file| file.file_name().expect("a name").to_owned())
                .collect()
        };
        let all = [names("queue"), names("crashes"), names("hangs")];
        assert!(all[0].len() > 2, "{all:?}");
        (all, dir)
    };
    let (first, dir) = once();
    assert_eq!(first, once().0);
    let stats: serde_json::Value =
        serde_json::from_str(&dir.read("out/stats.json")).expect("figures");
    assert_eq!(stats["executions"], 1500);
    assert_eq!(stats["crashes"], 1);
    // What was found is there, and not found again.
    let again = fuzz(&dir, &["--runs", "200"], &["magic.wat"]);
    again.exits(77);
    assert!(!again.stderr.contains("found "), "{}", again.stderr);
    assert_eq!(kept(&dir, "crashes").len(), 1);
}

#[test]
fn a_run_leaves_nothing_to_the_next() {
    let dir = Dir::new();
    // Memory, a global and more memory than there was: each would show.
    let traces = r#"
    (global $ran (mut i32) (i32.const 0))
    (func $parse (param $len i32)
        (if (i32.or (global.get $ran) (i32.load (i32.const 70000))) (then (unreachable)))
        (if (i32.ne (memory.size) (i32.const 2)) (then (unreachable)))
        (global.set $ran (i32.const 1))
        (i32.store (i32.const 70000) (local.get $len))
        (if (i32.gt_u (local.get $len) (i32.const 20)) (then (drop (memory.grow (i32.const 1))))))"#;
    dir.write("traces.wat", parser(traces));
    fuzz(&dir, &["--runs", "1500"], &["traces.wat"]).exits(0);
    // The same, if one run were all.
    let twice = parser(&format!(
        "{traces}(func $twice (call $parse (i32.const 1)) (call $parse (i32.const 1)))"
    ))
    .replace(
        "(call $parse (call $read (i32.const 1024) (i32.const 1000)))",
        "(drop (call $read (i32.const 1024) (i32.const 1000))) (call $twice)",
    );
    dir.write("twice.wat", twice);
    fuzz(&dir, &["--runs", "10"], &["twice.wat"]).exits(77);
}

#[test]
fn the_same_input_takes_the_same_edges_again_and_afresh() {
    let dir = Dir::new();
    dir.write("magic.wat", parser(MAGIC));
    for (name, input) in [("a", "MAGI__!_"), ("b", "other bytes"), ("c", "")] {
        dir.write(&format!("in/{name}"), input);
    }
    let checked = fuzz(&dir, &["--check", "-i", "in"], &["magic.wat"]);
    checked
        .exits(0)
        .says(&["all 3 inputs take the same edges each time"]);
    let text = checked.text();
    let hashes: Vec<_> = text
        .lines()
        .filter_map(|line| line.split(' ').next_back())
        .collect();
    assert_eq!(hashes.len(), 3, "{text}");
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2], "{text}");
}

#[test]
fn what_does_not_end_is_a_hang() {
    let dir = Dir::new();
    let endless = r#"(func $parse (param $len i32)
        (if (i32.gt_u (local.get $len) (i32.const 40)) (then (loop (br 0)))))"#;
    dir.write("endless.wat", parser(endless));
    fuzz(
        &dir,
        &["--runs", "200", "--fuel", "50000"],
        &["endless.wat"],
    )
    .exits(77);
    let hangs = kept(&dir, "hangs");
    assert_eq!(hangs.len(), 1, "one kind, once");
    assert!(notes(&hangs[0]).contains("fuel"));
    replay(&dir, &hangs[0]).exits(124).says(&["fuel"]);
    let other = Dir::new();
    other.write("endless.wat", parser(endless));
    other.write("in/long", [b'x'; 100]);
    let options = ["--runs", "2", "--timeout", "50ms", "-i", "in"];
    fuzz(&other, &options, &["endless.wat"]).exits(77);
    assert!(notes(&kept(&other, "hangs")[0]).contains("deadline"));
}

#[test]
fn one_fault_is_one_crash_and_two_are_two() {
    let dir = Dir::new();
    // Many ways lead to either.
    let two = r#"
    (func $zero (param i32) (drop (i32.div_u (i32.const 1) (local.get 0))))
    (func $beyond (drop (i32.load (i32.const -1))))
    (func $parse (param $len i32) (local $at i32)
        (loop $next
            (if (i32.eq (i32.load8_u (i32.add (i32.const 1024) (local.get $at))) (i32.const 0x7a))
                (then (call $zero (i32.const 0))))
            (if (i32.eq (i32.load8_u (i32.add (i32.const 1024) (local.get $at))) (i32.const 0x62))
                (then (call $beyond)))
            (br_if $next (i32.lt_u
                (local.tee $at (i32.add (local.get $at) (i32.const 1)))
                (local.get $len)))))"#;
    dir.write("two.wat", parser(two));
    dir.write("in/harmless", "0000");
    fuzz(&dir, &["--runs", "3000", "-i", "in"], &["two.wat"]).exits(77);
    let crashes = kept(&dir, "crashes");
    let mut places: Vec<_> = crashes
        .iter()
        .filter_map(|crash| Some(notes(crash).lines().nth(1)?.to_owned()))
        .collect();
    places.sort();
    assert_eq!(places, ["where: beyond", "where: zero"]);
}

#[test]
fn a_program_may_read_a_file_or_be_called() {
    let dir = Dir::new();
    let reads = r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 256) "input")
        (func (export "_start")
            (if (call $open (i32.const 3) (i32.const 0) (i32.const 256) (i32.const 5) (i32.const 0)
                    (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)) (then (return)))
            (i64.store (i32.const 0) (i64.const 0x0000_0100_0000_0400))
            (drop (call $fd_read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
            (if (i64.eq (i64.load (i32.const 1024)) (i64.const 0x6568_7465_6e6f_7470)) (then (unreachable)))))"#;
    dir.write("reads.wat", reads);
    fuzz(&dir, &["--runs", "3000"], &["reads.wat", "--from", "@@"]).exits(77);
    replay(&dir, &kept(&dir, "crashes")[0])
        .exits(77)
        .says(&["unreachable"]);
    let called = Dir::new();
    let reactor = r#"(module
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 4096))
        (func (export "_initialize"))
        (func (export "malloc") (param i32) (result i32)
            (global.get $next) (global.set $next (i32.add (global.get $next) (local.get 0))))
        (func (export "LLVMFuzzerTestOneInput") (param i32 i32) (result i32)
            (if (i32.lt_u (local.get 1) (i32.const 4)) (then (return (i32.const 0))))
            (if (i32.eq (i32.load (local.get 0)) (i32.const 0x31323334)) (then (unreachable)))
            (i32.const 0)))"#;
    called.write("reactor.wat", reactor);
    let export = ["--runs", "3000", "--export", "LLVMFuzzerTestOneInput"];
    fuzz(&called, &export, &["reactor.wat"]).exits(77);
    replay(&called, &kept(&called, "crashes")[0])
        .exits(77)
        .says(&["unreachable"]);
}

#[test]
fn an_exit_code_is_a_crash_if_one_says_so() {
    let dir = Dir::new();
    let leaves = r#"(func $parse (param $len i32)
        (if (i32.gt_u (local.get $len) (i32.const 9)) (then (call $proc_exit (i32.const 3)))))"#;
    dir.write("leaves.wat", parser(leaves));
    fuzz(&dir, &["--runs", "100"], &["leaves.wat"]).exits(0);
    fuzz(
        &dir,
        &["--runs", "100", "--crash-exit", "4"],
        &["leaves.wat"],
    )
    .exits(0);
    fuzz(
        &dir,
        &["--runs", "100", "--crash-exit", "3"],
        &["leaves.wat"],
    )
    .exits(77);
    assert!(notes(&kept(&dir, "crashes")[0]).contains("exit code 3"));
}

#[test]
fn a_hostile_target_stays_within_its_limits() {
    let dir = Dir::new();
    // Takes all memory there is, and then some.
    let greedy = r#"(func $parse (param $len i32)
        (loop $more
            (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (unreachable)))
            (br $more)))"#;
    dir.write("greedy.wat", parser(greedy));
    dir.write("in/one", "x");
    fuzz(
        &dir,
        &["--runs", "20", "--memory", "4mb", "-i", "in"],
        &["greedy.wat"],
    )
    .exits(77);
    assert!(notes(&kept(&dir, "crashes")[0]).contains("memory limit"));
    // Prints without end, and is stopped as any other.
    let loud = r#"(func $parse (param $len i32) (loop (call $print (i32.const 0) (i32.const 60000)) (br 0)))"#;
    let other = Dir::new();
    other.write("loud.wat", parser(loud));
    fuzz(&other, &["--runs", "3", "--timeout", "50ms"], &["loud.wat"]).exits(77);
    assert!(!kept(&other, "hangs").is_empty());
    // It sees no files, and can be given none to change.
    let mount = dir.mount("/data", "rw");
    fuzz(&dir, &["--mount", &mount], &["greedy.wat"])
        .exits(2)
        .says(&["may only read"]);
}

#[test]
fn two_cores_share_what_they_find() {
    let dir = Dir::new();
    dir.write("magic.wat", parser(MAGIC));
    let ran = fuzz(&dir, &["--cores", "2", "--runs", "4000"], &["magic.wat"]);
    ran.exits(77).says(&["found crashes/", "4000 executions"]);
    assert_eq!(kept(&dir, "crashes").len(), 1);
    assert!(dir.exists("out/stats.json"));
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_it_with_a_summary() {
    for cores in ["1", "2"] {
        let dir = Dir::new();
        dir.write("quiet.wat", parser("(func $parse (param i32))"));
        let child = command()
            .args(["fuzz", "--cores", cores, "quiet.wat"])
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let until = Instant::now() + Duration::from_secs(60);
        while kept_in(&dir, "fuzz-out/queue") == 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let ran = run(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]));
        ran.exits(0);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("ended: "), "{said}");
    }
}

#[cfg(unix)]
fn kept_in(dir: &Dir, folder: &str) -> usize {
    std::fs::read_dir(dir.path().join(folder)).map_or(0, Iterator::count)
}

#[test]
fn what_cannot_be_fuzzed_is_said() {
    let dir = Dir::new();
    dir.write("silent.wat", "(module (func (export \"_start\")))");
    dir.write("text.txt", "x");
    dir.write("f.py", "def fuzz(data): pass\n");
    let cases: &[(&[&str], &[&str], i32, &str)] = &[
        (&[], &["silent.wat"], 1, "ends without reading stdin"),
        (&[], &["silent.wat", "@@"], 1, "without opening any file"),
        (&["--export", "f"], &["silent.wat"], 1, "_initialize"),
        (&["--function", "f"], &["silent.wat"], 2, "--export"),
        (&["--export", "f"], &["f.py"], 2, "are for Wasm"),
        (&[], &["f.py", "@@"], 2, "as its argument"),
        (&[], &["text.txt"], 2, "can't be fuzzed"),
        (&[], &["absent.wat"], 1, "absent.wat"),
        (&[], &[], 2, "TARGET"),
        (&["--cores", "0"], &["silent.wat"], 2, "0"),
        (&["--max-len", "0"], &["silent.wat"], 2, "1 to"),
        (&["--crash-exit", "x"], &["silent.wat"], 2, "no exit code"),
        (&["-i", "nowhere"], &["silent.wat"], 1, "nowhere"),
        (
            &["--join", "127.0.0.1:1"],
            &["silent.wat"],
            1,
            "no campaign answers",
        ),
    ];
    for (options, target, code, said) in cases {
        fuzz(&dir, options, target).exits(*code).says(&[said]);
    }
    dormouse(["fuzz", "--help"]).exits(0);
    assert!(CACHE.exists());
}
