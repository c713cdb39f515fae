//! What each mode allows and refuses.

use super::*;
use MountMode::{ReadOnly, ReadWrite, ReadWriteCreate};
use wasmi_wasi::wasi_common::SystemTimeSpec;

const NOW: Option<SystemTimeSpec> = Some(SystemTimeSpec::SymbolicNow);

fn host() -> Host {
    Host::new()
        .file("f", "text")
        .file("d/g", "")
        .dir("empty")
        .link("f", "l")
}

fn how(change: impl FnOnce(&mut OpenHow)) -> OpenHow {
    let mut how = reading();
    change(&mut how);
    how
}

#[test]
fn read_only_refuses_every_change() {
    let host = host();
    let root = host.root(ReadOnly);
    assert_eq!(read(&root, "/m/f").unwrap(), "text");
    assert_eq!(read(&root, "/m/l").unwrap(), "text");
    for changing in [
        writing(),
        creating(),
        how(|h| h.truncate = true),
        how(|h| h.append = true),
    ] {
        assert_eq!(
            open_error(&root, "/m/f", changing),
            Some(Errno::Rofs),
            "{changing:?}"
        );
    }
    assert_eq!(open_error(&root, "/m/new", creating()), Some(Errno::Rofs));
    assert_eq!(open_error(&root, "/m/new", writing()), Some(Errno::Noent));
    assert_eq!(open_error(&root, "/m/d", writing()), Some(Errno::Isdir));
    // Creating what is there is only opening it.
    assert_eq!(open_error(&root, "/m/f", how(|h| h.create = true)), None);
    assert_eq!(
        open_error(
            &root,
            "/m/f",
            OpenHow {
                exclusive: true,
                ..creating()
            }
        ),
        Some(Errno::Exist)
    );
    assert_eq!(root.create_dir("/m/new"), Err(Errno::Rofs));
    assert_eq!(root.create_dir("/m/d"), Err(Errno::Exist));
    assert_eq!(root.remove_dir("/m/empty"), Err(Errno::Rofs));
    assert_eq!(root.remove_file("/m/f"), Err(Errno::Rofs));
    assert_eq!(root.rename("/m/f", "/m/new"), Err(Errno::Rofs));
    assert_eq!(root.hard_link("/m/f", "/m/new"), Err(Errno::Rofs));
    assert_eq!(root.symlink("f", "/m/new"), Err(Errno::Rofs));
    assert_eq!(root.set_times("/m/f", NOW, NOW, true), Err(Errno::Rofs));
    let file = open(&root, "/m/f", reading()).unwrap();
    assert_eq!(file.set_times(NOW, NOW), Err(Errno::Rofs));
    assert_eq!(file.set_len(0), Err(Errno::Inval));
    assert_eq!(file.write(b"x"), Err(Errno::Badf));
    assert_eq!(host.text("f"), "text");
}

#[test]
fn read_write_changes_and_removes_what_exists() {
    let host = host();
    let root = host.root(ReadWrite);
    write(&root, "/m/f", "new").unwrap();
    assert_eq!(host.text("f"), "new");
    assert_eq!(open_error(&root, "/m/f", how(|h| h.truncate = true)), None);
    assert_eq!(host.text("f"), "");
    root.set_times("/m/f", NOW, NOW, true).unwrap();
    root.set_times("/m/l", NOW, NOW, false).unwrap();
    assert_eq!(open_error(&root, "/m/new", creating()), Some(Errno::Acces));
    assert_eq!(root.create_dir("/m/new"), Err(Errno::Acces));
    assert_eq!(root.create_dir("/m/d"), Err(Errno::Exist));
    assert_eq!(root.rename("/m/f", "/m/new"), Err(Errno::Acces));
    assert_eq!(root.rename("/m/f", "/m/d/g"), Err(Errno::Acces));
    assert_eq!(root.hard_link("/m/f", "/m/new"), Err(Errno::Acces));
    assert_eq!(root.symlink("f", "/m/new"), Err(Errno::Acces));
    root.remove_dir("/m/empty").unwrap();
    root.remove_file("/m/l").unwrap();
    root.remove_file("/m/f").unwrap();
    assert!(!host.path("f").exists() && !host.path("empty").exists());
}

#[test]
fn a_dangling_link_does_not_create_where_creating_is_forbidden() {
    let host = host().link("d/new", "dangling");
    let root = host.root(ReadWrite);
    assert_eq!(
        open_error(&root, "/m/dangling", creating()),
        Some(Errno::Acces)
    );
    assert!(!host.path("d/new").exists());
}

