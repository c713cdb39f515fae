//! A folder of the host's that guests see, beside one that they must not.

use dormouse::MountMode;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::SystemTime,
};

/// What the folder has beside that is not shown: no answer may hold it.
pub(crate) const SECRET: &str = "the-secret-0b5e2f";

/// Bytes of a file that are compared.
const MOST_READ: u64 = 4 << 20;

/// What a folder holds.
pub(crate) type Tree = BTreeMap<PathBuf, Entry>;

/// Something in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Folder,
    /// Its content, and when that changed.
    File(Vec<u8>, SystemTime),
    Link(PathBuf),
    Other,
}

/// `mount`, which is shown, and `forbidden`, in a folder of this process's.
pub(crate) struct World {
    base: PathBuf,
    mount: Tree,
    all: Tree,
}

impl World {
    pub(crate) fn new() -> Self {
        let base = folder();
        fs::create_dir_all(base.join("forbidden/d")).unwrap();
        fs::write(base.join("forbidden/secret"), SECRET).unwrap();
        fs::write(base.join("forbidden/d/x"), SECRET).unwrap();
        let mut world = Self {
            base,
            mount: Tree::new(),
            all: Tree::new(),
        };
        world.fill();
        world
    }

    fn fill(&mut self) {
        let mount = self.mount();
        fs::create_dir_all(mount.join("d/f")).unwrap();
        fs::create_dir(mount.join("empty")).unwrap();
        fs::create_dir(mount.join("w")).unwrap();
        for (name, content) in [
            ("a.txt", &b"text of a\n"[..]),
            ("b.bin", b"\xff\xfe\0bytes"),
            ("d/e.txt", b"e"),
            ("w/x", b"x"),
            ("large", &[b'l'; 5000]),
        ] {
            fs::write(mount.join(name), content).unwrap();
        }
        let forbidden = self.base.join("forbidden");
        for (name, target) in [
            ("in", Path::new("a.txt")),
            ("out", Path::new("../forbidden/secret")),
            ("abs", &forbidden),
            ("up", Path::new("..")),
            ("loop", Path::new("loop")),
            ("dangling", Path::new("nothing")),
            ("make", Path::new("../forbidden/made")),
            ("d/over", Path::new("../../forbidden/d")),
        ] {
            symlink(target, mount.join(name)).unwrap();
        }
        self.mount = tree(&mount);
        self.all = tree(&self.base);
    }

    /// The folder that is shown.
    pub(crate) fn mount(&self) -> PathBuf {
        self.base.join("mount")
    }

    /// A file that must not be seen, as the host calls it.
    pub(crate) fn secret(&self) -> String {
        self.base.join("forbidden/secret").display().to_string()
    }

    /// Panics where something is changed beyond what `mode` allows in the mount.
    /// Then it is as at first.
    pub(crate) fn hold(&mut self, mode: Option<MountMode>) {
        let was = self.mount.clone();
        let now = self.check();
        match mode {
            None | Some(MountMode::ReadOnly) => assert_eq!(now, was, "a mount to be read"),
            Some(MountMode::ReadWrite) => {
                let kind = |entry: &Entry| match entry {
                    Entry::File(..) => Entry::Other,
                    other => other.clone(),
                };
                for (path, entry) in &now {
                    let was = was.get(path).map(kind);
                    assert_eq!(was, Some(kind(entry)), "made: {}", path.display());
                }
            }
            Some(MountMode::ReadWriteCreate) => {}
        }
    }

    /// Panics where something is changed that is not below the mount; then it is
    /// as at first. Gives what was there.
    fn check(&mut self) -> Tree {
        let all = tree(&self.base);
        if all == self.all {
            return self.mount.clone();
        }
        let outside = |tree: &Tree| -> Tree {
            let of_it = tree.iter().filter(|(path, _)| !path.starts_with("mount"));
            of_it
                .map(|(path, entry)| (path.clone(), entry.clone()))
                .collect()
        };
        assert_eq!(
            outside(&all),
            outside(&self.all),
            "something outside of the mount"
        );
        let now = tree(&self.mount());
        fs::remove_dir_all(self.mount()).unwrap();
        self.fill();
        now
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.base);
    }
}

/// Where this process may make a folder that nobody else uses.
pub(crate) fn folder() -> PathBuf {
    static PARENT: OnceLock<PathBuf> = OnceLock::new();
    let parent = PARENT.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        sweep(&parent);
        parent
    });
    static COUNT: AtomicU32 = AtomicU32::new(0);
    parent.join(format!(
        "dormouse-fuzz-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Relaxed)
    ))
}

/// What `folder` holds, links not followed.
fn tree(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below)).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (below.join(entry.file_name()), entry.file_type().unwrap());
            let found = if kind.is_dir() {
                folders.push(path.clone());
                Entry::Folder
            } else if kind.is_symlink() {
                Entry::Link(fs::read_link(entry.path()).unwrap())
            } else if kind.is_file() {
                let metadata = entry.metadata().unwrap();
                let content = match metadata.len() {
                    0..=MOST_READ => fs::read(entry.path()).unwrap(),
                    // A guest may make a file that is long, mostly of nothing.
                    length => length.to_le_bytes().to_vec(),
                };
                Entry::File(content, metadata.modified().unwrap())
            } else {
                Entry::Other
            };
            tree.insert(path, found);
        }
    }
    tree
}

/// Removes what processes left that were ended.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let process = name
            .strip_prefix("dormouse-fuzz-")
            .and_then(|rest| rest.split('-').next());
        if let Some(process) = process
            && !Path::new("/proc").join(process).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
