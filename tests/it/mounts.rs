//! What a guest can and cannot do with files: each mode's refusals, and every
//! known way out of a mount. The guest is Python, as an attacker's would be.
#![cfg(unix)]

use crate::support::{Dir, both_ways, dormouse};
use std::os::unix::fs::symlink;

both_ways! {
    a_read_only_mount_can_only_be_read,
    a_read_write_mount_changes_what_exists_and_creates_nothing,
    a_creating_mount_does_all,
    nothing_leads_out_of_a_mount,
    nothing_moves_between_mounts,
    odd_names_and_odd_files_do_no_harm,
    a_mount_that_cannot_be_made_is_refused,
    a_folder_mounted_at_the_root_and_others_inside_it,
}

/// Runs `program` with a mount at `/data`; each of its lines is tried, and
/// what it raised, or `-`, is compared.
#[track_caller]
fn tries(dir: &Dir, mode: &str, lines: &[(&str, &str)]) {
    let program = "import os, sys
for line in sys.argv[1:]:
    try:
        exec(line)
        print('-')
    except OSError as error:
        print(type(error).__name__, os.strerror(error.errno))";
    let mount = dir.mount("/data", mode);
    let mut words = vec!["run", "--mount", &mount, "-c", program];
    words.extend(lines.iter().map(|(line, _)| *line));
    let ran = dormouse(&words);
    ran.exits(0);
    for ((line, expected), found) in lines.iter().zip(ran.text().lines()) {
        assert!(
            found.contains(expected),
            "{mode}: {line}: {found}, expected {expected}"
        );
    }
    assert_eq!(ran.text().lines().count(), lines.len());
}

fn folder() -> Dir {
    let dir = Dir::new();
    dir.write("file", "content");
    dir.write("sub/inner", "inner");
    std::fs::create_dir(dir.path().join("empty")).expect("a folder");
    dir
}

const READS: [(&str, &str); 4] = [
    ("assert open('/data/file').read() == 'content'", "-"),
    (
        "assert os.listdir('/data') == ['empty', 'file', 'sub']",
        "-",
    ),
    ("assert os.stat('/data/file').st_size == 7", "-"),
    ("open('/data/missing')", "FileNotFoundError"),
];

const CREATES: [&str; 6] = [
    "open('/data/new', 'w')",
    "os.mkdir('/data/new')",
    "os.rename('/data/file', '/data/new')",
    "os.symlink('file', '/data/new')",
    "os.link('/data/file', '/data/new')",
    "os.open('/data/new', os.O_RDONLY | os.O_CREAT)",
];

const CHANGES: [&str; 6] = [
    "open('/data/file', 'a').write('x')",
    "os.truncate('/data/file', 3)",
    "os.utime('/data/file', (1, 1))",
    "os.open('/data/file', os.O_RDONLY | os.O_TRUNC)",
    "os.remove('/data/file')",
    "os.rmdir('/data/empty')",
];

fn all<'a>(lines: &[&'a str], expected: &'a str) -> Vec<(&'a str, &'a str)> {
    lines.iter().map(|line| (*line, expected)).collect()
}

fn a_read_only_mount_can_only_be_read() {
    let dir = folder();
    tries(&dir, "ro", &READS);
    tries(&dir, "ro", &all(&CREATES, "Read-only file system"));
    tries(&dir, "ro", &all(&CHANGES, "Read-only file system"));
    assert_eq!(dir.read("file"), "content");
    assert!(dir.exists("empty") && !dir.exists("new"));
}

fn a_read_write_mount_changes_what_exists_and_creates_nothing() {
    let dir = folder();
    tries(&dir, "rw", &READS);
    tries(&dir, "rw", &all(&CREATES, "Permission denied"));
    tries(&dir, "rw", &all(&CHANGES, "-"));
    assert!(!dir.exists("file") && !dir.exists("empty") && !dir.exists("new"));
}

fn a_creating_mount_does_all() {
    let dir = folder();
    tries(&dir, "rwc", &READS);
    for line in CREATES {
        let undo = "import shutil\nshutil.rmtree('/data/new') if os.path.isdir('/data/new') \
            and not os.path.islink('/data/new') else os.remove('/data/new')\nopen('/data/file', 'a')";
        tries(&dir, "rwc", &[(line, "-"), (undo, "-")]);
    }
    tries(&dir, "rwc", &all(&CHANGES, "-"));
}

