//! What can be done with the files of the virtual root, by absolute guest
//! path; a relative one starts at `/`.

use wasmi_wasi::wasi_common::{
    SystemTimeSpec,
    file::{FileType, Filestat},
};

use super::{
    device::DeviceHandle,
    errno::Errno,
    path,
    root::Root,
    table::Place,
    volume::{Entry, Node, OpenGuard, OpenHow, Opened, device_id, virtual_stat},
};

impl Root {
    /// Opens a file or looks whether a folder may be opened.
    pub(crate) fn open(&self, path: &str, how: OpenHow) -> Result<Opened, Errno> {
        Ok(match self.open_node(path, how)? {
            Node::File(handle) => Opened::File(handle),
            Node::Device(file) => Opened::File(Box::new(DeviceHandle(file))),
            Node::Dir(_) => Opened::Dir,
        })
    }

    pub(super) fn open_node(&self, path: &str, how: OpenHow) -> Result<Node, Errno> {
        if how.directory && (how.create || how.exclusive || how.truncate) {
            return Err(Errno::Inval);
        }
        let place = self.place(path, how.follow)?;
        let guard = self.0.open.take(&place.path)?;
        if self.is_above(&place) {
            return self.open_above(how, guard);
        }
        let how = OpenHow {
            follow: how.follow || place.wants_folder,
            ..how
        };
        if place.wants_folder && (how.changes() || how.create) {
            let stat = self.stat_place(&place, true);
            return Err(match stat {
                Ok(stat) if stat.filetype != FileType::Directory => Errno::Notdir,
                Ok(_) if how.create && how.exclusive => Errno::Exist,
                Err(errno) if !(how.create && errno == Errno::Noent) => errno,
                _ => Errno::Isdir,
            });
        }
        if place.volume.is_none() {
            return Err(if how.create {
                self.refuse_creating(&place)
            } else {
                Errno::Noent
            });
        }
        let node = place
            .volume()?
            .open(&place.inside, how, guard)
            .map_err(|errno| self.explain(&place, errno, how.create))?;
        let folder_wanted = how.directory || place.wants_folder;
        match node {
            Node::Dir(_) if how.changes() => Err(Errno::Isdir),
            Node::File(_) | Node::Device(_) if folder_wanted => Err(Errno::Notdir),
            node => Ok(node),
        }
    }

    fn open_above(&self, how: OpenHow, guard: OpenGuard) -> Result<Node, Errno> {
        if how.create && how.exclusive {
            Err(Errno::Exist)
        } else if how.changes() || how.create {
            Err(Errno::Isdir)
        } else {
            Ok(Node::Dir(guard))
        }
    }

    /// The entries of a folder, sorted by name, without `.` and `..`.
    pub(crate) fn read_dir(&self, path: &str) -> Result<Vec<Entry>, Errno> {
        let place = self.place(path, true)?;
        let above = self.0.table.above(&place.path);
        let listed = place
            .volume()
            .and_then(|volume| volume.read_dir(&place.inside));
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(_) if above.is_some() => Vec::new(),
            Err(errno) => return Err(errno),
        };
        if let Some(above) = above {
            entries.retain(|entry| !above.names.contains(&entry.name));
            for name in &above.names {
                let place = self.route_below(&place.path, name)?;
                // A mounted file may have vanished from the host.
                let Ok(stat) = self.stat_place(&place, false) else {
                    continue;
                };
                entries.push(Entry {
                    name: name.clone(),
                    kind: stat.filetype,
                    inode: stat.inode,
                });
            }
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn route_below(&self, folder: &str, name: &str) -> Result<Place, Errno> {
        self.0.table.route(&path::join(folder, name))
    }

    /// What is known about a file.
    pub(crate) fn stat(&self, path: &str, follow: bool) -> Result<Filestat, Errno> {
        let place = self.place(path, follow)?;
        let follow = follow || place.wants_folder;
        let stat = self.stat_place(&place, follow)?;
        if place.wants_folder && stat.filetype != FileType::Directory {
            return Err(Errno::Notdir);
        }
        Ok(stat)
    }

    fn stat_place(&self, place: &Place, follow: bool) -> Result<Filestat, Errno> {
        let stat = place
            .volume()
            .and_then(|volume| volume.stat(&place.inside, follow));
        match (stat, self.0.table.above(&place.path)) {
            (Ok(stat), None) => Ok(stat),
            (Ok(stat), Some(_)) if stat.filetype == FileType::Directory => Ok(stat),
            (_, Some(above)) => Ok(virtual_stat(
                FileType::Directory,
                device_id::ROOT,
                above.inode,
            )),
            (Err(errno), None) => Err(errno),
        }
    }

    /// Makes a folder.
    pub(crate) fn create_dir(&self, path: &str) -> Result<(), Errno> {
        let place = self.place(path, false)?;
        if place.is_top() || self.is_above(&place) || place.ends_in_dots {
            return Err(Errno::Exist);
        }
        if place.volume.is_none() {
            return Err(self.refuse_creating(&place));
        }
        let made = place.volume()?.create_dir(trimmed(&place));
        made.map_err(|errno| self.explain(&place, errno, true))
    }

    /// Removes an empty folder.
    pub(crate) fn remove_dir(&self, path: &str) -> Result<(), Errno> {
        let place = self.removable(path)?;
        if place.ends_in_dots {
            return Err(Errno::Inval);
        }
        place.volume()?.remove_dir(&place.inside)
    }

    /// Removes a file or a symbolic link.
    pub(crate) fn remove_file(&self, path: &str) -> Result<(), Errno> {
        let place = self.place(path, false)?;
        if place.wants_folder || place.is_top() || self.is_above(&place) {
            let is_folder = self.stat_place(&place, false)?.filetype == FileType::Directory;
            return Err(match (is_folder, place.wants_folder) {
                (true, _) => Errno::Isdir,
                (false, true) => Errno::Notdir,
                (false, false) => Errno::Busy,
            });
        }
        place.volume()?.remove_file(&place.inside)
    }

    /// Renames or moves within one volume.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        let from = self.removable(from)?;
        let to = self.removable_or_new(to)?;
        if from.ends_in_dots || to.ends_in_dots {
            return Err(Errno::Inval);
        }
        let kind = self.stat_place(&from, false)?.filetype;
        if (from.wants_folder || to.wants_folder) && kind != FileType::Directory {
            return Err(Errno::Notdir);
        }
        let volume = from.shared_volume(&to)?;
        volume.rename(&from.inside, &to.inside)
    }

