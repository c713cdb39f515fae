//! `fs` functions: what they do, and each of their refusals. The guest is
//! Python, which calls the host itself.
#![cfg(unix)]

use crate::support::{Dir, HOST_CALLS, Ran, Way, both_ways, dormouse};
use dormouse::{Grants, Language, Mount, MountMode, Program, Sandbox};
use std::{
    os::unix::fs::{FileTypeExt, symlink},
    process::Command,
};

both_ways! {
    files_are_read_written_listed_and_removed,
    each_mode_refuses_what_it_does_not_give,
    nothing_leads_out_of_a_mount,
}

/// Runs `program` behind [`HOST_CALLS`] with these words before it.
fn python(words: &[&str], program: &str) -> Ran {
    let program = format!("{HOST_CALLS}{program}");
    let words = words.iter().copied();
    dormouse(["run"].into_iter().chain(words).chain(["-c", &program]))
}

/// Evaluates each expression in one run, and compares what is printed of it.
#[track_caller]
fn gives(words: &[&str], lines: &[(&str, &str)]) {
    let program = lines.iter().map(|(line, _)| format!("print({line})\n"));
    let ran = python(words, &program.collect::<String>());
    ran.exits(0);
    let text = ran.text();
    for ((line, expected), found) in lines.iter().zip(text.lines()) {
        assert_eq!(found, *expected, "{line}");
    }
    assert_eq!(text.lines().count(), lines.len(), "{}", ran.stderr);
}

fn folder() -> Dir {
    let dir = Dir::new();
    dir.write("file", "content");
    dir.write("sub/inner", "inner");
    std::fs::create_dir(dir.path().join("empty")).expect("a folder");
    dir
}

fn files_are_read_written_listed_and_removed() {
    let dir = folder();
    gives(
        &["--mount", &dir.mount("/data", "rwc")],
        &[
            ("call('fs_read', path='/data/file')", "content"),
            // A relative path starts at the root, and text is tidied.
            ("call('fs_read', path='data/./sub/../file')", "content"),
            (
                "call('fs_write', path='/data/new', content='\u{1f42d} x')",
                "ok",
            ),
            ("open('/data/new').read()", "\u{1f42d} x"),
            ("call('fs_write', path='/data/new', content='y')", "ok"),
            ("call('fs_read', path='/data/new')", "y"),
            (
                "call('fs_list', path='/data')",
                "[{'is_dir': True, 'name': 'empty', 'size': 4096}, \
                 {'is_dir': False, 'name': 'file', 'size': 7}, \
                 {'is_dir': False, 'name': 'new', 'size': 1}, \
                 {'is_dir': True, 'name': 'sub', 'size': 4096}]",
            ),
            ("call('fs_exists', path='/data/new')", "True"),
            ("call('fs_exists', path='/data/none')", "False"),
            ("call('fs_mkdir', path='/data/a/b/c/')", "ok"),
            ("call('fs_mkdir', path='/data/a/b/c')", "ok"),
            ("call('fs_mkdir', path='/data/x/../y/./z')", "ok"),
            (
                "(os.path.isdir('/data/a/b/c'), os.listdir('/data/y'))",
                "(True, ['z'])",
            ),
            ("call('fs_remove', path='/data/a/b/c')", "ok"),
            ("call('fs_remove', path='/data/new')", "ok"),
            (
                "(os.path.exists('/data/a/b/c'), os.path.exists('/data/new'))",
                "(False, False)",
            ),
            ("os.utime('/data/file', (5, 1234567890.9))", "None"),
            (
                "sorted(call('fs_stat', path='/data/file').items())",
                "[('is_dir', False), ('mod_time', 1234567890), ('name', 'file'), ('size', 7)]",
            ),
            (
                "[call('fs_stat', path='/data/sub/')[k] for k in ('name', 'is_dir')]",
                "['sub', True]",
            ),
            // `/tmp` is there for both too.
            (
                "(call('fs_write', path='/tmp/note', content='n'), open('/tmp/note').read())",
                "('ok', 'n')",
            ),
            (
                "(call('fs_remove', path='/tmp/note'), os.listdir('/tmp'))",
                "('ok', [])",
            ),
        ],
    );
    assert!(!dir.exists("new") && dir.exists("y/z"));
}