#[test]
fn read_write_create_does_everything() {
    let host = host();
    let root = host.root(ReadWriteCreate);
    root.create_dir("/m/new/").unwrap();
    write(&root, "/m/new/file", "1").unwrap();
    root.rename("/m/new/file", "/m/f").unwrap();
    assert_eq!(host.text("f"), "1");
    root.hard_link("/m/f", "/m/new/hard").unwrap();
    assert_eq!(root.stat("/m/f", true).unwrap().nlink, 2);
    root.symlink("../f", "/m/new/soft").unwrap();
    assert_eq!(root.read_link("/m/new/soft").unwrap(), "../f");
    assert_eq!(read(&root, "/m/new/soft").unwrap(), "1");
    assert_eq!(list(&root, "/m/new").unwrap(), ["hard", "soft"]);
    root.rename("/m/new/", "/m/newer/").unwrap();
    assert!(host.path("newer/hard").exists());
    // Created though only to be read.
    assert_eq!(
        open_error(&root, "/m/empty/r", how(|h| h.create = true)),
        None
    );
    assert_eq!(host.text("empty/r"), "");
}

#[test]
fn posix_errors() {
    let host = host();
    let root = host.root(ReadWriteCreate);
    let exclusive = OpenHow {
        exclusive: true,
        ..creating()
    };
    let directory = how(|h| h.directory = true);
    let nofollow = how(|h| h.follow = false);
    for (path, how, errno) in [
        ("", reading(), Errno::Noent),
        ("/m/f/", reading(), Errno::Notdir),
        ("/m/f/.", reading(), Errno::Notdir),
        ("/m/f/x", reading(), Errno::Notdir),
        ("/m/f", directory, Errno::Notdir),
        ("/m/f", exclusive, Errno::Exist),
        ("/m/l", exclusive, Errno::Exist),
        ("/m/l", nofollow, Errno::Loop),
        ("/m/d", writing(), Errno::Isdir),
        ("/m/d", creating(), Errno::Isdir),
        ("/m", writing(), Errno::Isdir),
        ("/m/new/", creating(), Errno::Isdir),
        ("/m/missing/x", creating(), Errno::Noent),
        (
            "/m/d",
            OpenHow {
                directory: true,
                ..creating()
            },
            Errno::Inval,
        ),
    ] {
        assert_eq!(open_error(&root, path, how), Some(errno), "{path} {how:?}");
    }
    assert_eq!(root.remove_file("/m/d"), Err(Errno::Isdir));
    assert_eq!(root.remove_file("/m/f/"), Err(Errno::Notdir));
    assert_eq!(root.remove_dir("/m/f"), Err(Errno::Notdir));
    assert_eq!(root.remove_dir("/m/d"), Err(Errno::Notempty));
    assert_eq!(root.remove_dir("/m/d/."), Err(Errno::Inval));
    assert_eq!(root.remove_file("/m/missing"), Err(Errno::Noent));
    assert_eq!(root.rename("/m/f/", "/m/x"), Err(Errno::Notdir));
    assert_eq!(root.rename("/m/d", "/m/d/x"), Err(Errno::Inval));
    assert_eq!(root.rename("/m/missing", "/m/x"), Err(Errno::Noent));
    assert_eq!(root.hard_link("/m/d", "/m/x"), Err(Errno::Perm));
    assert_eq!(root.hard_link("/m/f", "/m/l"), Err(Errno::Exist));
    assert_eq!(root.read_link("/m/f"), Err(Errno::Inval));
    assert_eq!(root.stat("/m/f/", true).err(), Some(Errno::Notdir));
    assert_eq!(root.read_dir("/m/f").err(), Some(Errno::Notdir));
    assert_eq!(root.stat("/m/l/", false).err(), Some(Errno::Notdir));
}

#[test]
fn a_file_earlier_than_1970_has_the_earliest_time_there_is() {
    let host = host();
    let file = fs::File::options()
        .write(true)
        .open(host.path("f"))
        .unwrap();
    let early = std::time::SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(9);
    file.set_modified(early).unwrap();
    let stat = host.root(ReadOnly).stat("/m/f", true).unwrap();
    assert_eq!(stat.mtim, Some(std::time::SystemTime::UNIX_EPOCH));
}

#[test]
fn open_files_are_capped_and_given_back() {
    let host = host();
    let root = host.root(ReadOnly);
    let mut held = Vec::new();
    let errno = loop {
        match open(
            &root,
            if held.len() % 2 == 0 {
                "/m/f"
            } else {
                "/dev/null"
            },
            reading(),
        ) {
            Ok(handle) => held.push(handle),
            Err(errno) => break errno,
        }
    };
    assert_eq!(errno, Errno::Mfile);
    assert_eq!(held.len(), super::super::volume::OPEN_FILES);
    held.pop();
    assert!(open(&root, "/m/f", reading()).is_ok());
    // Another run has its own.
    assert!(open(&host.root(ReadOnly), "/m/f", reading()).is_ok());
}
