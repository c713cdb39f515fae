//! [`WasiDir`] for the folders of the virtual root.

use std::{
    any::Any,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use wasmi_wasi::{
    WasiDir,
    wasi_common::{
        Error, SystemTimeSpec,
        dir::{OpenResult, ReaddirCursor, ReaddirEntity},
        file::{FdFlags, FileType, Filestat, OFlags},
    },
};

use super::{
    errno::Errno,
    file::{File, check_flags},
    path,
    root::Root,
    volume::{Entry, Node, OpenGuard, OpenHow},
};

/// Host memory that the listings of all open folders may hold together: one of
/// half a million names fits, a thousand of them don't.
pub(crate) const LISTING_BYTES: usize = 64 << 20;

/// What is held of [`LISTING_BYTES`].
#[derive(Clone, Default)]
pub(crate) struct ListingBudget(Arc<AtomicUsize>);

/// The entries of a folder as they were when the guest began to read it.
struct Listing {
    entries: Vec<Entry>,
    bytes: usize,
    budget: ListingBudget,
}

impl Listing {
    fn take(entries: Vec<Entry>, budget: &ListingBudget) -> Result<Arc<Self>, Errno> {
        let names: usize = entries.iter().map(|entry| entry.name.capacity()).sum();
        let bytes = names + entries.capacity() * size_of::<Entry>();
        budget
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(bytes).filter(|sum| *sum <= LISTING_BYTES)
            })
            .map_err(|_| Errno::Nomem)?;
        Ok(Arc::new(Self {
            entries,
            bytes,
            budget: budget.clone(),
        }))
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// An open folder: the guest path it was opened by.
pub(crate) struct VirtualDir {
    root: Root,
    path: String,
    listing: Mutex<Option<Arc<Listing>>>,
    _open: Option<OpenGuard>,
}

impl VirtualDir {
    /// The folder `/`.
    pub(crate) fn top(root: Root) -> Self {
        Self::new(root, "/".to_owned(), None)
    }

    fn new(root: Root, path: String, open: Option<OpenGuard>) -> Self {
        Self {
            root,
            path,
            listing: Mutex::new(None),
            _open: open,
        }
    }

    /// The guest path of `path` seen from here.
    ///
    /// `/` is the guest's whole world, so there any path will do; below, a
    /// folder is a capability in WASI, which its paths must not leave.
    fn path(&self, path: &str) -> Result<String, Errno> {
        path::check(path)?;
        if self.path != "/" && (path.starts_with('/') || path::climbs(path)) {
            return Err(Errno::Perm);
        }
        Ok(path::join(&self.path, path))
    }

    fn other<'a>(&self, dir: &'a dyn WasiDir) -> Result<&'a Self, Errno> {
        dir.as_any().downcast_ref::<Self>().ok_or(Errno::Badf)
    }

    /// `.` and `..` and then the listing, taken anew when the guest starts
    /// over.
    fn listing(&self, start: bool) -> Result<Arc<Listing>, Errno> {
        let mut kept = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(listing), false) = (&*kept, start) {
            return Ok(Arc::clone(listing));
        }
        *kept = None;
        let mut entries = self.root.read_dir(&self.path)?;
        let dots = [(".", &self.path), ("..", &path::join(&self.path, ".."))];
        let dots = dots.map(|(name, path)| {
            self.root.stat(path, true).map(|stat| Entry {
                name: name.to_owned(),
                kind: FileType::Directory,
                inode: stat.inode,
            })
        });
        for (index, dot) in dots.into_iter().enumerate() {
            entries.insert(index, dot?);
        }
        let listing = Listing::take(entries, self.root.listings())?;
        *kept = Some(Arc::clone(&listing));
        Ok(listing)
    }
}

