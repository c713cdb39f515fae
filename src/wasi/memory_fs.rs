//! The private `/tmp`: files and folders in the host's memory, under a quota.
//!
//! No symbolic and no hard links. A file that is removed while open goes on
//! until its last handle is closed, as `tempfile` expects.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use wasmi_wasi::wasi_common::{
    SystemTimeSpec,
    file::{FileType, Filestat},
};

use super::{
    errno::Errno,
    memory_file::{Content, MemoryHandle},
    path,
    volume::{Clock, Entry, Node as Found, OpenGuard, OpenHow, Volume, device_id},
};

/// Files and folders that may exist at once: each costs the host some hundred
/// bytes that the byte quota doesn't count.
pub(crate) const ENTRIES: usize = 65_536;

const TOP: u64 = 1;

/// A file tree in memory.
#[derive(Clone)]
pub(crate) struct MemoryFs(Arc<Mutex<State>>);

pub(super) struct State {
    nodes: HashMap<u64, Node>,
    next_inode: u64,
    /// Bytes that all files hold together, removed but open ones included.
    pub(super) used: u64,
    pub(super) quota: u64,
    clock: Clock,
}

#[derive(Clone)]
pub(super) struct Node {
    pub(super) body: Body,
    /// The folder it's in; `None` once it is removed.
    parent: Option<u64>,
    open: usize,
    atime: SystemTime,
    mtime: SystemTime,
    ctime: SystemTime,
}

#[derive(Clone)]
pub(super) enum Body {
    File(Content),
    Folder(BTreeMap<String, u64>),
}

