//! The private `/tmp`.

use std::{
    io::SeekFrom,
    time::{Duration, SystemTime},
};

use super::*;
use crate::wasi::memory_fs::ENTRIES;

fn small(quota: u64) -> Root {
    Root::new(&[], quota).unwrap()
}

#[test]
fn files_and_folders() {
    let root = root(&[]);
    root.create_dir("/tmp/d").unwrap();
    write(&root, "/tmp/d/f", "text").unwrap();
    assert_eq!(read(&root, "/tmp/d/f").unwrap(), "text");
    assert_eq!(read(&root, "/tmp/d/../d/f").unwrap(), "text");
    assert_eq!(list(&root, "/tmp").unwrap(), ["d"]);
    let exclusive = OpenHow {
        exclusive: true,
        ..creating()
    };
    for (path, how, errno) in [
        ("/tmp/d", creating(), Errno::Isdir),
        ("/tmp/d/f", exclusive, Errno::Exist),
        ("/tmp/d/f/", reading(), Errno::Notdir),
        ("/tmp/d/f/x", creating(), Errno::Notdir),
        ("/tmp/no/x", creating(), Errno::Noent),
        ("/tmp/no/../d/f", reading(), Errno::Noent),
    ] {
        assert_eq!(open_error(&root, path, how), Some(errno), "{path}");
    }
    assert_eq!(root.create_dir("/tmp/d"), Err(Errno::Exist));
    assert_eq!(root.remove_dir("/tmp/d"), Err(Errno::Notempty));
    assert_eq!(root.remove_dir("/tmp/d/f"), Err(Errno::Notdir));
    assert_eq!(root.remove_file("/tmp/d"), Err(Errno::Isdir));
    assert_eq!(root.symlink("d", "/tmp/l"), Err(Errno::Notsup));
    assert_eq!(root.hard_link("/tmp/d/f", "/tmp/l"), Err(Errno::Notsup));
    root.remove_file("/tmp/d/f").unwrap();
    root.remove_dir("/tmp/d").unwrap();
    assert_eq!(list(&root, "/tmp").unwrap(), [""; 0]);
}

#[test]
fn renames() {
    let root = root(&[]);
    for dir in [
        "/tmp/a",
        "/tmp/a/b",
        "/tmp/full",
        "/tmp/full/x",
        "/tmp/empty",
    ] {
        root.create_dir(dir).unwrap();
    }
    write(&root, "/tmp/one", "1").unwrap();
    write(&root, "/tmp/two", "2").unwrap();
    for (from, to, errno) in [
        ("/tmp/a", "/tmp/a/b/c", Errno::Inval),
        ("/tmp/a", "/tmp/a/c", Errno::Inval),
        ("/tmp/a", "/tmp/full", Errno::Notempty),
        ("/tmp/a", "/tmp/one", Errno::Notdir),
        ("/tmp/one", "/tmp/a", Errno::Isdir),
        ("/tmp/no", "/tmp/x", Errno::Noent),
        ("/tmp/one", "/tmp/no/x", Errno::Noent),
        ("/tmp/a", "/tmp", Errno::Busy),
    ] {
        assert_eq!(root.rename(from, to), Err(errno), "{from} {to}");
    }
    let inode = root.stat("/tmp/one", true).unwrap().inode;
    root.rename("/tmp/one", "/tmp/one").unwrap();
    root.rename("/tmp/one", "/tmp/two").unwrap();
    assert_eq!(read(&root, "/tmp/two").unwrap(), "1");
    assert_eq!(root.stat("/tmp/two", true).unwrap().inode, inode);
    root.rename("/tmp/a", "/tmp/empty").unwrap();
    assert_eq!(list(&root, "/tmp").unwrap(), ["empty", "full", "two"]);
    assert_eq!(list(&root, "/tmp/empty").unwrap(), ["b"]);
}

#[test]
fn a_removed_file_works_until_it_is_closed_and_then_frees_its_bytes() {
    let root = small(100);
    let file = open(&root, "/tmp/f", creating()).unwrap();
    assert_eq!(file.write(&[1; 100]), Ok(100));
    root.remove_file("/tmp/f").unwrap();
    assert_eq!(root.stat("/tmp/f", true).err(), Some(Errno::Noent));
    let mut bytes = [0; 100];
    assert_eq!(file.read_at(&mut bytes, 0), Ok(100));
    assert_eq!(bytes, [1; 100]);
    assert_eq!(file.stat().unwrap().nlink, 0);
    let other = open(&root, "/tmp/g", creating()).unwrap();
    assert_eq!(other.write(b"x"), Err(Errno::Nospc));
    drop(file);
    assert_eq!(other.write(&[2; 100]), Ok(100));
    // A file replaced by a rename is removed too.
    open(&root, "/tmp/h", creating()).unwrap();
    root.rename("/tmp/h", "/tmp/g").unwrap();
    assert_eq!(
        open(&root, "/tmp/i", creating()).unwrap().write(b"x"),
        Err(Errno::Nospc)
    );
    drop(other);
    assert_eq!(
        open(&root, "/tmp/i", creating()).unwrap().write(b"x"),
        Ok(1)
    );
}

