//! Each process of these is locked down and then tries what is forbidden.
#![expect(
    unsafe_code,
    clippy::print_stdout,
    reason = "only the bare calls show what the system says to them"
)]

use super::super::{Lockdown, Reach};
use crate::{Grants, Kv, Mount, MountMode, Packages};
use std::{
    fs, io,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Command,
    ptr::{null, null_mut},
};

/// What a process is told to try.
const TRY: &str = "DORMOUSE_TEST_TRY";

/// The folder that it may use.
const FOLDER: &str = "DORMOUSE_TEST_FOLDER";

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The kernel ended the process.
    Killed,
    /// It failed with this.
    Failed(i32),
    /// It worked.
    Done,
}
use End::{Done, Failed, Killed};

/// Has a process of its own be locked down, as `how` says, and try `what`.
fn attempt(how: &str, what: &str) -> End {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["read", "change", "create", "other"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
        fs::write(folder.path().join(name).join("file"), "text").expect("a file");
    }
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "lockdown::platform::tests::child", "--ignored"])
        .arg("--nocapture")
        .env(TRY, format!("{how} {what}"))
        .env(FOLDER, folder.path())
        .output()
        .expect("it starts");
    if output.status.signal() == Some(libc::SIGSYS) {
        return Killed;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let end = text.lines().find_map(|line| line.strip_prefix("ended: "));
    match end.and_then(|code| code.parse().ok()) {
        Some(0) => Done,
        Some(code) => Failed(code),
        None => panic!(
            "{how} {what}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

#[test]
#[ignore = "tried by the other tests, in processes of their own"]
fn child() {
    let (Ok(text), Ok(folder)) = (std::env::var(TRY), std::env::var(FOLDER)) else {
        return;
    };
    let (how, what) = text.split_once(' ').expect("two words");
    let folder = PathBuf::from(folder);
    let lockdown = lockdown(how, &folder);
    // Only of this thread, as the one that waits for it does nothing.
    super::process::check_memory().expect("none is both");
    super::files::restrict(&lockdown).expect("Landlock");
    let done = if what == "thread-before" {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            wait.recv().expect("it is told");
            socket(libc::AF_INET, libc::SOCK_STREAM)
        });
        lockdown.lock_calls().expect("seccomp");
        go.send(()).expect("it waits");
        thread.join().expect("it ends")
    } else {
        lockdown.lock_calls().expect("seccomp");
        try_it(what, &folder)
    };
    let code = match done {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().expect("the system's"),
    };
    println!("\nended: {code}");
}

/// `nothing`, `connects` or `serves`; and all three mounts in any case.
fn lockdown(how: &str, folder: &Path) -> Lockdown {
    let mount = |name: &str, mode| Mount {
        guest: format!("/{name}"),
        host: folder.join(name),
        mode,
    };
    let mut grants = Grants {
        mounts: vec![
            mount("read", MountMode::ReadOnly),
            mount("change", MountMode::ReadWrite),
            mount("create", MountMode::ReadWriteCreate),
        ],
        kv: Kv::File(folder.join("kv")),
        ..Grants::default()
    };
    let mut lockdown = Lockdown::default();
    match how {
        "connects" => grants.hosts.push("localhost".to_owned()),
        "serves" => lockdown.serves = true,
        _ => {}
    }
    lockdown.add(&grants).expect("it can be");
    // What serve does with a log.
    lockdown.reach(&folder.join("absent"), Reach::Create);
    lockdown
}

/// One of many calls.
fn try_it(what: &str, folder: &Path) -> io::Result<()> {
    let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
    match first {
        "read" => fs::read(folder.join(rest)).map(drop),
        "open-any" => fs::File::open(rest).map(drop),
        "read-any" => fs::read(rest).map(drop),
        "list" => fs::read_dir(folder.join(rest)).map(drop),
        "write" => fs::OpenOptions::new()
            .write(true)
            .open(folder.join(rest))
            .map(drop),
        "write-any" => fs::OpenOptions::new().write(true).open(rest).map(drop),
        "truncate" => fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(folder.join(rest))
            .map(drop),
        "create" => fs::File::create_new(folder.join(rest)).map(drop),
        "remove" => fs::remove_file(folder.join(rest)),
        "rename" => fs::rename(folder.join(rest), folder.join(format!("{rest}2"))),
        "move" => fs::rename(folder.join(rest), folder.join("create/moved")),
        "socket" => {
            let mut numbers = rest.split(' ').map(|word| word.parse().expect("a number"));
            let mut number = || numbers.next().expect("two");
            socket(number(), number())
        }
        "thread" => std::thread::spawn(|| ())
            .join()
            .map_err(|_| io::Error::other("")),
        "command" => Command::new("/bin/true").status().map(drop),
        _ => bare(what),
    }
}

fn checked(result: i64) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn socket(family: i32, kind: i32) -> io::Result<()> {
    // SAFETY: all arguments are numbers.
    checked(unsafe { libc::syscall(libc::SYS_socket, family, kind, 0) })
}

/// Calls that a filter must not let through; their arguments are harmless if it did.
fn bare(what: &str) -> io::Result<()> {
    const PAGE: usize = 4096;
    let exec = libc::PROT_READ | libc::PROT_EXEC;
    let anonymous = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let map = |rights, flags, file| -> io::Result<*mut libc::c_void> {
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let at = unsafe { libc::mmap(null_mut(), PAGE, rights, flags, file, 0) };
        match at {
            libc::MAP_FAILED => Err(io::Error::last_os_error()),
            at => Ok(at),
        }
    };
    let plain = || map(libc::PROT_READ | libc::PROT_WRITE, anonymous, -1);
    // SAFETY: the arguments are numbers, no pointers, or pointers to what the call
    // is about, which lives until it is over.
    let result = unsafe {
        match what {
            "map" => return plain().map(drop),
            "map-exec" => return map(exec, anonymous, -1).map(drop),
            "map-all" => return map(exec | libc::PROT_WRITE, anonymous, -1).map(drop),
            "map-exec-file" => {
                let name = c"code";
                let file = libc::memfd_create(name.as_ptr(), 0);
                return map(exec, libc::MAP_SHARED, file).map(drop);
            }
            "protect-exec" => libc::syscall(libc::SYS_mprotect, plain()?, PAGE, exec),
            "pkey-protect-exec" => libc::syscall(libc::SYS_pkey_mprotect, plain()?, PAGE, exec, -1),
            "fork" => match libc::fork() {
                0 => libc::_exit(0),
                pid => pid.into(),
            },
            "clone3" => libc::syscall(libc::SYS_clone3, null::<u8>(), 0),
            "tgkill-other" => libc::syscall(libc::SYS_tgkill, 1, 1, 0),
            "tgkill-own" => {
                let (process, thread) = (libc::getpid(), libc::gettid());
                libc::syscall(libc::SYS_tgkill, process, thread, 0)
            }
            "kill" => libc::kill(libc::getppid(), 0).into(),
            "type-for-user" => libc::ioctl(0, libc::TIOCSTI, c"x".as_ptr()).into(),
            "dumpable" => libc::prctl(libc::PR_SET_DUMPABLE, 1).into(),
            "raise-limit" => {
                let limit = libc::rlimit {
                    rlim_cur: 1,
                    rlim_max: 1,
                };
                libc::setrlimit(libc::RLIMIT_CORE, &raw const limit).into()
            }
            "socketpair-inet" => {
                let mut pair = [0; 2];
                libc::socketpair(libc::AF_INET, libc::SOCK_STREAM, 0, pair.as_mut_ptr()).into()
            }
            "socketpair" => {
                let mut pair = [0; 2];
                libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr()).into()
            }
            number => {
                let number: i64 = number.parse().expect("a known call, or a number");
                libc::syscall(number, 0, 0, 0, 0, 0, 0)
            }
        }
    };
    checked(result)
}