/// Where a path leads: an existing node, or a free name in a folder.
enum Place<'a> {
    Node { inode: u64, name: &'a str },
    Free { folder: u64, name: &'a str },
}

impl MemoryFs {
    /// An empty tree that takes up to `quota` bytes of content.
    pub(crate) fn new(quota: u64, clock: Clock) -> Self {
        let now = clock();
        let top = Node::new(Body::Folder(BTreeMap::new()), TOP, now);
        Self(Arc::new(Mutex::new(State {
            nodes: HashMap::from([(TOP, top)]),
            next_inode: TOP + 1,
            used: 0,
            quota,
            clock,
        })))
    }

    /// Takes timestamps from `clock` from now on, also the top folder's.
    pub(crate) fn set_clock(&self, clock: Clock) {
        let now = clock();
        let mut state = self.lock();
        state.clock = clock;
        if let Ok(top) = state.node(TOP) {
            (top.atime, top.mtime, top.ctime) = (now, now, now);
        }
    }

    /// Has what `other` has, in place of what it had. Nothing may be open in
    /// either.
    pub(super) fn copy_from(&self, other: &Self) {
        let other = other.lock();
        let mut state = self.lock();
        state.nodes.clone_from(&other.nodes);
        state.next_inode = other.next_inode;
        state.used = other.used;
    }

    /// The first name in the top folder.
    pub(super) fn first(&self) -> Option<String> {
        match &self.lock().nodes.get(&TOP)?.body {
            Body::Folder(names) => names.keys().next().cloned(),
            Body::File(_) => None,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    fn new(body: Body, parent: u64, now: SystemTime) -> Self {
        Self {
            body,
            parent: Some(parent),
            open: 0,
            atime: now,
            mtime: now,
            ctime: now,
        }
    }

    pub(super) fn file(&mut self) -> Result<&mut Content, Errno> {
        match &mut self.body {
            Body::File(content) => Ok(content),
            Body::Folder(_) => Err(Errno::Isdir),
        }
    }

    fn folder(&mut self) -> Result<&mut BTreeMap<String, u64>, Errno> {
        match &mut self.body {
            Body::Folder(names) => Ok(names),
            Body::File(_) => Err(Errno::Notdir),
        }
    }

    fn kind(&self) -> FileType {
        match self.body {
            Body::File(_) => FileType::RegularFile,
            Body::Folder(_) => FileType::Directory,
        }
    }

    pub(super) fn stat(&self, inode: u64) -> Filestat {
        Filestat {
            device_id: device_id::TMP,
            inode,
            filetype: self.kind(),
            nlink: self.parent.is_some().into(),
            size: match &self.body {
                Body::File(content) => content.len(),
                Body::Folder(names) => names.len() as u64,
            },
            atim: Some(self.atime),
            mtim: Some(self.mtime),
            ctim: Some(self.ctime),
        }
    }

    /// Notes that the content changed.
    pub(super) fn touch(&mut self, now: SystemTime) {
        (self.mtime, self.ctime) = (now, now);
    }

    /// Notes that the content was read, if nothing newer is known.
    pub(super) fn touch_read(&mut self, now: SystemTime) {
        self.atime = self.atime.max(now);
    }

    pub(super) fn set_times(
        &mut self,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
        now: SystemTime,
    ) {
        let time = |time| match time {
            SystemTimeSpec::SymbolicNow => now,
            SystemTimeSpec::Absolute(time) => time.into_std().max(SystemTime::UNIX_EPOCH),
        };
        self.atime = atime.map_or(self.atime, time);
        self.mtime = mtime.map_or(self.mtime, time);
        self.ctime = now;
    }
}

impl State {
    pub(super) fn now(&self) -> SystemTime {
        (self.clock)().max(SystemTime::UNIX_EPOCH)
    }

    pub(super) fn node(&mut self, inode: u64) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&inode).ok_or(Errno::Noent)
    }

    /// Finds where `path` leads from the top.
    fn place<'a>(&mut self, path: &'a str) -> Result<Place<'a>, Errno> {
        let mut place = Place::Node {
            inode: TOP,
            name: "",
        };
        for name in path::names(path) {
            let Place::Node { inode, .. } = place else {
                return Err(Errno::Noent);
            };
            let node = self.node(inode)?;
            let parent = node.parent.unwrap_or(TOP);
            let names = node.folder()?;
            place = match name {
                ".." => Place::Node {
                    inode: parent,
                    name: "",
                },
                name => match names.get(name) {
                    Some(&inode) => Place::Node { inode, name },
                    None => Place::Free {
                        folder: inode,
                        name,
                    },
                },
            };
        }
        Ok(place)
    }

    fn existing(&mut self, path: &str) -> Result<u64, Errno> {
        match self.place(path)? {
            Place::Node { inode, .. } => Ok(inode),
            Place::Free { .. } => Err(Errno::Noent),
        }
    }

    /// An existing entry that may be removed or moved: inode, folder, name.
    fn entry<'a>(&mut self, path: &'a str) -> Result<(u64, u64, &'a str), Errno> {
        match self.place(path)? {
            // The top, or a path that ends in `..`.
            Place::Node { name: "", .. } => Err(Errno::Busy),
            Place::Node { inode, name } => {
                let folder = self.node(inode)?.parent.ok_or(Errno::Noent)?;
                Ok((inode, folder, name))
            }
            Place::Free { .. } => Err(Errno::Noent),
        }
    }

    fn create(&mut self, folder: u64, name: &str, body: Body) -> Result<u64, Errno> {
        if self.nodes.len() >= ENTRIES {
            return Err(Errno::Nospc);
        }
        let (inode, now) = (self.next_inode, self.now());
        let parent = self.node(folder)?;
        parent.folder()?.insert(name.to_owned(), inode);
        parent.touch(now);
        self.next_inode += 1;
        self.nodes.insert(inode, Node::new(body, folder, now));
        Ok(inode)
    }

    /// Takes a name out of its folder; the node goes once it isn't open.
    fn detach(&mut self, inode: u64, folder: u64, name: &str) -> Result<(), Errno> {
        let now = self.now();
        let parent = self.node(folder)?;
        parent.folder()?.remove(name);
        parent.touch(now);
        let node = self.node(inode)?;
        node.parent = None;
        node.ctime = now;
        self.free_if_unused(inode);
        Ok(())
    }

    fn free_if_unused(&mut self, inode: u64) {
        let unused = self
            .nodes
            .get(&inode)
            .is_some_and(|node| node.parent.is_none() && node.open == 0);
        if !unused {
            return;
        }
        if let Some(Node {
            body: Body::File(content),
            ..
        }) = self.nodes.remove(&inode)
        {
            self.used = self.used.saturating_sub(content.len());
        }
    }

    /// A handle on `inode` went.
    pub(super) fn close(&mut self, inode: u64) {
        if let Ok(node) = self.node(inode) {
            node.open = node.open.saturating_sub(1);
        }
        self.free_if_unused(inode);
    }

    fn is_empty_folder(&mut self, inode: u64) -> Result<(), Errno> {
        if self.node(inode)?.folder()?.is_empty() {
            Ok(())
        } else {
            Err(Errno::Notempty)
        }
    }

    /// Whether `inode` is `folder` or one of the folders it's in.
    fn contains(&mut self, inode: u64, mut folder: u64) -> Result<bool, Errno> {
        while folder != inode {
            if folder == TOP {
                return Ok(false);
            }
            folder = self.node(folder)?.parent.ok_or(Errno::Noent)?;
        }
        Ok(true)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        let (moved, old_folder, old_name) = self.entry(from)?;
        let is_folder = self.node(moved)?.kind() == FileType::Directory;
        let (folder, name) = match self.place(to)? {
            Place::Free { folder, name } => (folder, name),
            Place::Node { .. } => {
                let (_, folder, name) = self.entry(to)?;
                (folder, name)
            }
        };
        if is_folder && self.contains(moved, folder)? {
            return Err(Errno::Inval);
        }
        if let Place::Node { inode, .. } = self.place(to)? {
            if inode == moved {
                return Ok(());
            }
            match (is_folder, self.node(inode)?.kind() == FileType::Directory) {
                (true, true) => self.is_empty_folder(inode)?,
                (false, false) => {}
                (true, false) => return Err(Errno::Notdir),
                (false, true) => return Err(Errno::Isdir),
            }
            self.detach(inode, folder, name)?;
        }
        let now = self.now();
        let parent = self.node(old_folder)?;
        parent.folder()?.remove(old_name);
        parent.touch(now);
        let parent = self.node(folder)?;
        parent.folder()?.insert(name.to_owned(), moved);
        parent.touch(now);
        let node = self.node(moved)?;
        node.parent = Some(folder);
        node.ctime = now;
        Ok(())
    }
}

