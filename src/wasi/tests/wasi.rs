//! The folder and the files as wasi-common uses them.

use std::io::{IoSlice, IoSliceMut, SeekFrom};

use wasmi_wasi::{
    WasiDir, WasiFile,
    wasi_common::{
        dir::{OpenResult, ReaddirCursor},
        file::{FdFlags, FileType, OFlags},
    },
};

use super::*;
use crate::wasi::block_on;
use MountMode::{ReadOnly, ReadWriteCreate};

type Dir = Box<dyn WasiDir>;

fn opened(
    dir: &dyn WasiDir,
    path: &str,
    oflags: OFlags,
    flags: FdFlags,
) -> Result<OpenResult, Errno> {
    block_on(dir.open_file(
        true,
        path,
        oflags,
        true,
        oflags.contains(OFlags::CREATE),
        flags,
    ))
}

fn subdir(dir: &dyn WasiDir, path: &str) -> Result<Dir, Errno> {
    match opened(dir, path, OFlags::DIRECTORY, FdFlags::empty())? {
        OpenResult::Dir(dir) => Ok(dir),
        OpenResult::File(_) => panic!("{path} is a file"),
    }
}

fn create(dir: &dyn WasiDir, path: &str, flags: FdFlags) -> Result<Box<dyn WasiFile>, Errno> {
    match opened(dir, path, OFlags::CREATE, flags)? {
        OpenResult::File(file) => Ok(file),
        OpenResult::Dir(_) => panic!("{path} is a folder"),
    }
}

fn names(dir: &dyn WasiDir, cookie: u64) -> Vec<(u64, String)> {
    block_on(dir.readdir(ReaddirCursor::from(cookie)))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.next.into(), entry.name))
        .collect()
}

#[test]
fn a_listing_stays_as_it_was_at_its_start() {
    let host = Host::new().file("b", "").file("a", "").dir("c");
    let top = host.root(ReadWriteCreate).preopen();
    let dir = subdir(top.as_ref(), "m").unwrap();
    let all = names(dir.as_ref(), 0);
    let expected = [(1, "."), (2, ".."), (3, "a"), (4, "b"), (5, "c")];
    assert_eq!(all, expected.map(|(next, name)| (next, name.to_owned())));
    block_on(dir.unlink_file("a")).unwrap();
    assert_eq!(names(dir.as_ref(), 3)[0].1, "b");
    assert_eq!(names(dir.as_ref(), 99), []);
    assert_eq!(names(dir.as_ref(), u64::MAX), []);
    assert_eq!(names(dir.as_ref(), 0).len(), 4);
}

#[test]
fn the_top_lists_mounts() {
    let host = Host::new();
    let top = host.root(ReadOnly).preopen();
    let found: Vec<_> = names(top.as_ref(), 0)
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    assert_eq!(found, [".", "..", "dev", "m", "tmp"]);
    let stat = block_on(top.get_filestat()).unwrap();
    assert_eq!(stat.filetype, FileType::Directory);
}

#[test]
fn a_folder_is_a_capability_and_the_top_is_the_world() {
    let host = Host::new().file("d/x", "").file("y", "");
    let top = host.root(ReadWriteCreate).preopen();
    let dir = subdir(top.as_ref(), "m/d").unwrap();
    assert!(block_on(dir.get_path_filestat("x", true)).is_ok());
    assert!(block_on(dir.get_path_filestat("../d/x", true)).is_err());
    for path in ["..", "../y", "x/../../y", "/m/y"] {
        let found = block_on(dir.get_path_filestat(path, true));
        assert_eq!(found.err(), Some(Errno::Perm), "{path}");
    }
    for path in ["/m/y", "m/d/../y", "../m/y"] {
        assert!(
            block_on(top.get_path_filestat(path, true)).is_ok(),
            "{path}"
        );
    }
    block_on(dir.rename("x", top.as_ref(), "m/z")).unwrap();
    block_on(top.hard_link("m/z", dir.as_ref(), "w")).unwrap();
    assert!(host.path("z").exists() && host.path("d/w").exists());
}

#[test]
fn append_mode_on_a_mount() {
    let host = Host::new().file("log", "one");
    let top = host.root(ReadWriteCreate).preopen();
    let mut file = create(top.as_ref(), "m/log", FdFlags::APPEND).unwrap();
    assert_eq!(block_on(file.get_fdflags()), Ok(FdFlags::APPEND));
    let slices = [IoSlice::new(b"t"), IoSlice::new(b""), IoSlice::new(b"wo")];
    assert_eq!(block_on(file.write_vectored(&slices)), Ok(3));
    assert_eq!(block_on(file.seek(SeekFrom::Current(0))), Ok(6));
    assert_eq!(
        block_on(file.write_vectored_at(&[IoSlice::new(b"O")], 0)),
        Ok(1)
    );
    assert_eq!(host.text("log"), "Onetwo");
    block_on(file.set_fdflags(FdFlags::empty())).unwrap();
    block_on(file.seek(SeekFrom::Start(3))).unwrap();
    block_on(file.write_vectored(&[IoSlice::new(b"T")])).unwrap();
    assert_eq!(host.text("log"), "OneTwo");
    assert_eq!(
        block_on(file.set_fdflags(FdFlags::SYNC)),
        Err(Errno::Notsup)
    );
    let mut bytes = [0; 3];
    let read = block_on(file.read_vectored_at(&mut [IoSliceMut::new(&mut bytes)], 3));
    assert_eq!((read, bytes), (Ok(3), *b"Two"));
    assert_eq!(block_on(file.get_filestat()).unwrap().size, 6);
}

#[test]
fn open_folders_and_devices_count_as_open() {
    let top = root(&[]).preopen();
    let mut held = Vec::new();
    while let Ok(dir) = opened(
        top.as_ref(),
        if held.len() % 2 == 0 {
            "tmp"
        } else {
            "dev/null"
        },
        OFlags::empty(),
        FdFlags::empty(),
    ) {
        held.push(dir);
    }
    assert_eq!(held.len(), crate::wasi::volume::OPEN_FILES);
    assert_eq!(subdir(top.as_ref(), "tmp").err(), Some(Errno::Mfile));
    held.clear();
    assert!(subdir(top.as_ref(), "tmp").is_ok());
}

#[test]
fn wasi_flags_keep_their_posix_meaning() {
    let host = Host::new().file("f", "text");
    let root = host.root(ReadOnly);
    let top = root.preopen();
    let truncating = opened(top.as_ref(), "m/f", OFlags::TRUNCATE, FdFlags::empty());
    assert_eq!(truncating.err(), Some(Errno::Rofs));
    assert_eq!(subdir(top.as_ref(), "m/f").err(), Some(Errno::Notdir));
    assert_eq!(block_on(top.unlink_file("m")), Err(Errno::Isdir));
    assert_eq!(block_on(top.remove_dir("m/f")), Err(Errno::Rofs));
    assert_eq!(host.text("f"), "text");
}

#[test]
fn a_large_folder_is_read_once() {
    let host = Host::new();
    for index in 0..3000 {
        fs::write(host.path(&format!("{index:04}")), "").unwrap();
    }
    let top = host.root(ReadOnly).preopen();
    let dir = subdir(top.as_ref(), "m").unwrap();
    assert_eq!(names(dir.as_ref(), 0).len(), 3002);
    // What vanishes from the host meanwhile is still listed: nothing is read
    // again for each buffer of the guest.
    fs::remove_dir_all(host.0.path()).unwrap();
    assert_eq!(names(dir.as_ref(), 2999).len(), 3);
}