/// `calls`, each tried.
fn each(how: &str, calls: &[&str], end: &End) {
    for call in calls {
        assert_eq!(attempt(how, call), *end, "{how}: {call}");
    }
}

#[test]
fn executable_memory_ends_the_process() {
    let all = [
        "map-exec",
        "map-all",
        "map-exec-file",
        "protect-exec",
        "pkey-protect-exec",
    ];
    each("nothing", &all, &Killed);
    each("serves", &all, &Killed);
    // glibc may try to load modules that look up names.
    let (protection_keys, all) = all.split_last().expect("some");
    each("connects", all, &Failed(libc::EPERM));
    each("connects", &[protection_keys], &Failed(libc::ENOSYS));
    each("nothing", &["map"], &Done);
}

#[test]
fn programs_and_processes_end_the_process() {
    for how in ["nothing", "connects", "serves"] {
        each(how, &["fork", "command"], &Killed);
        each(how, &["thread", "tgkill-own"], &Done);
    }
    each("nothing", &["clone3", "kill"], &Failed(libc::ENOSYS));
    each("nothing", &["tgkill-other"], &Failed(libc::EPERM));
}

#[test]
fn each_call_of_the_list_ends_the_process() {
    for call in super::lists::KILLING
        .iter()
        .chain(super::lists::KILLING_HERE)
    {
        assert_eq!(attempt("nothing", &call.to_string()), Killed, "{call}");
    }
}