fn each_mode_refuses_what_it_does_not_give() {
    let dir = folder();
    let ro = "('permission denied: read-only mount', 'not_granted')";
    let no_files = "('permission denied: cannot create new files', 'not_granted')";
    let no_folders = "('permission denied: cannot create directories', 'not_granted')";
    let (write, create) = (
        "call('fs_write', path='/data/file', content='x')",
        "call('fs_write', path='/data/new', content='x')",
    );
    let mkdir = "call('fs_mkdir', path='/data/folder')";
    let remove = "call('fs_remove', path='/data/file')";
    gives(
        &["--mount", &dir.mount("/data", "ro")],
        &[
            (write, ro),
            (create, ro),
            (mkdir, no_folders),
            (remove, ro),
            ("call('fs_remove', path='/data/empty')", ro),
            ("call('fs_read', path='/data/file')", "content"),
            ("call('fs_stat', path='/data/file')['size']", "7"),
        ],
    );
    assert_eq!(dir.read("file"), "content");
    gives(
        &["--mount", &dir.mount("/data", "rw")],
        &[
            (create, no_files),
            (
                "call('fs_write', path='/data/no/new', content='x')",
                no_files,
            ),
            (mkdir, no_folders),
            (write, "ok"),
            (remove, "ok"),
            ("call('fs_remove', path='/data/empty')", "ok"),
        ],
    );
    assert!(!dir.exists("file") && !dir.exists("new") && !dir.exists("empty"));
}

fn nothing_leads_out_of_a_mount() {
    let outer = Dir::new();
    outer.write("secret", "secret");
    outer.write("mounted-sibling/secret", "secret");
    outer.write("mounted/file", "content");
    let mounted = outer.path().join("mounted");
    let link = |target: &std::path::Path, name: &str| {
        symlink(target, mounted.join(name)).expect("a link");
    };
    link(&outer.path().join("secret"), "absolute");
    link("../secret".as_ref(), "relative");
    link("..".as_ref(), "parent");
    link(&outer.path().join("mounted-sibling"), "sibling");
    link("../mounted-sibling".as_ref(), "near");
    link("../unmade".as_ref(), "dangling");
    link("file".as_ref(), "inside");
    let program = "
escape = ('permission denied: symlink escape attempt', 'not_granted')
outside = ('permission denied: path not in any mount', 'not_granted')
def tried(path):
    yield call('fs_read', path=path)
    yield call('fs_write', path=path, content='changed')
    yield call('fs_list', path=path)
    yield call('fs_stat', path=path)
for path in ('absolute', 'relative', 'parent/secret', 'sibling/secret', 'near/secret', 'dangling',
        'parent/mounted-sibling/secret'):
    path = '/data/' + path
    assert set(tried(path)) == {escape}, (path, list(tried(path)))
    assert call('fs_exists', path=path) is False, path
for path in ('parent/made', 'near/made', 'sibling/a/b'):
    assert call('fs_mkdir', path='/data/' + path) == escape, path
for path in ('/etc/passwd', '/data/../secret', '/data/sub/../../secret', '../etc/passwd', '/', '/datax',
        '/dev/null', '/dev/host', '/dev', '/lib', '/lib/dormouse'):
    assert set(tried(path)) == {outside}, (path, list(tried(path)))
    assert call('fs_mkdir', path=path) == outside, path
    assert call('fs_remove', path=path) == outside, path
    assert call('fs_exists', path=path) is False, path
for path in ('parent/secret', 'near/secret'):
    assert call('fs_remove', path='/data/' + path) == escape, path
print([(e['name'], e['is_dir'], e['size']) for e in call('fs_list', path='/data')])
print(call('fs_read', path='/data/inside'))
print(call('fs_remove', path='/data/absolute'), os.path.lexists('/data/absolute'))";
    let mount = format!("/data:{}:rwc", mounted.display());
    python(&["--mount", &mount], program).prints(
        "[('absolute', False, 0), ('dangling', False, 0), ('file', False, 7), ('inside', False, 7), \
         ('near', False, 0), ('parent', False, 0), ('relative', False, 0), ('sibling', False, 0)]\n\
         content\nok False\n",
    );
    assert_eq!(outer.read("secret"), "secret");
    assert_eq!(outer.read("mounted-sibling/secret"), "secret");
    assert!(!outer.exists("unmade") && !outer.exists("made"));
    assert!(!outer.exists("mounted-sibling/made") && !outer.exists("mounted-sibling/a"));
}

/// The same for a mount at the root, inside which the system's folders lie.
#[test]
fn a_mount_at_the_root_shows_no_system_files() {
    let dir = folder();
    symlink("dev/null", dir.path().join("null")).expect("a link");
    gives(
        &["--mount", &dir.mount("/", "rwc")],
        &[
            ("call('fs_read', path='/sub/inner')", "inner"),
            ("call('fs_list', path='/dev')", "[]"),
            (
                "call('fs_read', path='/dev/null')",
                "('permission denied: path not in any mount', 'not_granted')",
            ),
            (
                "call('fs_write', path='/dev/host', content='{}')",
                "('permission denied: path not in any mount', 'not_granted')",
            ),
            (
                "call('fs_read', path='/null')",
                "('file not found: /null', 'not_found')",
            ),
            ("call('fs_write', path='/new', content='x')", "ok"),
        ],
    );
    assert_eq!(dir.read("new"), "x");
}