    /// Gives a file another name within one volume.
    pub(crate) fn hard_link(&self, from: &str, to: &str) -> Result<(), Errno> {
        let from = self.place(from, false)?;
        let to = self.place(to, false)?;
        let kind = self.stat_place(&from, false)?.filetype;
        if kind == FileType::Directory {
            return Err(Errno::Perm);
        }
        if from.wants_folder {
            return Err(Errno::Notdir);
        }
        if to.is_top() || self.is_above(&to) {
            return Err(Errno::Exist);
        }
        if to.wants_folder {
            return Err(Errno::Noent);
        }
        from.shared_volume(&to)?.hard_link(&from.inside, &to.inside)
    }

    /// Makes a symbolic link at `path`. The target must be relative and stay
    /// in the mount.
    pub(crate) fn symlink(&self, target: &str, path: &str) -> Result<(), Errno> {
        path::check(target)?;
        let place = self.place(path, false)?;
        if place.is_top() || self.is_above(&place) {
            return Err(Errno::Exist);
        }
        if place.wants_folder {
            return Err(Errno::Noent);
        }
        if place.volume.is_none() {
            return Err(self.refuse_creating(&place));
        }
        let made = place.volume()?.symlink(target, &place.inside);
        made.map_err(|errno| self.explain(&place, errno, true))
    }

    /// The target of a symbolic link.
    pub(crate) fn read_link(&self, path: &str) -> Result<String, Errno> {
        let place = self.place(path, false)?;
        if place.is_top() || place.wants_folder || self.is_above(&place) {
            self.stat_place(&place, false)?;
            return Err(Errno::Inval);
        }
        place.volume()?.read_link(&place.inside)
    }

    /// Sets the times given.
    pub(crate) fn set_times(
        &self,
        path: &str,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
        follow: bool,
    ) -> Result<(), Errno> {
        let place = self.place(path, follow)?;
        let follow = follow || place.wants_folder;
        match (&place.volume, self.0.table.above(&place.path)) {
            (None, None) => Err(Errno::Noent),
            (None, Some(_)) => Err(Errno::Rofs),
            (Some((_, volume)), above) => volume
                .set_times(&place.inside, atime, mtime, follow)
                .map_err(|errno| match above {
                    Some(_) if errno == Errno::Noent => Errno::Rofs,
                    _ => errno,
                }),
        }
    }

    fn place(&self, path: &str, follow: bool) -> Result<Place, Errno> {
        self.0.table.place(path, follow)
    }

    /// Whether the place is a folder that exists only because there are mounts
    /// below it: its volume has no folder there.
    fn is_above(&self, place: &Place) -> bool {
        self.0.table.above(&place.path).is_some()
            && !place
                .volume()
                .and_then(|volume| volume.stat(&place.inside, true))
                .is_ok_and(|stat| stat.filetype == FileType::Directory)
    }

    /// The place of something that is to be removed or moved.
    fn removable(&self, path: &str) -> Result<Place, Errno> {
        let place = self.removable_or_new(path)?;
        if place.volume.is_none() {
            return Err(Errno::Noent);
        }
        Ok(place)
    }

    /// Mount points, and the folders above them, stay where they are.
    fn removable_or_new(&self, path: &str) -> Result<Place, Errno> {
        let place = self.place(path, false)?;
        if place.is_top() && place.volume.is_some() || self.0.table.above(&place.path).is_some() {
            return Err(Errno::Busy);
        }
        Ok(place)
    }

    /// Why nothing can be created at a place that no volume has: the folders
    /// above mounts are read-only, elsewhere is nothing.
    fn refuse_creating(&self, place: &Place) -> Errno {
        match path::split(&place.path) {
            Some((parent, _)) if self.0.table.above(parent).is_some() => Errno::Rofs,
            _ => Errno::Noent,
        }
    }

    /// Creating in a folder above mounts that its volume lacks.
    fn explain(&self, place: &Place, errno: Errno, creating: bool) -> Errno {
        if creating && errno == Errno::Noent {
            return self.refuse_creating(place);
        }
        errno
    }
}

/// The path inside the volume, without what cap-std would read as a folder.
fn trimmed(place: &Place) -> &str {
    place.inside.trim_end_matches('/')
}
