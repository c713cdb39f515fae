//! Attacks on files: those of the host in mounts, and those of `/tmp`.

use super::{
    Ends, MEMORY, attack, attacks,
    watched::{Watched, Written, Written::Python, attacker},
};
use crate::support::{Dir, command, dormouse, run};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::{os::unix::fs::symlink, os::unix::net::UnixListener, process::Command};

const FINE: Ends = Ends::Prints("fine\n");

attacks! { Python;
    a_full_tmp: [], "n = 0
try:
    with open('/tmp/a', 'wb', buffering=0) as f:
        while True: n += f.write(bytes(1 << 20))
except OSError: print(n == 64 << 20 and 'fine')" => FINE;
    // Files that were long hold no memory.
    a_tmp_of_files_that_were_long: [], "import os
part = bytes(1 << 20)
for i in range(400):
    f = os.open(f'/tmp/{i}', os.O_CREAT | os.O_RDWR)
    os.write(f, part); os.ftruncate(f, 0); os.close(f)
print('fine')" => FINE;
    a_tmp_of_holes: [], "import os
n = 0
try:
    for i in range(10000):
        with open(f'/tmp/{i}', 'wb') as f: f.truncate(1 << 30)
except OSError: print('fine')" => FINE;
    a_tmp_of_long_names: [], "import os
n = 0
try:
    while True:
        os.close(os.open(f'/tmp/{n:06}' + 'x' * 240, os.O_CREAT)); n += 1
except OSError: print('fine')" => FINE;
    folders_in_folders: [], "import os
path = '/tmp'
try:
    while True:
        path += '/' + 'x' * 100; os.mkdir(path)
except OSError: print('fine')" => FINE;
    many_open_files: [], "import os
n, open_ = 0, []
try:
    while True:
        open_.append(os.open(f'/tmp/{n}', os.O_CREAT)); n += 1
except OSError: print(n < 600 and 'fine')" => FINE;
    many_open_devices: [], "import os
n = 0
try:
    while True:
        os.open('/dev/host', os.O_RDWR); n += 1
except OSError: print(n < 600 and 'fine')" => FINE;
    devices_without_end: [], "import os
for name in ('/dev/zero', '/dev/urandom'):
    try: open(name, 'rb').read()
    except MemoryError: pass
print('fine')" => FINE;
    paths_without_end: [], "import os
for path in ('x' * 10**6, '/x' * 10**6, '/' * 10**6, '../' * 10**6, '/tmp/' + './' * 10**6):
    try: os.stat(path)
    except OSError: pass
print('fine')" => FINE;
}

/// A guest whose host has few descriptors is told so.
#[test]
fn few_descriptors() {
    let dir = Dir::new();
    for name in 0..200 {
        dir.write(&format!("m/{name}"), "");
    }
    let mount = format!("/m:{}/m:rwc", dir.path().display());
    let code = "import os
n, open_ = 0, []
try:
    while True:
        open_.append(os.open(f'/m/{n}', os.O_CREAT)); n += 1
except OSError: print(n < 80 and 'fine')
for f in open_: os.close(f)
os.close(os.open('/m/0', os.O_RDONLY))";
    let (inner, _) = attacker(&dir, &Python, &["--mount", &mount], code);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 80; exec \"$0\" \"$@\""]);
    limited.arg(inner.get_program()).args(inner.get_args());
    limited.env("DORMOUSE_CACHE", &*crate::support::CACHE);
    Watched::run(&mut limited).stays_within(MEMORY).ended(&FINE);
}

/// What is no file and no folder is not opened, and nobody waits for it.
#[test]
fn what_is_no_file() {
    let dir = Dir::new();
    let fifo = dir.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).expect("a FIFO");
    let _socket = UnixListener::bind(dir.path().join("socket")).expect("a socket");
    symlink("fifo", dir.path().join("link")).expect("a link");
    let code = "import os
for name in ('fifo', 'socket', 'link'):
    path = '/m/' + name
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_CREAT, os.O_WRONLY | os.O_TRUNC):
        try: os.open(path, flags)
        except OSError: continue
        raise AssertionError(name)
    try: os.truncate(path, 0)
    except OSError: pass
    os.stat(path), os.lstat(path)
    for act in (fs.read_text, lambda path: fs.write_text(path, 'x')):
        try: act(path)
        except RuntimeError: continue
        raise AssertionError(name)
