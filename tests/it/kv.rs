//! Values by key: what is kept, how long, and what is refused. The guest is
//! Python, which calls the host itself.
#![cfg(unix)]

use crate::support::{Dir, HOST_CALLS, Ran, Way, both_ways, command, dormouse, run};
use dormouse::{Grants, Kv, Language, Program, Sandbox};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

both_ways! {
    any_json_value_is_kept_for_the_run,
    a_file_keeps_values_from_run_to_run,
}

fn program(code: &str) -> String {
    format!("{HOST_CALLS}{code}")
}

/// Runs `code` behind [`HOST_CALLS`] with these words before it.
fn python(words: &[&str], code: &str) -> Ran {
    let words = words.iter().copied();
    dormouse(
        ["run"]
            .into_iter()
            .chain(words)
            .chain(["-c", &program(code)]),
    )
}

/// The word that names `file` in `dir`.
fn kv_file(dir: &Dir, file: &str) -> String {
    format!("--kv-file={}", dir.path().join(file).display())
}

fn any_json_value_is_kept_for_the_run() {
    let code = "
values = [None, True, 1, 2**64 - 1, -2**63, 0.1 + 0.2, 5e-324, '', '\u{e9}\u{1f42d}\\0', [], {'a': [1, {}]}]
for value in values:
    assert call('kv_set', key='key', value=value) == 'ok'
    assert call('kv_get', key='key') == value, value
print(call('kv_get', key='none'), call('kv_get', key='none', default=[7]))
print(call('kv_set', key='b', value=1), call('kv_set', key='a', value=None), call('kv_keys'))
print(call('kv_get', key='a', default=7))
print(call('kv_delete', key='key'), call('kv_delete', key='key'), call('kv_keys'))";
    let expected = "None [7]\nok ok ['a', 'b', 'key']\nNone\nok ok ['a', 'b']\n";
    python(&["--kv"], code).prints(expected);
    // Nothing of that is there for another run.
    python(&["--kv"], "print(call('kv_keys'))").prints("[]\n");
}

fn a_file_keeps_values_from_run_to_run() {
    let dir = Dir::new();
    let word = kv_file(&dir, "values");
    let set = "print(call('kv_set', key='a', value={'x': 1.5}), call('kv_set', key='b', value=2))";
    python(&[&word], set).prints("ok ok\n");
    let change = "print(call('kv_keys'), call('kv_get', key='a'), call('kv_delete', key='b'))";
    python(&[&word], change).prints("['a', 'b'] {'x': 1.5} ok\n");
    // Also when the guest leaves in a hurry.
    let ended = "print(call('kv_set', key='c', value=3), flush=True)\nos._exit(3)";
    python(&[&word], ended).exits(3);
    python(&[&word], "print(call('kv_keys'))").prints("['a', 'c']\n");
}

#[test]
fn without_a_grant_there_is_no_kv() {
    let code = "
for name in ('get', 'set', 'delete', 'keys'):
    print(call('kv_' + name, key='a', value=1))";
    let expected = ["get", "set", "delete", "keys"]
        .map(|name| format!("('not granted: kv_{name}; enable with --kv', 'not_granted')\n"));
    python(&[], code).prints(&expected.concat());
}

#[test]
fn what_is_too_large_is_refused_in_memory_and_in_a_file() {
    let code = "
print(call('kv_set', key='k' * 256, value=1), call('kv_set', key='k' * 257, value=1))
print(call('kv_set', key='\u{e9}' * 129, value=1))
print(call('kv_set', key='v', value='x' * 65534), call('kv_set', key='v', value='x' * 65535))
print(len(call('kv_get', key='v')))
print(call('kv_get', key=1), call('kv_set', key='a'))
for key in call('kv_keys'): call('kv_delete', key=key)
answers = ask([{'fn': 'kv_set', 'args': {'key': str(i), 'value': i}} for i in range(1000)])
print(answers == [{'data': 'ok'}] * 1000, len(call('kv_keys')))
print(call('kv_set', key='more', value=1), call('kv_set', key='7', value='other'), len(call('kv_keys')))
for i in range(1000): call('kv_delete', key=str(i))
answers = [call('kv_set', key=f'{i:03}', value='x' * 65534) for i in range(160)]
print(answers.count('ok'), set(answers) - {'ok'}, call('kv_set', key='000', value='x' * 65534))";
    let expected = "ok ('key too large', 'too_large')\n\
                    ('key too large', 'too_large')\n\
                    ok ('value too large', 'too_large')\n65534\n\
                    ('key required', 'invalid') ('value required', 'invalid')\n\
                    True 1000\n\
                    ('too many entries', 'too_large') ok 1000\n\
                    159 {('kv store full', 'too_large')} ok\n";
    python(&["--kv", "--timeout=5m"], code).prints(expected);
    let dir = Dir::new();
    python(&[&kv_file(&dir, "values"), "--timeout=5m"], code).prints(expected);
}

