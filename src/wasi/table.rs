//! The table of volumes and the routing of paths to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{errno::Errno, path, volume::Volume};

/// Times a path may be sent on to another mount by symbolic links.
const REROUTES: usize = 40;

/// Volumes by the guest path they stand at.
#[derive(Clone, Default)]
pub(crate) struct Table {
    volumes: BTreeMap<String, Arc<dyn Volume>>,
    /// Folders above a volume, which always exist, and what they then hold.
    above: BTreeMap<String, Above>,
    /// Volumes that have a mount of the host below them.
    nesting: BTreeSet<String>,
    next_inode: u64,
}

/// A folder above a volume.
#[derive(Clone, Default)]
pub(crate) struct Above {
    pub(crate) inode: u64,
    /// The names that lead towards volumes.
    pub(crate) names: BTreeSet<String>,
}

/// Where a path leads.
pub(crate) struct Place {
    /// The normalised guest path.
    pub(crate) path: String,
    /// The volume there and its guest path.
    pub(crate) volume: Option<(String, Arc<dyn Volume>)>,
    /// The path from the volume's top; `.` is the top.
    pub(crate) inside: String,
    /// Whether the path's text asks for a folder.
    pub(crate) wants_folder: bool,
    /// Whether the path's last name is `.` or `..`.
    pub(crate) ends_in_dots: bool,
}

impl Place {
    /// Whether it's a volume's top.
    pub(crate) fn is_top(&self) -> bool {
        self.inside == "."
    }

    /// The volume.
    pub(crate) fn volume(&self) -> Result<&dyn Volume, Errno> {
        match &self.volume {
            Some((_, volume)) => Ok(volume.as_ref()),
            None => Err(Errno::Noent),
        }
    }

    /// The volume, if it's the same one as `other`'s.
    pub(crate) fn shared_volume(&self, other: &Self) -> Result<&dyn Volume, Errno> {
        match (&self.volume, &other.volume) {
            (Some((point, volume)), Some((same, _))) if point == same => Ok(volume.as_ref()),
            (Some(_), Some(_)) => Err(Errno::Xdev),
            _ => Err(Errno::Rofs),
        }
    }
}

impl Table {
    /// Puts a volume at a [`path::mount_point`]; `false` if one is there.
    pub(crate) fn insert(&mut self, point: &str, volume: Arc<dyn Volume>) -> bool {
        if self.volumes.contains_key(point) {
            return false;
        }
        let mut below = point;
        while let Some((parent, name)) = path::split(below) {
            let inode = self.next_inode + 1;
            let above = self.above.entry(parent.to_owned()).or_insert_with(|| {
                self.next_inode = inode;
                Above {
                    inode,
                    names: BTreeSet::new(),
                }
            });
            above.names.insert(name.to_owned());
            below = parent;
        }
        self.volumes.insert(point.to_owned(), volume);
        true
    }