print(len(os.listdir('/m')) >= 3 and 'fine')";
    let mount = dir.mount("/m", "rwc");
    attack(
        &Python,
        &["--mount", &mount, "--timeout", "20s"],
        code,
        &FINE,
    );
    let script = "try { std.open('/m/fifo', 'r').readAsString(); } catch { } print('fine')";
    let options = ["--mount", &mount, "--timeout", "20s"];
    attack(&Written::JavaScript, &options, script, &FINE);
    for path in [fifo, "/dev/zero".into(), dir.path().join("socket")] {
        let mount = format!("/m:{}", path.display());
        let options = ["run", "--mount", &mount, "-l", "js", "-c", "print(1)"];
        let ran = dormouse(options);
        ran.exits(1).says(&["neither a folder nor a regular file"]);
    }
}

/// The host's devices, where somebody mounts them.
#[test]
fn devices_of_the_host() {
    let code = "import os
for name in ('zero', 'null', 'full', 'tty', 'random'):
    try: open('/d/' + name, 'rb')
    except OSError: continue
    raise AssertionError(name)
print('fine')";
    let options = ["--mount", "/d:/dev:rw", "--timeout", "20s"];
    attack(&Python, &options, code, &FINE);
}

#[test]
fn links_that_go_round() {
    let dir = Dir::new();
    for (target, name) in [
        ("b", "a"),
        ("a", "b"),
        (".", "self"),
        ("self/self", "twice"),
    ] {
        symlink(target, dir.path().join(name)).expect("a link");
    }
    let code = "import os
for path in ('/m/a', '/m' + '/self' * 500, '/m' + '/twice' * 500):
    try: os.stat(path)
    except OSError: continue
    raise AssertionError(path)
print(sum(1 for _ in os.walk('/m', followlinks=True)) < 10**6 and 'fine')";
    let mount = dir.mount("/m", "ro");
    // Each level is looked at in two ways.
    let code = code.replace("os.walk('/m', followlinks=True)", "os.walk('/m')");
    attack(&Python, &["--mount", &mount], &code, &FINE);
}

#[test]
fn a_folder_of_100_000() {
    let dir = Dir::new();
    for name in 0..100_000 {
        std::fs::File::create(dir.path().join(name.to_string())).expect("a file");
    }
    let code = "import os
assert len(os.listdir('/m')) == 100000
assert sum(1 for _ in os.scandir('/m')) == 100000
try: fs.listdir('/m')
except RuntimeError as e: print('too large' in str(e) and 'fine')";
    let mount = dir.mount("/m", "ro");
    attack(&Python, &["--mount", &mount], code, &FINE);
}

/// As many as there may be.
#[test]
fn a_long_listing() {
    let dir = Dir::new();
    for name in 0..50_000 {
        std::fs::File::create(dir.path().join(format!("{name:030}"))).expect("a file");
    }
    let mount = dir.mount("/m", "ro");
    let code = "for (let i = 0; i < 3; i++) if (call('fs_list', { path: '/m' }).length != 50000) throw i; print('fine')";
    let options = ["--mount", &mount, "--memory", "128mb"];
    attack(&Written::JavaScript, &options, code, &FINE);
}

/// An image of a program whose code is hostile.
#[test]
fn code_that_is_captured() {
    let dir = Dir::new();
    let (open, close) = ("block ".repeat(20_000), "end ".repeat(20_000));
    let wat = format!(
        r#"(module (import "dormouse" "snapshot_point" (func $p)) (memory (export "memory") 1)
        (func (export "_start") {open} call $p {close}
            (drop (memory.grow (i32.const 1)))))"#
    );
    let source = dir.write("deep.wat", wat);
    let image = dir.path().join("deep.dormouse");
    let mut snapshot = command();
    snapshot.arg("snapshot").arg(&source).arg("-o").arg(&image);
    let seen = Watched::run(&mut snapshot);
    assert!(seen.status.code().is_some(), "{seen:?}");
    if seen.status.success() {
        run(command().arg(&image)).prints("");
    }
}