/// A guest that sets keys for ever, and tells which it has set.
fn setting(word: &str, prefix: &str) -> Child {
    let code = "
import itertools, sys
for i in itertools.count():
    key = f'{sys.argv[1]}{i % 700}'
    requests = [{'fn': 'kv_set', 'args': {'key': key, 'value': [i, 'x' * (i * 37 % 5000)]}},
        {'fn': 'kv_set', 'args': {'key': 'last', 'value': i}}]
    assert all(answer == {'data': 'ok'} for answer in ask(requests))
    print(i, flush=True)";
    command()
        .args(["run", word, "--timeout=0", "-c", &program(code), prefix])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

#[test]
fn every_acknowledged_value_survives_the_end_of_the_process_at_any_moment() {
    let dir = Dir::new();
    let word = kv_file(&dir, "values");
    for round in 0..6_u64 {
        let prefix = format!("round{round}-");
        let mut child = setting(&word, &prefix);
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut lines = stdout.lines();
        // In the middle of writing, somewhere.
        for _ in 0..=round * 13 {
            lines.next().expect("it goes on").expect("text");
        }
        child.kill().expect("it is ended");
        child.wait().expect("it has ended");
        let rest: Vec<String> = lines.map_while(Result::ok).collect();
        let told: u64 = match rest.last() {
            Some(last) => last.parse().expect("a number"),
            None => round * 13,
        };
        let code = "
import sys
prefix, told = sys.argv[1], int(sys.argv[2])
last = call('kv_get', key='last')
# What was not told yet may be there or not.
assert told <= last <= told + 1, (told, last)
for i in range(max(0, told - 690), told + 1):
    assert call('kv_get', key=f'{prefix}{i % 700}') == [i, 'x' * (i * 37 % 5000)], i
for key in call('kv_keys'): call('kv_delete', key=key)
print('all there')";
        let told = told.to_string();
        let words = ["run", &word, "-c", &program(code), &prefix, &told];
        dormouse(words).prints("all there\n");
    }
}

#[test]
fn a_second_run_is_told_that_the_file_is_open() {
    let dir = Dir::new();
    let word = kv_file(&dir, "values");
    let mut first = setting(&word, "");
    let mut line = String::new();
    let mut stdout = BufReader::new(first.stdout.take().expect("it is piped"));
    stdout.read_line(&mut line).expect("text");
    let name = dir.path().join("values").display().to_string();
    let second = python(&[&word], "print('ran')");
    first.kill().expect("it is ended");
    first.wait().expect("it has ended");
    second.exits(1).says(&[&name, "another run has it open"]);
    assert_eq!(second.text(), "");
    python(&[&word], "print(call('kv_get', key='last') >= 0)").prints("True\n");
}

#[test]
fn a_run_waits_for_one_that_is_about_to_end() {
    let dir = Dir::new();
    let word = kv_file(&dir, "values");
    let code =
        program("print(call('kv_set', key='a', value=1), flush=True)\nimport time\ntime.sleep(.5)");
    let mut first = command()
        .args(["run", &word, "-c", &code])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let mut stdout = BufReader::new(first.stdout.take().expect("it is piped"));
    stdout.read_line(&mut line).expect("text");
    python(&[&word], "print(call('kv_get', key='a'))").prints("1\n");
    first.wait().expect("it has ended");
}

#[test]
fn what_is_no_kv_file_is_refused_and_left_as_it_is() {
    let dir = Dir::new();
    std::fs::create_dir(dir.path().join("folder")).expect("a folder");
    let refused = |file: &str, parts: &[&str]| {
        let ran = python(&[&kv_file(&dir, file)], "print('ran')");
        let name = dir.path().join(file).display().to_string();
        ran.exits(1).says(&["dormouse: ", &name]).says(parts);
        assert_eq!(ran.text(), "");
    };
    for (file, content) in [
        ("short", vec![b'x']),
        ("text", b"something of mine\n".repeat(1000)),
        ("zeros", vec![0; 100_000]),
    ] {
        dir.write(file, &content);
        refused(file, &["no kv file"]);
        assert!(std::fs::read(dir.path().join(file)).expect("it is there") == content);
    }
    refused("folder", &["it is a folder"]);
    refused("no/values", &["its folder does not exist"]);
    let fifo = dir.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo runs").success());
    refused("fifo", &["it is not a regular file"]);
    // A folder that not even the superuser can write to.
    #[cfg(target_os = "linux")]
    python(&["--kv-file=/sys/values"], "pass")
        .exits(1)
        .says(&["/sys/values", "ermission denied"]);
}

#[test]
fn a_file_that_the_guest_could_write_is_refused() {
    let dir = Dir::new();
    let word = kv_file(&dir, "sub/values");
    dir.write("sub/other", "");
    let run = |mode: &str| {
        let mount = dir.mount("/data", mode);
        python(&[&word, "--mount", &mount], "print(call('kv_keys'))")
    };
    // Also where it is not there yet.
    run("rw").exits(1).says(&[
        "sub/values",
        "where the guest may write, in the mount /data;",
    ]);
    assert!(!dir.exists("sub/values"));
    run("ro").prints("[]\n");
    run("rwc")
        .exits(1)
        .says(&["sub/values", "in the mount /data;"]);
    let single = format!("/v:{}:rw", dir.path().join("sub/values").display());
    let twice = format!("/w:{}:ro", dir.path().join("sub").display());
    let ran = python(&[&word, "--mount", &single, "--mount", &twice], "pass");
    ran.exits(1).says(&["sub/values", "in the mount /v;"]);
}

#[test]
fn a_damaged_file_is_refused_when_the_run_starts() {
    let dir = Dir::new();
    let word = kv_file(&dir, "values");
    let fill = "
for i in range(100): call('kv_set', key=str(i), value='x' * 1000)
print(len(call('kv_keys')))";
    python(&[&word], fill).prints("100\n");
    let whole = std::fs::read(dir.path().join("values")).expect("it is there");
    // Where the values lie, and a file that was cut off.
    let mut damaged = whole.clone();
    for at in (4096..damaged.len()).step_by(512) {
        damaged[at] ^= 0x55;
    }
    for content in [damaged, whole[..whole.len() / 2].to_vec()] {
        dir.write("values", &content);
        let ran = python(&[&word], "print('ran')");
        ran.exits(1).says(&["values", "damaged"]);
        assert_eq!(ran.text(), "");
        // Whoever can mend it finds it as it was.
        assert!(std::fs::read(dir.path().join("values")).expect("it is there") == content);
    }
    dir.write("values", &whole);
    python(&[&word], "print(len(call('kv_keys')))").prints("100\n");
}

/// What `code` prints in a sandbox of this process that has `kv`.
#[track_caller]
fn in_process(kv: &Kv, code: &str) -> String {
    let image = Way::Woken.image(Language::Python);
    let grants = Grants {
        kv: kv.clone(),
        ..Grants::default()
    };
    let sandbox = Sandbox::new(&image).grants(grants);
    let outcome = sandbox.run(Program::code(program(code))).expect("it runs");
    assert_eq!(String::from_utf8_lossy(&outcome.stderr), "");
    String::from_utf8(outcome.stdout).expect("text")
}

#[test]
fn sandboxes_of_one_process_see_nothing_of_each_other() {
    let set = "print(call('kv_set', key='a', value=1), call('kv_keys'))";
    assert_eq!(in_process(&Kv::Memory, set), "ok ['a']\n");
    assert_eq!(in_process(&Kv::Memory, "print(call('kv_keys'))"), "[]\n");
    for name in ["get", "set", "delete", "keys"] {
        let refused = format!("('not granted: kv_{name}; enable with --kv', 'not_granted')\n");
        let call = format!("print(call('kv_{name}', key='a', value=1))");
        assert_eq!(in_process(&Kv::None, &call), refused);
    }
}

#[test]
fn sandboxes_of_one_process_share_the_file_that_they_name() {
    let dir = Dir::new();
    let kv = Kv::File(dir.path().join("values"));
    let (image, count) = (Way::Woken.image(Language::Python), 8);
    std::thread::scope(|scope| {
        for index in 0..count {
            let (image, kv) = (image.clone(), kv.clone());
            scope.spawn(move || {
                let grants = Grants {
                    kv,
                    ..Grants::default()
                };
                let code =
                    format!("for i in range(20): call('kv_set', key=f'{index}-{{i}}', value=i)");
                let sandbox = Sandbox::new(&image).grants(grants);
                let outcome = sandbox.run(Program::code(program(&code)));
                assert_eq!(outcome.expect("it runs").stderr, b"");
            });
        }
    });
    assert_eq!(in_process(&kv, "print(len(call('kv_keys')))"), "160\n");
}

/// Where the disk is full, or a file may not grow.
#[test]
fn a_value_that_cannot_be_written_is_not_acknowledged() {
    let dir = Dir::new();
    let word = kv_file(&dir, "values");
    let code = "
for i in range(150):
    answer = call('kv_set', key=f'{i:03}', value='x' * 65000)
    if answer != 'ok': break
print(i, flush=True)
print(answer, answer == call('kv_get', key='000') == call('kv_set', key='a', value=1))";
    let code = program(code);
    // The language's image is made, and would not fit.
    python(&[&word], "").prints("");
    let mut shell = std::process::Command::new("sh");
    shell
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 8192; exec \"$@\"")
        .arg("sh")
        .arg(command().get_program())
        .args(command().get_args())
        .args(["run", &word, "-c", &code])
        .stdin(Stdio::null());
    for (name, value) in command().get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let ran = run(&mut shell);
    ran.exits(0);
    let text = ran.text();
    let (count, answer) = text.split_once('\n').expect("two lines");
    let count: usize = count.parse().expect("a number");
    assert!((1..150).contains(&count), "{text}");
    assert!(
        answer.contains("the kv file can't be written") && answer.ends_with("'failed') True\n"),
        "{text}"
    );
    // What was acknowledged is there, and no more.
    let keys = "keys = call('kv_keys')\nprint(len(keys), keys[-1])";
    let expected = format!("{count} {:03}\n", count - 1);
    python(&[&word], keys).prints(&expected);
}
