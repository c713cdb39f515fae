//! The virtual root: one tree of files for the guest, made of volumes.
//!
//! Host entries whose names aren't UTF-8 don't exist for the guest: WASI's
//! paths are UTF-8.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::SystemTime,
};

use cap_std::{ambient_authority, fs::Dir};
use wasmi_wasi::{WasiDir, WasiFile};

use super::{
    device::{Device, Random, Simple},
    dir::{ListingBudget, VirtualDir},
    errno::Errno,
    host_file::HostFile,
    memory_fs::MemoryFs,
    mount::HostFolder,
    path,
    system::SystemFile,
    table::Table,
    volume::{Clock, OpenFiles, Volume},
};
use crate::{Error, ErrorKind, Mount, MountMode};

/// The guest's file tree. Clones share it.
#[derive(Clone)]
pub(crate) struct Root(pub(super) Arc<Inner>);

#[derive(Clone)]
pub(super) struct Inner {
    pub(super) table: Table,
    /// The private `/tmp`, unless a mount took its place.
    tmp: Option<MemoryFs>,
    /// The mounts.
    mounts: Vec<Mounted>,
    /// The files and folders that are open.
    pub(super) open: OpenFiles,
    listings: ListingBudget,
}

#[derive(Clone)]
struct Mounted {
    /// The canonical host path.
    host: PathBuf,
    /// Where the guest sees it.
    point: String,
    mode: MountMode,
}

/// A [`Root`] that others keep.
#[derive(Clone)]
pub(crate) struct WeakRoot(Weak<Inner>);

impl WeakRoot {
    /// The root, unless it is gone.
    pub(crate) fn upgrade(&self) -> Option<Root> {
        self.0.upgrade().map(Root)
    }
}

/// What a guest path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A mount, which gives so much.
    Mount(MountMode),
    /// The private `/tmp`.
    Tmp,
    /// The system: devices, its own files, folders above mounts, nothing.
    System,
}

impl Root {
    /// Has in its `/tmp` what `other` has there. No file may be open.
    pub(crate) fn copy_tmp(&self, other: &Self) {
        if let (Some(tmp), Some(other)) = (&self.0.tmp, &other.0.tmp) {
            tmp.copy_from(other);
        }
    }

    /// A tree of `mounts`, a private `/tmp` that holds up to `tmp_quota` bytes,
    /// `/dev/null` and `/dev/zero`.
    ///
    /// # Errors
    ///
    /// A host path that is missing or neither a folder nor a regular file, a
    /// guest path that isn't absolute or has `..`, two mounts at one guest
    /// path, a mount below a single file.
    pub(crate) fn new(mounts: &[Mount], tmp_quota: u64) -> Result<Self, Error> {
        let mut table = Table::default();
        let mut mounted = Vec::new();
        let mut files = Vec::new();
        for mount in mounts {
            let point = path::mount_point(&mount.guest)
                .map_err(|what| refusal(mount, &format!("bad guest path: {what}")))?;
            let (volume, host, is_file) = open_host(mount)?;
            if is_file {
                if point == "/" {
                    return Err(refusal(mount, "a single file can't be mounted at /"));
                }
                files.push(point.clone());
            }
            if !table.insert(&point, volume) {
                return Err(refusal(mount, "another mount has the same guest path"));
            }
            table.note_host_mount(&point);
            let mode = mount.mode;
            mounted.push(Mounted { host, point, mode });
        }
        if let Some(point) = files.iter().find(|point| table.above(point).is_some()) {
            let message = format!(
                "a single file is mounted at {point}, and something else below it; \
                 choose another guest path for one of them"
            );
            return Err(Error::new(ErrorKind::Grant, message));
        }
        let tmp = MemoryFs::new(tmp_quota, Arc::new(SystemTime::now));
        let tmp = table.insert("/tmp", Arc::new(tmp.clone())).then_some(tmp);
        let root = Self(Arc::new(Inner {
            table,
            tmp,
            mounts: mounted,
            open: OpenFiles::default(),
            listings: ListingBudget::default(),
        }));
        Ok(root
            .with_device("/dev/null", || Box::new(Simple::Null))
            .with_device("/dev/zero", || Box::new(Simple::Zero)))
    }

    /// Adds a read-only file. A mount at the very same path keeps it.
    pub(crate) fn with_file(mut self, path: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let table = &mut Arc::make_mut(&mut self.0).table;
        let inode = table.inode();
        table.insert(path, Arc::new(SystemFile::new(bytes.into(), inode)));
        self
    }

    /// Adds a device. A mount at the very same path keeps it.
    pub(crate) fn with_device(
        mut self,
        path: &str,
        open: impl Fn() -> Box<dyn WasiFile> + Send + Sync + 'static,
    ) -> Self {
        let table = &mut Arc::make_mut(&mut self.0).table;
        let inode = table.inode();
        table.insert(path, Arc::new(Device::new(Box::new(open), inode)));
        self
    }