#[test]
fn what_is_not_there_or_of_the_wrong_kind() {
    let dir = folder();
    dir.write("latin", b"caf\xe9");
    let fifo = Command::new("mkfifo").arg(dir.path().join("fifo")).status();
    assert!(fifo.expect("mkfifo runs").success());
    gives(
        &["--mount", &dir.mount("/d", "rwc"), "--timeout", "20s"],
        &[
            (
                "call('fs_read', path='/d/no')",
                "('file not found: /d/no', 'not_found')",
            ),
            (
                "call('fs_stat', path='/d/no')",
                "('file not found: /d/no', 'not_found')",
            ),
            (
                "call('fs_remove', path='/d/no')",
                "('file not found: /d/no', 'not_found')",
            ),
            (
                "call('fs_list', path='/d/no')",
                "('directory not found: /d/no', 'not_found')",
            ),
            (
                "call('fs_write', path='/d/no/x', content='')",
                "('directory not found: /d/no', 'not_found')",
            ),
            (
                "call('fs_read', path='/d/sub')",
                "('cannot read directory: /d/sub', 'is_directory')",
            ),
            (
                "call('fs_write', path='/d/sub', content='')",
                "('cannot write directory: /d/sub', 'is_directory')",
            ),
            (
                "call('fs_list', path='/d/file')",
                "('not a directory: /d/file', 'not_directory')",
            ),
            (
                "call('fs_mkdir', path='/d/file')",
                "('file exists: /d/file', 'exists')",
            ),
            (
                "call('fs_mkdir', path='/d/file/x')",
                "('not a directory: /d/file/x', 'not_directory')",
            ),
            (
                "call('fs_remove', path='/d/sub')",
                "('directory not empty: /d/sub', 'failed')",
            ),
            (
                "call('fs_remove', path='/d')",
                "('permission denied: /d', 'not_granted')",
            ),
            (
                "call('fs_read', path='/d/latin')",
                "('not UTF-8 text: /d/latin', 'invalid')",
            ),
            // Neither waits for somebody at the other end.
            (
                "call('fs_read', path='/d/fifo')",
                "('permission denied: /d/fifo', 'not_granted')",
            ),
            (
                "call('fs_write', path='/d/fifo', content='x')",
                "('permission denied: /d/fifo', 'not_granted')",
            ),
            (
                "call('fs_read', path='/d/x\\0')",
                "('invalid path: \"/d/x\\\\0\"', 'invalid')",
            ),
        ],
    );
    let kind = dir.path().join("fifo").metadata().expect("it is there");
    assert!(kind.file_type().is_fifo());
}

#[test]
fn arguments_that_are_missing_or_wrong() {
    let dir = folder();
    let program = "
for name in ('read', 'write', 'list', 'exists', 'mkdir', 'remove', 'stat'):
    for args in ({}, {'path': 1, 'content': ''}, {'path': '', 'content': ''}, {'path': None}):
        assert call('fs_' + name, **args) == ('path required', 'invalid'), (name, args)
for args in ({}, {'content': 1}, {'content': None}):
    assert call('fs_write', path='/data/file', **args) == ('content required', 'invalid'), args
print(open('/data/file').read())";
    python(&["--mount", &dir.mount("/data", "rwc")], program).prints("content\n");
}

#[test]
fn sizes_have_limits() {
    let dir = Dir::new();
    dir.write("at", vec![b'x'; 10 << 20]);
    dir.write("above", vec![b'x'; (10 << 20) + 1]);
    let program = "
print(len(call('fs_read', path='/data/at')), call('fs_read', path='/data/above'))
print(call('fs_write', path='/data/new', content='x' * (10 << 20)), os.stat('/data/new').st_size)
print(call('fs_write', path='/data/new', content='x' * ((10 << 20) + 1)), os.stat('/data/new').st_size)
for name in ('read', 'list', 'exists', 'stat', 'mkdir', 'remove'):
    print(call('fs_' + name, path='/data/' + 'x/' * 2045), call('fs_' + name, path='/data/' + 'x/' * 2045 + 'x'))
print(call('fs_read', path='/data/' + 'n' * 256))";
    let too_long = "('path too long', 'too_large')\n";
    let not_found = "not_found')";
    // Ten megabytes of JSON take a busy machine a while.
    let words = ["--timeout=5m", "--mount", &dir.mount("/data", "rwc")];
    let ran = python(&words, program);
    ran.exits(0);
    let text = ran.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "10485760 ('file too large', 'too_large')");
    assert_eq!(lines[1], "ok 10485760");
    assert_eq!(lines[2], "('content too large', 'too_large') 10485760");
    assert!(lines[3].contains(not_found), "{text}");
    for line in &lines[3..9] {
        assert!(line.ends_with(too_long.trim()), "{line}");
    }
    assert_eq!(lines[9], too_long.trim());
}

