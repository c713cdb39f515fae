//! What a run may reach. The default reaches nothing.

use std::path::PathBuf;

/// Capabilities of one run, as plain data. The default grants nothing: no
/// files, no network, no environment, and clocks and randomness of the host.
///
/// What a guest has is fixed when its run begins, and its alone: no later run
/// finds it.
///
/// ```
/// use dormouse::{Grants, Image, Kv, Mount, MountMode, Program, Sandbox};
/// let folder = std::env::temp_dir();
/// let grants = Grants {
///     mounts: vec![Mount {
///         guest: "/work".to_owned(),
///         host: folder,
///         mode: MountMode::ReadOnly,
///     }],
///     env: vec![("LANG".to_owned(), "C".to_owned())],
///     kv: Kv::Memory,
///     ..Grants::default()
/// };
/// let image = Image::wasm("nop.wat", b"(module (func (export \"_start\")))")?;
/// Sandbox::new(&image).grants(grants).run(Program::start("nop"))?;
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Host folders (or single files) and where the guest sees them.
    pub mounts: Vec<Mount>,
    /// Environment variables, in the order given; the last of a name wins.
    pub env: Vec<(String, String)>,
    /// Makes clocks and randomness the same for every run with this seed,
    /// from where its program begins. Hashes in Python depend on what was drawn
    /// before that: with [`GuestStore::seeded_image`](crate::GuestStore::seeded_image)
    /// and for a plain start it is the same for all seeds, anywhere.
    pub seed: Option<u64>,
    /// Whether and where the guest may keep values by key.
    pub kv: Kv,
    /// Hosts that the guest may send HTTP requests to, with their subdomains:
    /// names, or IP addresses, which match only themselves; with `:PORT` that
    /// port alone.
    pub hosts: Vec<String>,
    /// Files of certificates in PEM form. Where there are any, servers of
    /// `https` URLs must be certified by one of them; otherwise by one of those
    /// that Mozilla's browsers trust.
    pub http_ca: Vec<PathBuf>,
    /// Which Python packages the guest may have installed; none by default.
    pub packages: Packages,
}

/// Whether and where a guest may keep values by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Kv {
    /// It may not.
    #[default]
    None,
    /// In memory, for as long as the run or session lasts.
    Memory,
    /// In a file, from run to run. Sandboxes in one process that name the same
    /// file share it; another process can open it once they are done.
    File(PathBuf),
}

/// Which Python packages a guest may have installed, and where to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packages {
    /// The host's folder of packages, which `/packages` shows to the guest.
    pub folder: Option<PathBuf>,
    /// Whether the guest may ask for packages at all.
    pub install: bool,
    /// Names, each with its version specifier if it has one, as in
    /// `requests>=2.32`; empty for any package.
    pub allowed: Vec<String>,
}

/// One host folder or file, given to the guest at an absolute guest path. What
/// is not below one does not exist for the guest; links and `..` don't lead out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Absolute guest path, `/` allowed.
    pub guest: String,
    /// Host folder or regular file; it must exist when the run starts.
    pub host: PathBuf,
    /// What the guest may do there.
    pub mode: MountMode,
}

/// What a guest may do below a [`Mount`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MountMode {
    /// `ro`: read and list.
    #[default]
    ReadOnly,
    /// `rw`: also change and remove what exists.
    ReadWrite,
    /// `rwc`: also create and rename.
    ReadWriteCreate,
}

impl MountMode {
    /// As options have it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "ro",
            Self::ReadWrite => "rw",
            Self::ReadWriteCreate => "rwc",
        }
    }
}
