//! Which paths lead where.

use super::*;
use MountMode::{ReadOnly, ReadWriteCreate};
use wasmi_wasi::wasi_common::file::FileType;

#[test]
fn nothing_but_tmp_and_dev_without_grants() {
    let root = root(&[]);
    assert_eq!(list(&root, "/").unwrap(), ["dev", "tmp"]);
    assert_eq!(list(&root, "/dev").unwrap(), ["null", "zero"]);
    for path in ["/etc", "/etc/passwd", "/proc/self", "m"] {
        assert_eq!(root.stat(path, true).err(), Some(Errno::Noent), "{path}");
        assert_eq!(open_error(&root, path, reading()), Some(Errno::Noent));
    }
    assert_eq!(open_error(&root, "/new", creating()), Some(Errno::Rofs));
    assert_eq!(root.create_dir("/new"), Err(Errno::Rofs));
    assert_eq!(root.create_dir("/no/new"), Err(Errno::Noent));
    assert_eq!(root.create_dir("/dev/x"), Err(Errno::Rofs));
}

#[test]
fn the_longest_guest_path_wins() {
    let outer = Host::new()
        .file("x", "outer")
        .file("in/x", "covered")
        .dir("a");
    let inner = Host::new().file("x", "inner");
    let root = root(&[
        outer.mount("/m", ReadOnly),
        inner.mount("/m/in", ReadWriteCreate),
        inner.mount("/m/a/b/c", ReadOnly),
    ]);
    assert_eq!(read(&root, "/m/x").unwrap(), "outer");
    assert_eq!(read(&root, "/m/in/x").unwrap(), "inner");
    assert_eq!(read(&root, "/m/a/b/c/x").unwrap(), "inner");
    assert_eq!(list(&root, "/m").unwrap(), ["a", "in", "x"]);
    assert_eq!(list(&root, "/m/a").unwrap(), ["b"]);
    assert_eq!(list(&root, "/m/a/b").unwrap(), ["c"]);
    // The folder that only stands above a mount is read-only.
    assert_eq!(root.create_dir("/m/a/b/new"), Err(Errno::Rofs));
    assert_eq!(open_error(&root, "/m/a/b", writing()), Some(Errno::Isdir));
    assert_eq!(write(&root, "/m/new", ""), Err(Errno::Rofs));
    write(&root, "/m/in/new", "n").unwrap();
    assert_eq!(inner.text("new"), "n");
}

#[test]
fn mount_points_and_the_folders_above_them_stay() {
    let outer = Host::new().dir("a/b").dir("c");
    let inner = Host::new();
    let root = root(&[
        outer.mount("/m", ReadWriteCreate),
        inner.mount("/m/a/b", ReadWriteCreate),
    ]);
    for path in ["/m", "/m/a", "/m/a/b", "/", "/tmp", "/dev"] {
        assert!(root.remove_dir(path).is_err(), "{path}");
        assert_eq!(root.rename(path, "/m/new"), Err(Errno::Busy), "{path}");
        assert_eq!(root.rename("/m/c", path), Err(Errno::Busy), "{path}");
    }
    assert_eq!(root.remove_dir("/m/a/b"), Err(Errno::Busy));
    assert_eq!(root.remove_file("/m/a/b"), Err(Errno::Isdir));
    assert!(outer.path("a/b").is_dir());
}

#[test]
fn a_mount_at_the_root_and_one_at_tmp() {
    let host = Host::new().file("x", "x").file("tmp/hidden", "").dir("lib");
    let tmp = Host::new().file("t", "t");
    let root = root(&[host.mount("/", ReadWriteCreate)])
        .with_file("/lib/dormouse/boot.py", b"boot".as_slice());
    assert_eq!(list(&root, "/").unwrap(), ["dev", "lib", "tmp", "x"]);
    assert_eq!(list(&root, "/tmp").unwrap(), [""; 0]);
    assert_eq!(list(&root, "/lib").unwrap(), ["dormouse"]);
    assert_eq!(read(&root, "lib/dormouse/boot.py").unwrap(), "boot");
    assert_eq!(
        open_error(&root, "/lib/dormouse/boot.py", creating()),
        Some(Errno::Rofs)
    );
    assert!(root.remove_file("/lib/dormouse/boot.py").is_err());
    write(&root, "/new", "new").unwrap();
    assert_eq!(host.text("new"), "new");

    let root = super::root(&[tmp.mount("/tmp", ReadOnly)]);
    assert_eq!(list(&root, "/tmp").unwrap(), ["t"]);
    assert_eq!(write(&root, "/tmp/x", ""), Err(Errno::Rofs));
}

#[test]
fn dots_inside_a_mount_are_the_hosts_and_above_it_text() {
    let host = Host::new()
        .file("d/e/x", "deep")
        .file("d/y", "y")
        .link("d/e", "l");
    let other = Host::new().file("o", "other");
    let root = root(&[host.mount("/m", ReadOnly), other.mount("/n", ReadOnly)]);
    // Through the link, `..` is the folder that really holds `e`.
    assert_eq!(read(&root, "/m/l/../y").unwrap(), "y");
    assert_eq!(read(&root, "/m/../n/o").unwrap(), "other");
    assert_eq!(read(&root, "/m/d/../../n/./o").unwrap(), "other");
    assert_eq!(read(&root, "/../../m//d/e/x").unwrap(), "deep");
    assert_eq!(list(&root, "/..").unwrap(), ["dev", "m", "n", "tmp"]);
    assert_eq!(list(&root, "/m/../../").unwrap(), ["dev", "m", "n", "tmp"]);
}