    /// A new number for something that the root itself provides.
    pub(crate) fn inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.next_inode
    }

    /// Notes that a mount of the host stands at `point`: paths of volumes
    /// around it must not reach by symbolic link what it covers.
    pub(crate) fn note_host_mount(&mut self, point: &str) {
        let mut below = point;
        while let Some((parent, _)) = path::split(below) {
            self.nesting.insert(parent.to_owned());
            below = parent;
        }
    }

    /// The folder above volumes at a normalised path, if it's one.
    pub(crate) fn above(&self, path: &str) -> Option<&Above> {
        self.above.get(path)
    }

    /// The guest path of the volume that a normalised path is in.
    pub(crate) fn point_of(&self, path: &str) -> Option<&str> {
        let mut path = path;
        loop {
            if let Some((point, _)) = self.volumes.get_key_value(path) {
                return Some(point);
            }
            path = path::split(path)?.0;
        }
    }

    /// Finds where `path` leads, as text: the longest guest path wins, `..`
    /// above a volume's top leads on in the virtual root. Symbolic links in
    /// the volume are left to it.
    pub(crate) fn route(&self, path: &str) -> Result<Place, Errno> {
        path::check(path)?;
        let mut at = Cursor::default();
        at.enter("/".to_owned(), self.volumes.contains_key("/"));
        for name in path::names(path) {
            if name == ".." {
                at.up(self);
            } else {
                at.down(name, self);
            }
        }
        let volume = at.point.and_then(|point| {
            let volume = Arc::clone(self.volumes.get(&point)?);
            Some((point, volume))
        });
        Ok(Place {
            path: at.path,
            volume,
            inside: if at.inside.is_empty() {
                ".".to_owned()
            } else {
                at.inside
            },
            wants_folder: path::wants_folder(path),
            ends_in_dots: path::ends_in_dots(path),
        })
    }

    /// [`Self::route`], and where symbolic links of a volume lead below another
    /// mount, on to that mount.
    ///
    /// Only programs of the host could swap a link between this look and the
    /// use, and what they could gain is what the surrounding mount's folder
    /// has there: still nothing outside of what was given.
    pub(crate) fn place(&self, path: &str, follow: bool) -> Result<Place, Errno> {
        let mut place = self.route(path)?;
        for _ in 0..REROUTES {
            let Some((point, volume)) = &place.volume else {
                return Ok(place);
            };
            if place.is_top() || !self.nesting.contains(point) {
                return Ok(place);
            }
            let follow = follow || place.wants_folder;
            let resolved = match volume.resolve(&place.inside, follow) {
                Ok(Some(resolved)) => resolved,
                Ok(None) => return Ok(place),
                // The operation itself will say what is wrong, unless the
                // folders above mounts make up for what the host lacks.
                Err(Errno::Noent | Errno::Notdir) => return Ok(place),
                Err(errno) => return Err(errno),
            };
            let next = self.route(&path::join(point, &resolved))?;
            let arrived = next.volume.as_ref().is_none_or(|(next, _)| next == point);
            place = Place {
                wants_folder: place.wants_folder,
                ends_in_dots: place.ends_in_dots,
                ..next
            };
            if arrived {
                return Ok(place);
            }
        }
        Err(Errno::Loop)
    }
}

/// A walk along a path.
#[derive(Default)]
struct Cursor {
    /// Where it is, normalised as text.
    path: String,
    /// The guest path of the volume it's in.
    point: Option<String>,
    /// The path from that volume's top, `..` kept.
    inside: String,
    /// How far below the top it is, as text.
    depth: usize,
}

impl Cursor {
    fn enter(&mut self, path: String, is_volume: bool) {
        self.point = is_volume.then(|| path.clone());
        self.path = path;
        self.inside.clear();
        self.depth = 0;
    }

    fn down(&mut self, name: &str, table: &Table) {
        if !self.path.ends_with('/') {
            self.path.push('/');
        }
        self.path.push_str(name);
        if table.volumes.contains_key(&self.path) {
            let path = std::mem::take(&mut self.path);
            return self.enter(path, true);
        }
        self.push(name);
        self.depth += 1;
    }

    fn up(&mut self, table: &Table) {
        path::pop(&mut self.path);
        if self.depth > 0 {
            self.push("..");
            self.depth -= 1;
            return;
        }
        // Out of the volume: which one the parent is in is known from its text.
        let path = std::mem::take(&mut self.path);
        match table.point_of(&path).map(str::to_owned) {
            None => self.enter(path, false),
            Some(point) => {
                let rest = path[point.len()..].trim_start_matches('/').to_owned();
                self.enter(point, true);
                self.depth = path::names(&rest).count();
                self.inside = rest;
                self.path = path;
            }
        }
    }

    fn push(&mut self, name: &str) {
        if !self.inside.is_empty() {
            self.inside.push('/');
        }
        self.inside.push_str(name);
    }
}