fn nothing_leads_out_of_a_mount() {
    let outer = Dir::new();
    outer.write("secret", "secret");
    outer.write("mounted-sibling/secret", "secret");
    outer.write("mounted/file", "content");
    let mounted = outer.path().join("mounted");
    symlink(outer.path().join("secret"), mounted.join("absolute")).expect("a link");
    symlink("../secret", mounted.join("relative")).expect("a link");
    symlink("..", mounted.join("parent")).expect("a link");
    symlink(
        outer.path().join("mounted-sibling"),
        mounted.join("sibling"),
    )
    .expect("a link");
    symlink("/etc", mounted.join("etc")).expect("a link");
    symlink("file", mounted.join("inside")).expect("a link");
    let mount = format!("/data:{}:rwc", mounted.display());
    let program = "import os
for path in ('absolute', 'relative', 'parent/secret', 'sibling/secret', 'etc/passwd', '../secret',
        'parent/mounted-sibling/secret', '../../../../../../etc/passwd', './parent/../../secret'):
    path = '/data/' + path
    for attempt in (lambda: open(path), lambda: open(path, 'w'), lambda: os.listdir(path),
            lambda: os.link(path, '/data/linked'), lambda: os.truncate(path, 0),
            lambda: open(os.open(path, os.O_RDWR | os.O_CREAT))):
        try:
            attempt()
        except OSError:
            continue
        print('escaped', path)
for target in ('/etc/passwd', '../secret', 'x/../../secret', '..'):
    try:
        os.symlink(target, '/data/made')
        print('linked', target)
    except PermissionError:
        pass
try:
    print(os.readlink('/data/absolute'))
except PermissionError:
    pass
print(open('/data/inside').read())";
    dormouse(["run", "--mount", &mount, "-c", program]).prints("content\n");
    assert_eq!(outer.read("secret"), "secret");
    assert_eq!(outer.read("mounted-sibling/secret"), "secret");
}

fn nothing_moves_between_mounts() {
    let (from, to) = (folder(), Dir::new());
    let program = "import errno, os
for attempt in (lambda: os.rename('/from/file', '/to/file'), lambda: os.link('/from/file', '/to/file'),
        lambda: os.rename('/from/file', '/tmp/file'), lambda: os.rename('/from', '/other')):
    try:
        attempt()
        print('moved')
    except OSError as error:
        print(errno.errorcode[error.errno])";
    dormouse([
        "run",
        "--mount",
        &from.mount("/from", "rwc"),
        "--mount",
        &to.mount("/to", "rwc"),
        "-c",
        program,
    ])
    .prints("EXDEV\nEXDEV\nEXDEV\nEBUSY\n");
    assert_eq!(from.read("file"), "content");
}

fn odd_names_and_odd_files_do_no_harm() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let dir = Dir::new();
    dir.write("ok", "");
    std::fs::write(dir.path().join(OsStr::from_bytes(b"bad\xff")), "x").expect("a file");
    let fifo = std::process::Command::new("mkfifo")
        .arg(dir.path().join("fifo"))
        .status();
    assert!(fifo.expect("mkfifo runs").success());
    let program = "import os
print(os.listdir('/data'))
for path in ('x' * 300, 'x/' * 3000 + 'x', 'a\\udcff', 'fifo'):
    for mode in ('r', 'w'):
        try:
            open('/data/' + path, mode)
            print('opened', path)
        except OSError as error:
            print(os.strerror(error.errno))";
    let ran = dormouse(["run", "--mount", &dir.mount("/data", "rwc"), "-c", program]);
    ran.exits(0);
    let text = ran.text();
    let lines: Vec<&str> = text.lines().collect();
    // Names that are not UTF-8 can't be named, so they are not listed either.
    assert_eq!(lines[0], "['fifo', 'ok']");
    assert_eq!(lines.len(), 9, "{text}");
    assert!(
        lines[1..5].iter().all(|line| *line == "Filename too long"),
        "{text}"
    );
    assert!(!text.contains("opened"), "{text}");
}

fn a_mount_that_cannot_be_made_is_refused() {
    let dir = folder();
    let refused = |mounts: &[&str], parts: &[&str]| {
        let mut words = vec!["run"];
        mounts
            .iter()
            .for_each(|mount| words.extend(["--mount", mount]));
        words.extend(["-c", "pass"]);
        dormouse(&words).exits(1).says(parts);
    };
    let missing = format!("/x:{}/missing", dir.path().display());
    refused(&[&missing], &["missing"]);
    refused(&["/x:/dev/null"], &["/dev/null"]);
    refused(&[&dir.mount("/a/../b", "ro")], &["/a/../b"]);
    refused(&[&dir.mount("/x", "ro"), &dir.mount("/x", "rw")], &["/x"]);
}

fn a_folder_mounted_at_the_root_and_others_inside_it() {
    let (root, inner) = (folder(), Dir::new());
    inner.write("deep", "deep");
    let program = "import os
print(sorted(os.listdir('/')), open('/file').read(), open('/sub/here/deep').read())
print(sorted(os.listdir('/sub')))
try:
    open('/sub/here/deep', 'w')
except OSError as error:
    print(os.strerror(error.errno))
open('/sub/inner', 'w').write('changed')";
    dormouse([
        "run",
        "--mount",
        &root.mount("/", "rw"),
        "--mount",
        &inner.mount("/sub/here", "ro"),
        "-c",
        program,
    ])
    .prints(
        "['dev', 'empty', 'file', 'lib', 'sub', 'tmp'] content deep\n['here', 'inner']\n\
         Read-only file system\n",
    );
    assert_eq!(root.read("sub/inner"), "changed");
}
