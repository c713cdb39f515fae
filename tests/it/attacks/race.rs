//! Another process swaps a folder of a mount with a symbolic link that leads out,
//! as fast as it can, while the guest works through that path.

use super::{
    MEMORY,
    watched::{Watched, Written, attacker},
};
use crate::support::Dir;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

/// One round is one thing tried through the path that changes. What it reads must
/// be what is inside; what it makes or takes away is looked for outside by the test.
const GUEST: &str = "import os, sys
d = '/m/x'
seen, refused = 0, 0
def read(path):
    with open(path) as f: return f.read()
def write(path, mode='w'):
    with open(path, mode) as f: f.write('guest')
def lists(path): assert 'outside' not in os.listdir(path), 'LISTED'
def reads(path): assert read(path + '/file') == 'inside', 'READ'
def reads_by_host(path): assert fs.read_text(path + '/file') == 'inside', 'READ'
def lists_by_host(path):
    assert all(entry['name'] != 'outside' for entry in fs.listdir(path)), 'LISTED'
def stats(path): assert os.stat(path + '/file').st_size == 6, 'STATTED'
acts = [
    reads, lists, stats, reads_by_host, lists_by_host,
    lambda path: os.stat(path + '/outside') and sys.exit('STATTED'),
    lambda path: read(path + '/outside') and sys.exit('READ'),
    lambda path: write(path + '/new'),
    lambda path: write(path + '/victim'),
    lambda path: write(path + '/victim', 'a'),
    lambda path: os.rename(path + '/new', path + '/moved'),
    lambda path: os.rename(path + '/victim', '/m/taken'),
    lambda path: os.rename('/m/taken', path + '/victim'),
    lambda path: os.rename('/m/other', path + '/other'),
    lambda path: os.rename(path + '/other', '/m/other'),
    lambda path: os.remove(path + '/moved'),
    lambda path: os.remove(path + '/precious'),
    lambda path: os.mkdir(path + '/folder'),
    lambda path: os.rmdir(path + '/folder'),
    lambda path: os.rmdir(path + '/empty'),
    lambda path: os.symlink('file', path + '/symbolic'),
    lambda path: os.remove(path + '/symbolic'),
    lambda path: os.link(path + '/victim', path + '/hard'),
    lambda path: os.remove(path + '/hard'),
    lambda path: os.utime(path + '/victim', (1, 1)),
    lambda path: os.truncate(path + '/victim', 0),
    lambda path: fs.write_text(path + '/victim', 'guest'),
    lambda path: fs.write_text(path + '/fresh', 'guest'),
    lambda path: fs.remove(path + '/fresh'),
    lambda path: fs.mkdir(path + '/a/b'),
    lambda path: fs.remove(path + '/a/b'),
]
for n in range(int(sys.argv[1])):
    try:
        acts[n % len(acts)](d)
        seen += 1
    except (OSError, RuntimeError):
        refused += 1
print(seen, refused)
";

/// What is known of a file: all but the time of the last reading.
#[derive(Debug, PartialEq)]
struct Found {
    inode: u64,
    changed: (i64, i64),
    mode: u32,
    links: u64,
    content: Vec<u8>,
}

/// All that is below `folder`.
fn all(folder: &Path) -> BTreeMap<String, Found> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let about = path.symlink_metadata().expect("it is there");
        let content = match about.is_file() {
            true => fs::read(&path).expect("a file"),
            false => Vec::new(),
        };
        if about.is_dir() {
            found.extend(all(&path));
        }
        let file = Found {
            inode: about.ino(),
            // A change of any kind, other than the time of modification, which a
            // guest sets.
            changed: (about.ctime(), about.ctime_nsec()),
            mode: about.mode(),
            links: about.nlink(),
            content,
        };
        found.insert(path.display().to_string(), file);
    }
    found
}

fn race(rounds: u32, target: &str) {
    let dir = Dir::new();
    for (folder, content) in [("mount/x", "inside"), ("outside", "hidden!")] {
        for name in ["file", "victim", "precious"] {
            dir.write(&format!("{folder}/{name}"), content);
        }
        fs::create_dir(dir.path().join(folder).join("empty")).expect("a folder");
    }
    dir.write("outside/outside", "hidden!");
    dir.write("mount/other", "other");
    let (folder, link) = (dir.path().join("mount/x"), dir.path().join("mount/link"));
    let target = target.replace("DIR", &dir.path().display().to_string());
    symlink(target, &link).expect("a link");
    let before = all(&dir.path().join("outside"));
    let mount = format!("/m:{}/mount:rwc", dir.path().display());
    let options = ["--mount", &mount, "--timeout", "0"];
    let (mut command, _) = attacker(&dir, &Written::Python, &options, GUEST);
    command.arg(rounds.to_string());
    let (is_over, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    let seen = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE)
                    .expect("they are swapped");
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        let seen = Watched::run(&mut command);
        is_over.store(true, Ordering::Relaxed);
        seen
    });
    assert!(seen.status.success(), "{seen:?}");
    seen.stays_within(MEMORY);
    assert_eq!(all(&dir.path().join("outside")), before);
    // Both happened, and often, or this shows nothing.
    let counts = seen.stdout.split_whitespace().map(str::parse::<u32>);
    let counts: Vec<u32> = counts.collect::<Result<_, _>>().expect("numbers");
    assert!(
        counts.iter().all(|count| *count > rounds / 100),
        "{counts:?}"
    );
    assert!(swaps.into_inner() > u64::from(rounds) / 10);
}

#[test]
fn a_link_to_a_folder_beside_the_mount() {
    race(10_000, "../outside");
}

#[test]
fn a_link_to_an_absolute_path() {
    race(10_000, "DIR/outside");
}