#[test]
fn a_sibling_whose_name_begins_with_the_mounts_name_is_outside() {
    let host = Host::new().file("data/x", "x").file("database/secret", "s");
    let root = root(&[mount("/data", host.path("data"), ReadOnly)]);
    assert_eq!(read(&root, "/data/x").unwrap(), "x");
    for path in [
        "/database/secret",
        "/data/../database/secret",
        "/data/x/../../database/secret",
    ] {
        assert_eq!(read(&root, path), Err(Errno::Noent), "{path}");
    }
}

#[test]
fn a_single_file() {
    let host = Host::new().file("f", "text").file("g", "secret");
    let root = root(&[
        mount("/in/f", host.path("f"), ReadOnly),
        mount("/in/w", host.path("f"), MountMode::ReadWrite),
    ]);
    assert_eq!(list(&root, "/in").unwrap(), ["f", "w"]);
    assert_eq!(read(&root, "/in/f").unwrap(), "text");
    assert_eq!(open_error(&root, "/in/f", writing()), Some(Errno::Rofs));
    assert_eq!(read(&root, "/in/f/"), Err(Errno::Notdir));
    assert_eq!(read(&root, "/in/f/g"), Err(Errno::Notdir));
    assert!(read(&root, "/in/f/../g").is_err());
    write(&root, "/in/w", "new").unwrap();
    assert_eq!(host.text("f"), "new");
    assert_eq!(root.remove_file("/in/w"), Err(Errno::Busy));
    // Something else in its place isn't what was given.
    fs::remove_file(host.path("f")).unwrap();
    let host = host.link("g", "f");
    assert_eq!(read(&root, "/in/f"), Err(Errno::Acces));
    assert!(write(&root, "/in/w", "x").is_err());
    assert_eq!(host.text("g"), "secret");
}

#[test]
fn clear_refusals() {
    let host = Host::new().file("f", "").dir("d");
    let fifo = host.path("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    let cases = [
        (
            vec![mount("/m", host.path("missing"), ReadOnly)],
            "does not exist",
        ),
        (vec![mount("m", host.path("d"), ReadOnly)], "absolute"),
        (vec![mount("/m/../n", host.path("d"), ReadOnly)], "`..`"),
        (
            vec![mount("/m", fifo, ReadOnly)],
            "neither a folder nor a regular file",
        ),
        (
            vec![host.mount("/m", ReadOnly), host.mount("/m/", ReadOnly)],
            "same guest path",
        ),
        (
            vec![
                mount("/m", host.path("f"), ReadOnly),
                host.mount("/m/x", ReadOnly),
            ],
            "below it",
        ),
    ];
    for (mounts, part) in cases {
        let error = Root::new(&mounts, QUOTA).err().expect("an error");
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.kind(), crate::ErrorKind::Grant);
    }
}

#[test]
fn guest_paths_of_host_files() {
    let host = Host::new()
        .file("a/x.py", "")
        .file("b/y.py", "")
        .link("a/x.py", "l");
    let root = root(&[
        host.mount("/m", ReadOnly),
        mount("/m/b", host.path("a"), ReadOnly),
        mount("/one.py", host.path("b/y.py"), ReadOnly),
    ]);
    assert_eq!(
        root.guest_path(&host.path("a/x.py")).as_deref(),
        Some("/m/b/x.py")
    );
    assert_eq!(
        root.guest_path(&host.path("l")).as_deref(),
        Some("/m/b/x.py")
    );
    assert_eq!(
        root.guest_path(&host.path("b/y.py")).as_deref(),
        Some("/one.py")
    );
    // Another mount covers its folder.
    let host = host.file("b/covered.py", "");
    assert_eq!(root.guest_path(&host.path("b/covered.py")), None);
    assert_eq!(root.guest_path(Path::new("/etc/passwd")), None);
}

#[test]
fn devices() {
    let root = root(&[]).with_random(std::sync::Arc::new(|buffer: &mut [u8]| buffer.fill(7)));
    assert_eq!(
        list(&root, "/dev").unwrap(),
        ["null", "random", "urandom", "zero"]
    );
    assert_eq!(
        root.stat("/dev/null", true).unwrap().filetype,
        FileType::CharacterDevice
    );
    let mut bytes = [1; 4];
    let fill = |path: &str, bytes: &mut [u8]| open(&root, path, reading()).unwrap().read(bytes);
    assert_eq!(fill("/dev/null", &mut bytes), Ok(0));
    assert_eq!(fill("/dev/zero", &mut bytes), Ok(4));
    assert_eq!(bytes, [0; 4]);
    assert_eq!(fill("/dev/urandom", &mut bytes), Ok(4));
    assert_eq!(bytes, [7; 4]);
    let mut large = vec![1; 3 << 20];
    assert_eq!(fill("/dev/zero", &mut large), Ok(1 << 20));
    write(&root, "/dev/null", "swallowed").unwrap();
    assert!(root.remove_file("/dev/null").is_err());
}

#[test]
fn a_link_that_leads_below_another_mount_goes_there() {
    let outer = Host::new()
        .file("in/x", "covered")
        .link("in", "l")
        .link("in/new", "dangling");
    let inner = Host::new().file("x", "inner");
    let root = root(&[
        outer.mount("/m", ReadWriteCreate),
        inner.mount("/m/in", ReadOnly),
    ]);
    assert_eq!(read(&root, "/m/l/x").unwrap(), "inner");
    // What the inner mode forbids, a link can't allow.
    assert_eq!(write(&root, "/m/l/x", "no"), Err(Errno::Rofs));
    assert_eq!(write(&root, "/m/dangling", "no"), Err(Errno::Rofs));
    assert_eq!(root.remove_file("/m/l/x"), Err(Errno::Rofs));
    assert_eq!(root.rename("/m/l/x", "/m/y"), Err(Errno::Xdev));
    assert_eq!(outer.text("in/x"), "covered");
}