#[test]
fn the_quota_bounds_every_way_to_grow() {
    let root = small(10);
    let file = open(&root, "/tmp/f", creating()).unwrap();
    assert_eq!(file.write(&[1; 30]), Ok(10));
    assert_eq!(file.write(b"x"), Err(Errno::Nospc));
    assert_eq!(file.write(b""), Ok(0));
    assert_eq!(file.write_at(b"yy", 8), Ok(2));
    file.set_len(4).unwrap();
    assert_eq!(file.set_len(11), Err(Errno::Nospc));
    assert_eq!(file.set_len(u64::MAX), Err(Errno::Nospc));
    assert_eq!(file.write_at(b"x", u64::MAX), Err(Errno::Nospc));
    assert_eq!(file.write_at(b"x", 10), Err(Errno::Nospc));
    // A hole is zeros, and counts.
    assert_eq!(file.seek(SeekFrom::Start(8)), Ok(8));
    assert_eq!(file.write(b"zz"), Ok(2));
    let mut bytes = [9; 12];
    assert_eq!(file.read_at(&mut bytes, 0), Ok(10));
    assert_eq!(bytes[..10], [1, 1, 1, 1, 0, 0, 0, 0, b'z', b'z']);
    let other = open(&root, "/tmp/g", creating()).unwrap();
    assert_eq!(other.write(b"x"), Err(Errno::Nospc));
    file.set_len(0).unwrap();
    assert_eq!(other.write(b"x"), Ok(1));
}

#[test]
fn entries_are_capped() {
    let root = root(&[]);
    let mut made = 0;
    let errno = loop {
        match root.create_dir(&format!("/tmp/{made}")) {
            Ok(()) => made += 1,
            Err(errno) => break errno,
        }
    };
    assert_eq!((errno, made), (Errno::Nospc, ENTRIES - 1));
    root.remove_dir("/tmp/0").unwrap();
    root.create_dir("/tmp/again").unwrap();
}

#[test]
fn positions_and_append() {
    let root = root(&[]);
    let how = OpenHow {
        append: true,
        ..creating()
    };
    let file = open(&root, "/tmp/f", how).unwrap();
    file.write(b"one").unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write(b"two").unwrap();
    assert_eq!(read(&root, "/tmp/f").unwrap(), "onetwo");
    // A positioned write goes where it is told, also in append mode.
    file.write_at(b"O", 0).unwrap();
    assert_eq!(read(&root, "/tmp/f").unwrap(), "Onetwo");
    file.set_append(false);
    file.seek(SeekFrom::End(-3)).unwrap();
    file.write(b"T").unwrap();
    assert_eq!(read(&root, "/tmp/f").unwrap(), "OneTwo");
    assert_eq!(file.seek(SeekFrom::Current(-99)), Err(Errno::Inval));
    assert_eq!(file.seek(SeekFrom::Start(u64::MAX)), Err(Errno::Inval));
    assert_eq!(
        open(&root, "/tmp/f", reading()).unwrap().write(b"x"),
        Err(Errno::Badf)
    );
    let written = open(&root, "/tmp/f", writing()).unwrap();
    assert_eq!(written.read(&mut [0]), Err(Errno::Badf));
}

#[test]
fn the_clock_is_the_given_one() {
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let root = root(&[]).with_clock(move || then);
    write(&root, "/tmp/f", "x").unwrap();
    read(&root, "/tmp/f").unwrap();
    for path in ["/tmp", "/tmp/f"] {
        let stat = root.stat(path, true).unwrap();
        assert_eq!([stat.atim, stat.mtim, stat.ctim], [Some(then); 3], "{path}");
    }
}

#[test]
fn two_runs_share_nothing_and_clones_everything() {
    let (one, two) = (root(&[]), root(&[]));
    write(&one, "/tmp/f", "x").unwrap();
    assert_eq!(read(&one.clone(), "/tmp/f").unwrap(), "x");
    assert_eq!(read(&two, "/tmp/f"), Err(Errno::Noent));
}

#[test]
fn threads() {
    let root = root(&[]);
    let how = OpenHow {
        append: true,
        create: true,
        ..writing()
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let file = open(&root, "/tmp/f", how).unwrap();
                for _ in 0..100 {
                    assert_eq!(file.write(b"x"), Ok(1));
                }
            });
        }
    });
    assert_eq!(root.stat("/tmp/f", true).unwrap().size, 400);
}
