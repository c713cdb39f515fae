//! Attempts to get out, or to lure others.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    sync::atomic::{AtomicBool, Ordering},
};

use super::*;
use MountMode::{ReadOnly, ReadWrite, ReadWriteCreate};

/// A folder with a secret beside the one that is mounted, and links to it.
fn host() -> Host {
    let host = Host::new()
        .file("secret", "s3cret")
        .file("m/f", "mine")
        .dir("m/d");
    let absolute = host.path("secret");
    host.link("../secret", "m/relative")
        .link(absolute, "m/absolute")
        .link("..", "m/parent")
        .link("../../secret", "m/d/deep")
        .link("/", "m/slash")
        .link("loop", "m/loop")
}

fn mounted(host: &Host, mode: MountMode) -> Root {
    root(&[mount("/m", host.path("m"), mode)])
}

#[test]
fn no_link_leads_outside() {
    let host = host();
    let root = mounted(&host, ReadWriteCreate);
    for path in [
        "/m/relative",
        "/m/absolute",
        "/m/parent/secret",
        "/m/d/deep",
        "/m/slash/etc/passwd",
        "/m/d/../parent/secret",
        "/m/parent",
        "/m/slash",
    ] {
        let refused = Some(Errno::Perm);
        assert_eq!(open_error(&root, path, reading()), refused, "{path}");
        assert_eq!(open_error(&root, path, creating()), refused, "{path}");
        assert_eq!(root.stat(path, true).err(), refused, "{path}");
    }
    for path in ["/m/parent", "/m/slash", "/m/parent/m"] {
        assert_eq!(root.read_dir(path).err(), Some(Errno::Perm), "{path}");
        let new = format!("{path}/new");
        assert_eq!(write(&root, &new, ""), Err(Errno::Perm));
        assert_eq!(root.create_dir(&new), Err(Errno::Perm));
        assert_eq!(root.rename("/m/f", &new), Err(Errno::Perm));
        assert_eq!(root.hard_link("/m/f", &new), Err(Errno::Perm));
        assert_eq!(root.symlink("f", &new), Err(Errno::Perm));
    }
    assert_eq!(root.remove_file("/m/parent/secret"), Err(Errno::Perm));
    assert_eq!(root.hard_link("/m/parent/secret", "/m/x"), Err(Errno::Perm));
    assert_eq!(root.rename("/m/parent/secret", "/m/x"), Err(Errno::Perm));
    assert_eq!(open_error(&root, "/m/loop", reading()), Some(Errno::Loop));
    assert_eq!(host.text("secret"), "s3cret");
}

#[test]
fn the_same_with_another_mount_inside() {
    let host = host();
    let root = root(&[
        mount("/m", host.path("m"), ReadWriteCreate),
        mount("/m/d/in", host.path("m/d"), ReadOnly),
    ]);
    for path in [
        "/m/relative",
        "/m/absolute",
        "/m/parent/secret",
        "/m/d/deep",
        "/m/slash/etc",
    ] {
        assert_eq!(
            open_error(&root, path, reading()),
            Some(Errno::Perm),
            "{path}"
        );
        assert_eq!(
            open_error(&root, path, creating()),
            Some(Errno::Perm),
            "{path}"
        );
    }
    assert_eq!(open_error(&root, "/m/loop", reading()), Some(Errno::Loop));
    assert_eq!(read(&root, "/m/f").unwrap(), "mine");
}

#[test]
fn dots_do_not_lead_outside() {
    let host = host();
    let root = mounted(&host, ReadWriteCreate);
    for path in [
        "/m/../secret",
        "/m/d/../../secret",
        "../secret",
        "/m/d/./../..//secret",
    ] {
        assert_eq!(read(&root, path), Err(Errno::Noent), "{path}");
    }
    assert_eq!(read(&root, "/m/d/../f").unwrap(), "mine");
}