#[test]
fn flags_set_the_limits() {
    let dir = folder();
    gives(
        &[
            "--mount",
            &dir.mount("/data", "rwc"),
            "--fs-max-file=6",
            "--fs-max-write=3",
            "--fs-max-path=10",
        ],
        &[
            (
                "call('fs_read', path='/data/file')",
                "('file too large', 'too_large')",
            ),
            ("call('fs_write', path='/data/new', content='abc')", "ok"),
            (
                "call('fs_write', path='/data/new', content='abcd')",
                "('content too large', 'too_large')",
            ),
            ("call('fs_read', path='/data/new')", "abc"),
            (
                "call('fs_exists', path='/data/file2')",
                "('path too long', 'too_large')",
            ),
            // They bound `fs`, and not what WASI shows.
            ("open('/data/file').read()", "content"),
        ],
    );
}

#[test]
fn without_a_mount_there_is_no_fs() {
    let program = "
for name in ('read', 'write', 'list', 'exists', 'mkdir', 'remove', 'stat'):
    name = 'fs_' + name
    print(call(name, path='/tmp/x', content=''))";
    let expected = ["read", "write", "list", "exists", "mkdir", "remove", "stat"]
        .map(|name| format!("('not granted: fs_{name}; enable with --mount', 'not_granted')\n"));
    python(&[], program).prints(&expected.concat());
}

#[test]
fn a_single_file_is_a_mount_too() {
    let dir = folder();
    let file = format!("/notes:{}:rw", dir.path().join("file").display());
    gives(
        &["--mount", &file],
        &[
            ("call('fs_read', path='/notes')", "content"),
            ("call('fs_write', path='/notes', content='new')", "ok"),
            ("call('fs_stat', path='/notes')['name']", "notes"),
            (
                "call('fs_list', path='/notes')",
                "('not a directory: /notes', 'not_directory')",
            ),
            (
                "call('fs_write', path='/notes2', content='new')",
                "('permission denied: path not in any mount', 'not_granted')",
            ),
        ],
    );
    assert_eq!(dir.read("file"), "new");
}

/// A link that the host swaps between inside and outside while it is used.
#[test]
fn a_link_that_is_swapped_leads_nowhere() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let outer = Dir::new();
    outer.write("secret", "secret");
    outer.write("mounted/file", "content");
    let (link, next) = (outer.path().join("mounted/link"), outer.path().join("next"));
    let stop = AtomicBool::new(false);
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            for target in ["file", "../secret"].iter().cycle() {
                symlink(target, &next).expect("a link");
                std::fs::rename(&next, &link).expect("swapped");
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let program = "
seen = set()
for _ in range(300):
    seen.add(call('fs_read', path='/data/link'))
    call('fs_write', path='/data/link', content='content')
print('secret' in seen, 'content' in seen)";
        let mount = format!("/data:{}:rwc", outer.path().join("mounted").display());
        let ran = python(&["--mount", &mount], program);
        stop.store(true, Ordering::Relaxed);
        ran
    });
    ran.prints("False True\n");
    assert_eq!(outer.read("secret"), "secret");
}

#[test]
fn mounts_of_one_sandbox_are_not_there_for_the_next() {
    let dir = folder();
    let image = Way::Woken.image(Language::Python);
    let run = |mounts: Vec<Mount>, code: &str| {
        let grants = Grants {
            mounts,
            ..Grants::default()
        };
        let code = Program::code(format!("{HOST_CALLS}{code}"));
        let outcome = Sandbox::new(&image).grants(grants).run(code);
        String::from_utf8(outcome.expect("it runs").stdout).expect("text")
    };
    let mount = |guest: &str| Mount {
        guest: guest.to_owned(),
        host: dir.path().to_owned(),
        mode: MountMode::ReadOnly,
    };
    let read = "print(call('fs_read', path='/data/file'))";
    assert_eq!(run(vec![mount("/data")], read), "content\n");
    let outside = "('permission denied: path not in any mount', 'not_granted')\n";
    assert_eq!(run(vec![mount("/other")], read), outside);
    for name in ["read", "write", "list", "exists", "mkdir", "remove", "stat"] {
        let refused = format!("('not granted: fs_{name}; enable with --mount', 'not_granted')\n");
        let call = format!("print(call('fs_{name}', path='/data/file', content='x'))");
        assert_eq!(run(Vec::new(), &call), refused);
    }
    assert_eq!(dir.read("file"), "content");
}
