//! What a run may reach. The default reaches nothing.

use std::path::PathBuf;

/// Capabilities of one run, as plain data. The default grants nothing: no
/// files, no environment, and clocks and randomness of the host.
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
}

/// One host folder or file, given to the guest at an absolute guest path.
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