#[test]
fn links_of_the_guest_stay_inside_also_after_a_move() {
    let host = host();
    let root = mounted(&host, ReadWriteCreate);
    for target in [
        "/m/f",
        "/etc/passwd",
        "../secret",
        "d/../../secret",
        "..",
        "d/../f",
    ] {
        assert_eq!(root.symlink(target, "/m/l"), Err(Errno::Perm), "{target}");
    }
    assert_eq!(root.symlink("", "/m/l"), Err(Errno::Noent));
    root.create_dir("/m/d/e").unwrap();
    root.symlink("../../f", "/m/d/e/l").unwrap();
    assert_eq!(read(&root, "/m/d/e/l").unwrap(), "mine");
    // Further up, the same text would lead out.
    assert_eq!(root.rename("/m/d/e/l", "/m/l"), Err(Errno::Perm));
    assert_eq!(root.hard_link("/m/d/e/l", "/m/d/l"), Err(Errno::Perm));
    assert_eq!(root.rename("/m/d/e", "/m/e"), Err(Errno::Perm));
    root.rename("/m/d/e", "/m/d/e2").unwrap();
    assert_eq!(read(&root, "/m/d/e2/l").unwrap(), "mine");
}

#[test]
fn link_targets_tell_nothing_of_the_host() {
    let host = host();
    let root = mounted(&host, ReadOnly);
    for path in [
        "/m/absolute",
        "/m/relative",
        "/m/parent",
        "/m/slash",
        "/m/d/deep",
    ] {
        assert_eq!(root.read_link(path), Err(Errno::Perm), "{path}");
    }
    assert_eq!(root.read_link("/m/loop").unwrap(), "loop");
}

#[test]
fn a_link_swapped_while_opening_leads_nowhere_else() {
    let host = host().file("m/swap", "mine").link("../secret", "m/spare");
    let root = mounted(&host, ReadWrite);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for (from, to) in [
                    ("swap", "hold"),
                    ("spare", "swap"),
                    ("swap", "spare"),
                    ("hold", "swap"),
                ] {
                    fs::rename(host.path("m").join(from), host.path("m").join(to)).unwrap();
                }
            }
        });
        for _ in 0..400 {
            if let Ok(text) = read(&root, "/m/swap") {
                assert_eq!(text, "mine");
            }
            if let Ok(file) = open(&root, "/m/swap", writing()) {
                file.write(b"mine").unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(host.text("secret"), "s3cret");
}

#[test]
fn nothing_crosses_mounts() {
    let (one, two) = (Host::new().file("x", "one").dir("d"), Host::new());
    let root = root(&[
        one.mount("/one", ReadWriteCreate),
        one.mount("/same", ReadWriteCreate),
        two.mount("/two", ReadWriteCreate),
        one.mount("/ro", ReadOnly),
    ]);
    for to in ["/two/x", "/same/y", "/ro/y", "/tmp/x"] {
        assert_eq!(root.rename("/one/x", to), Err(Errno::Xdev), "{to}");
        assert_eq!(root.hard_link("/one/x", to), Err(Errno::Xdev), "{to}");
        assert_eq!(root.rename("/one/d", to), Err(Errno::Xdev), "{to}");
    }
    assert_eq!(root.rename("/ro/x", "/one/y"), Err(Errno::Xdev));
    assert_eq!(root.rename("/one/x", "/new"), Err(Errno::Rofs));
    assert_eq!(one.text("x"), "one");
}

#[test]
fn only_files_and_folders_are_opened_and_nothing_waits() {
    only_files_and_folders_are_opened();
}

/// Before Linux 5.6 cap-std finds its way in steps of its own.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn nothing_waits_on_an_older_system() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
    let filter = SeccompFilter::new(
        [(libc::SYS_openat2, Vec::new())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.cast_unsigned()),
        TargetArch::x86_64,
    );
    let filter = BpfProgram::try_from(filter.expect("it's a filter")).expect("it's small");
    let (done, ends) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        seccompiler::apply_filter(&filter).expect("this thread has no openat2");
        only_files_and_folders_are_opened();
        done.send(()).expect("somebody waits");
    });
    let minute = std::time::Duration::from_secs(60);
    ends.recv_timeout(minute).expect("it did not wait, or fail");
}