    /// Adds `/dev/random` and `/dev/urandom`, which read what `fill` gives.
    pub(crate) fn with_random(self, fill: Random) -> Self {
        let other = Arc::clone(&fill);
        self.with_device("/dev/random", move || {
            Box::new(Simple::Random(Arc::clone(&fill)))
        })
        .with_device("/dev/urandom", move || {
            Box::new(Simple::Random(Arc::clone(&other)))
        })
    }

    /// Takes the timestamps of `/tmp` from `now`.
    pub(crate) fn with_clock(self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        if let Some(tmp) = &self.0.tmp {
            let clock: Clock = Arc::new(now);
            tmp.set_clock(clock);
        }
        self
    }

    /// Where the guest sees a host file, if it lies in a mount.
    pub(crate) fn guest_path(&self, host: &Path) -> Option<String> {
        let host = host.canonicalize().ok()?;
        let found = self.0.mounts.iter().filter_map(|mounted| {
            let (top, point) = (&mounted.host, &mounted.point);
            let rest = host.strip_prefix(top).ok()?;
            let guest = match rest.to_str()? {
                "" => point.clone(),
                rest => path::join(point, &rest.replace(std::path::MAIN_SEPARATOR, "/")),
            };
            // Another mount may cover it.
            (self.0.table.point_of(&guest) == Some(point)).then_some((top, guest))
        });
        found
            .max_by_key(|(top, _)| top.components().count())
            .map(|(_, guest)| guest)
    }

    /// The guest path of a mount in which a host path lies and the guest may
    /// write.
    pub(crate) fn writable_mount(&self, host: &Path) -> Option<&str> {
        let host = host.canonicalize().ok()?;
        let mut mounts = self.0.mounts.iter();
        let found = mounts
            .find(|mounted| mounted.mode > MountMode::ReadOnly && host.starts_with(&mounted.host));
        found.map(|mounted| &*mounted.point)
    }

    /// This root for those that don't keep it. What is added to it later is
    /// added to another.
    pub(crate) fn downgrade(&self) -> WeakRoot {
        WeakRoot(Arc::downgrade(&self.0))
    }

    /// What `path` belongs to.
    pub(crate) fn owner(&self, path: &str, follow: bool) -> Result<Owner, Errno> {
        let place = self.0.table.place(path, follow)?;
        let Some((point, _)) = &place.volume else {
            return Ok(Owner::System);
        };
        let mut mounts = self.0.mounts.iter();
        Ok(match mounts.find(|mounted| mounted.point == *point) {
            Some(mounted) => Owner::Mount(mounted.mode),
            None if self.0.tmp.is_some() && point == "/tmp" => Owner::Tmp,
            None => Owner::System,
        })
    }

    /// Whether symbolic links in `path` lead out of its mount.
    pub(crate) fn leads_out(&self, path: &str) -> bool {
        let resolved = self.0.table.place(path, true).and_then(|place| {
            let volume = place.volume()?;
            volume.resolve(&place.inside, true)
        });
        resolved.err() == Some(Errno::Perm)
    }

    /// The guest paths of what is open.
    pub(crate) fn open_paths(&self) -> Vec<String> {
        self.0.open.paths()
    }

    /// One of the things that the private `/tmp` holds, if there are any.
    pub(crate) fn tmp_entry(&self) -> Option<String> {
        self.0.tmp.as_ref()?.first()
    }

    /// The folder `/` for wasi-common, the guest's one preopen.
    pub(crate) fn preopen(&self) -> Box<dyn WasiDir> {
        Box::new(VirtualDir::top(self.clone()))
    }

    pub(super) fn listings(&self) -> &ListingBudget {
        &self.0.listings
    }
}

/// Opens a mount's host side: the volume, its canonical path, whether it's a
/// single file.
fn open_host(mount: &Mount) -> Result<(Arc<dyn Volume>, PathBuf, bool), Error> {
    let failed = |error: std::io::Error| {
        let what = if error.kind() == std::io::ErrorKind::NotFound {
            "the host path does not exist; create it or correct it".to_owned()
        } else {
            format!("the host path can't be opened: {error}")
        };
        refusal(mount, &what).with_source(error)
    };
    let host = mount.host.canonicalize().map_err(failed)?;
    let kind = host.metadata().map_err(failed)?;
    if kind.is_dir() {
        let dir = Dir::open_ambient_dir(&host, ambient_authority()).map_err(failed)?;
        return Ok((Arc::new(HostFolder::new(dir, mount.mode)), host, false));
    }
    let (true, Some(parent), Some(name)) = (kind.is_file(), host.parent(), host.file_name()) else {
        return Err(refusal(
            mount,
            "the host path is neither a folder nor a regular file",
        ));
    };
    let dir = Dir::open_ambient_dir(parent, ambient_authority()).map_err(failed)?;
    let folder = HostFolder::new(dir, mount.mode);
    let file = HostFile::new(folder, PathBuf::from(name));
    Ok((Arc::new(file), host, true))
}

fn refusal(mount: &Mount, what: &str) -> Error {
    let (guest, host) = (&mount.guest, mount.host.display());
    Error::new(
        ErrorKind::Grant,
        format!("cannot mount {host} at {guest}: {what}"),
    )
}