#[test]
fn unlisted_calls_are_unknown() {
    let unlisted = [
        libc::SYS_seccomp,
        libc::SYS_kill,
        libc::SYS_truncate,
        libc::SYS_shmat,
        5000,
    ];
    for call in unlisted {
        let call = call.to_string();
        assert_eq!(attempt("nothing", &call), Failed(libc::ENOSYS), "{call}");
    }
}

#[test]
fn settings_that_are_not_its_own_are_refused() {
    let all = ["type-for-user", "dumpable", "raise-limit"];
    each("nothing", &all, &Failed(libc::EPERM));
}

#[test]
fn sockets_are_those_of_the_grants() {
    let refused = Failed(libc::EPERM);
    let (inet, inet6, unix, link) = ("2", "10", "1", "16");
    for family in [inet, inet6, unix, link] {
        for how in ["nothing", "serves"] {
            assert_eq!(
                attempt(how, &format!("socket {family} 1")),
                refused,
                "{how} {family}"
            );
        }
    }
    for family in [inet, inet6] {
        for kind in [
            libc::SOCK_STREAM,
            libc::SOCK_DGRAM,
            libc::SOCK_STREAM | libc::SOCK_CLOEXEC,
        ] {
            assert_eq!(
                attempt("connects", &format!("socket {family} {kind}")),
                Done
            );
        }
        let raw = format!("socket {family} {}", libc::SOCK_RAW);
        assert_eq!(attempt("connects", &raw), Failed(libc::ENOSYS));
    }
    for family in [unix, link] {
        let end = attempt("connects", &format!("socket {family} 1"));
        assert_eq!(end, Failed(libc::ENOSYS));
    }
    each("nothing", &["socketpair"], &Done);
    each("nothing", &["socketpair-inet"], &Failed(libc::ENOSYS));
    let calls = [libc::SYS_bind, libc::SYS_listen, libc::SYS_accept4].map(|call| call.to_string());
    for call in &calls {
        assert_eq!(attempt("nothing", call), refused, "{call}");
    }
    each("nothing", &[&libc::SYS_connect.to_string()], &refused);
}

#[test]
fn threads_that_were_there_are_locked_down_too() {
    assert_eq!(attempt("nothing", "thread-before"), Failed(libc::EPERM));
}

#[test]
fn files_are_those_of_the_grants() {
    let refused = Failed(libc::EACCES);
    for name in ["read", "change", "create"] {
        each(
            "nothing",
            &[&format!("read {name}/file"), &format!("list {name}")],
            &Done,
        );
    }
    for name in ["change", "create"] {
        let all = ["write", "truncate", "remove"].map(|what| format!("{what} {name}/file"));
        each("nothing", &all.each_ref().map(String::as_str), &Done);
    }
    each(
        "nothing",
        &["create create/new", "rename create/file"],
        &Done,
    );
    each(
        "nothing",
        &[
            "write read/file",
            "truncate read/file",
            "create read/new",
            "remove read/file",
            "create change/new",
            "rename change/file",
            "read other/file",
            "list other",
            "write other/file",
            "create other/new",
            "create new",
            "create absent",
            "read-any /etc/passwd",
            "read-any /proc/1/cmdline",
            "read-any /proc/self/environ",
            "write-any /proc/self/mem",
            "write-any /dev/null",
        ],
        &refused,
    );
    each(
        "nothing",
        &["read kv", "write kv", "open-any /proc/self/pagemap"],
        &Done,
    );
    // Looking up names needs this one.
    each("nothing", &["read-any /etc/hosts"], &refused);
    each("connects", &["read-any /etc/hosts"], &Done);
}

#[test]
fn packages_are_not_installed_by_a_locked_process() {
    let grants = Grants {
        packages: Packages {
            install: true,
            ..Packages::default()
        },
        ..Grants::default()
    };
    let error = Lockdown::default()
        .add(&grants)
        .expect_err("pip is a process");
    assert_eq!(error.kind(), crate::ErrorKind::Usage);
    assert!(
        error.to_string().contains("dormouse deps install"),
        "{error}"
    );
}