#[async_trait::async_trait]
impl WasiDir for VirtualDir {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn open_file(
        &self,
        symlink_follow: bool,
        path: &str,
        oflags: OFlags,
        read: bool,
        write: bool,
        fdflags: FdFlags,
    ) -> Result<OpenResult, Error> {
        check_flags(fdflags)?;
        let path = self.path(path)?;
        let append = write && fdflags.contains(FdFlags::APPEND);
        let how = OpenHow {
            read,
            write,
            append,
            create: oflags.contains(OFlags::CREATE),
            exclusive: oflags.contains(OFlags::EXCLUSIVE),
            truncate: oflags.contains(OFlags::TRUNCATE),
            directory: oflags.contains(OFlags::DIRECTORY),
            follow: symlink_follow,
        };
        Ok(match self.root.open_node(&path, how)? {
            Node::File(handle) => OpenResult::File(Box::new(File::new(handle))),
            Node::Device(file) => OpenResult::File(file),
            Node::Dir(guard) => {
                let dir = Self::new(self.root.clone(), path, Some(guard));
                OpenResult::Dir(Box::new(dir))
            }
        })
    }

    async fn create_dir(&self, path: &str) -> Result<(), Error> {
        Ok(self.root.create_dir(&self.path(path)?)?)
    }

    async fn readdir(
        &self,
        cursor: ReaddirCursor,
    ) -> Result<Box<dyn Iterator<Item = Result<ReaddirEntity, Error>> + Send>, Error> {
        let start = u64::from(cursor);
        let listing = self.listing(start == 0)?;
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let len = listing.entries.len();
        Ok(Box::new((start.min(len)..len).map(move |index| {
            let entry = &listing.entries[index];
            Ok(ReaddirEntity {
                next: ReaddirCursor::from(index as u64 + 1),
                inode: entry.inode,
                name: entry.name.clone(),
                filetype: entry.kind,
            })
        })))
    }

    async fn symlink(&self, old_path: &str, new_path: &str) -> Result<(), Error> {
        Ok(self.root.symlink(old_path, &self.path(new_path)?)?)
    }

    async fn remove_dir(&self, path: &str) -> Result<(), Error> {
        Ok(self.root.remove_dir(&self.path(path)?)?)
    }

    async fn unlink_file(&self, path: &str) -> Result<(), Error> {
        Ok(self.root.remove_file(&self.path(path)?)?)
    }

    async fn read_link(&self, path: &str) -> Result<PathBuf, Error> {
        Ok(self.root.read_link(&self.path(path)?)?.into())
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        Ok(self.root.stat(&self.path, true)?)
    }

    async fn get_path_filestat(&self, path: &str, follow: bool) -> Result<Filestat, Error> {
        Ok(self.root.stat(&self.path(path)?, follow)?)
    }

    async fn rename(
        &self,
        path: &str,
        dest_dir: &dyn WasiDir,
        dest_path: &str,
    ) -> Result<(), Error> {
        let to = self.other(dest_dir)?.path(dest_path)?;
        Ok(self.root.rename(&self.path(path)?, &to)?)
    }

    async fn hard_link(
        &self,
        path: &str,
        target_dir: &dyn WasiDir,
        target_path: &str,
    ) -> Result<(), Error> {
        let to = self.other(target_dir)?.path(target_path)?;
        Ok(self.root.hard_link(&self.path(path)?, &to)?)
    }

    async fn set_times(
        &self,
        path: &str,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
        follow: bool,
    ) -> Result<(), Error> {
        let path = self.path(path)?;
        Ok(self.root.set_times(&path, atime, mtime, follow)?)
    }
}

#[test]
fn listings_are_bounded_together_and_given_back() {
    let budget = ListingBudget(Arc::new(AtomicUsize::new(LISTING_BYTES - 1000)));
    let entry = Entry {
        name: "n".repeat(255),
        kind: FileType::RegularFile,
        inode: 0,
    };
    let first = Listing::take(vec![entry.clone(); 2], &budget);
    assert!(first.is_ok());
    let second = Listing::take(vec![entry.clone(); 2], &budget);
    assert_eq!(second.err(), Some(Errno::Nomem));
    drop(first);
    assert!(Listing::take(vec![entry; 2], &budget).is_ok());
}