fn only_files_and_folders_are_opened() {
    let host = Host::new().file("f", "");
    let fifo = host.path("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(host.path("socket")).unwrap();
    for mounts in [
        vec![host.mount("/m", ReadWriteCreate)],
        vec![
            host.mount("/m", ReadWriteCreate),
            host.mount("/m/in", ReadOnly),
        ],
    ] {
        let root = root(&mounts);
        for path in ["/m/fifo", "/m/socket"] {
            for how in [
                reading(),
                writing(),
                creating(),
                OpenHow {
                    write: true,
                    ..reading()
                },
            ] {
                assert_eq!(
                    open_error(&root, path, how),
                    Some(Errno::Acces),
                    "{path} {how:?}"
                );
            }
            let now = || Some(wasmi_wasi::wasi_common::SystemTimeSpec::SymbolicNow);
            assert_eq!(root.set_times(path, now(), now(), true), Err(Errno::Acces));
            assert!(root.stat(path, true).is_ok());
            assert_eq!(root.read_dir(path).err(), Some(Errno::Notdir));
            let below = format!("{path}/x");
            assert_eq!(open_error(&root, &below, creating()), Some(Errno::Notdir));
            assert_eq!(root.stat(&below, true).err(), Some(Errno::Notdir));
            assert_eq!(root.create_dir(&below), Err(Errno::Notdir));
            assert_eq!(root.rename("/m/f", &below), Err(Errno::Notdir));
        }
        assert_eq!(
            list(&root, "/m")
                .unwrap()
                .iter()
                .filter(|name| *name == "fifo")
                .count(),
            1
        );
    }
}

#[test]
fn links_that_lead_a_long_way_are_not_followed() {
    let host = Host::new().dir("m/d").file("m/end", "");
    let way = "d/../".repeat(400);
    let host = (0..10).fold(host, |host, link| {
        let next = match link {
            9 => "end".to_owned(),
            _ => format!("l{}", link + 1),
        };
        host.link(format!("{way}{next}"), &format!("m/l{link}"))
    });
    // With one in the other links are looked at ahead.
    let mounts = ["/m", "/m/in"].map(|guest| mount(guest, host.path("m"), ReadOnly));
    let root = root(&mounts);
    assert!(root.stat("/m/l9", true).is_ok());
    assert!(root.stat("/m/l6", true).is_ok());
    assert_eq!(root.stat("/m/l0", true).err(), Some(Errno::Nametoolong));
}

#[test]
fn names_that_are_too_long_or_not_text() {
    let host = Host::new().file("ok", "");
    fs::write(host.0.path().join(OsStr::from_bytes(b"bad\xff")), "").unwrap();
    let root = host.root(ReadWriteCreate);
    assert_eq!(list(&root, "/m").unwrap(), ["ok"]);
    let long_name = format!("/m/{}", "n".repeat(256));
    let long_path = "/m/".repeat(1400);
    for path in [long_name.as_str(), &long_path] {
        assert_eq!(
            open_error(&root, path, creating()),
            Some(Errno::Nametoolong)
        );
        assert_eq!(root.stat(path, true).err(), Some(Errno::Nametoolong));
        assert_eq!(root.create_dir(path), Err(Errno::Nametoolong));
        assert_eq!(root.rename("/m/ok", path), Err(Errno::Nametoolong));
        assert_eq!(root.symlink(path, "/m/l"), Err(Errno::Nametoolong));
    }
    assert_eq!(open_error(&root, "/m/a\0b", creating()), Some(Errno::Inval));
    write(&root, &format!("/m/{}", "n".repeat(255)), "").unwrap();
}