impl Volume for MemoryFs {
    fn open(&self, path: &str, how: OpenHow, guard: OpenGuard) -> Result<Found, Errno> {
        let mut state = self.lock();
        let inode = match state.place(path)? {
            Place::Node { .. } if how.create && how.exclusive => return Err(Errno::Exist),
            Place::Node { inode, .. } => inode,
            Place::Free { folder, name } if how.create => {
                state.create(folder, name, Body::File(Content::default()))?
            }
            Place::Free { .. } => return Err(Errno::Noent),
        };
        if state.node(inode)?.kind() == FileType::Directory {
            return if how.changes() || how.create {
                Err(Errno::Isdir)
            } else {
                Ok(Found::Dir(guard))
            };
        }
        if how.truncate {
            state.resize(inode, 0)?;
        }
        state.node(inode)?.open += 1;
        Ok(Found::File(Box::new(MemoryHandle::new(
            self.clone(),
            inode,
            how,
            guard,
        ))))
    }

    fn stat(&self, path: &str, _follow: bool) -> Result<Filestat, Errno> {
        let mut state = self.lock();
        let inode = state.existing(path)?;
        Ok(state.node(inode)?.stat(inode))
    }

    fn read_dir(&self, path: &str) -> Result<Vec<Entry>, Errno> {
        let mut state = self.lock();
        let inode = state.existing(path)?;
        let names = state.node(inode)?.folder()?.clone();
        names
            .into_iter()
            .map(|(name, inode)| {
                let kind = state.node(inode)?.kind();
                Ok(Entry { name, kind, inode })
            })
            .collect()
    }

    fn create_dir(&self, path: &str) -> Result<(), Errno> {
        let mut state = self.lock();
        match state.place(path)? {
            Place::Node { .. } => Err(Errno::Exist),
            Place::Free { folder, name } => state
                .create(folder, name, Body::Folder(BTreeMap::new()))
                .map(drop),
        }
    }

    fn remove_dir(&self, path: &str) -> Result<(), Errno> {
        let mut state = self.lock();
        let (inode, folder, name) = state.entry(path)?;
        state.is_empty_folder(inode)?;
        state.detach(inode, folder, name)
    }

    fn remove_file(&self, path: &str) -> Result<(), Errno> {
        let mut state = self.lock();
        let (inode, folder, name) = state.entry(path)?;
        state.node(inode)?.file()?;
        state.detach(inode, folder, name)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        self.lock().rename(from, to)
    }

    fn hard_link(&self, _from: &str, _to: &str) -> Result<(), Errno> {
        Err(Errno::Notsup)
    }

    fn symlink(&self, _target: &str, _path: &str) -> Result<(), Errno> {
        Err(Errno::Notsup)
    }

    fn read_link(&self, path: &str) -> Result<String, Errno> {
        self.lock().existing(path)?;
        Err(Errno::Inval)
    }

    fn set_times(
        &self,
        path: &str,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
        _follow: bool,
    ) -> Result<(), Errno> {
        let mut state = self.lock();
        let (inode, now) = (state.existing(path)?, state.now());
        state.node(inode)?.set_times(atime, mtime, now);
        Ok(())
    }
}
