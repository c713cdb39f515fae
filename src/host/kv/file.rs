//! The file that `--kv-file` names.
//!
//! It is a [redb] database with one table. All of it is read when it is opened,
//! which the store's limits allow; what is written is on the disk when the call
//! that wrote it is answered.

use super::entries::{Entries, Text};
use crate::{Error, ErrorKind};
use redb::{Builder, Database, DatabaseError, ReadableTable, TableDefinition, TableHandle};
use std::{
    fs, io,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Keys and their values' JSON.
const TABLE: TableDefinition<'static, &str, &str> = TableDefinition::new("dormouse.kv.1");

/// Memory for pages of the file: all entries are in memory already.
const CACHE: usize = 1 << 20;

/// An open file, ours alone.
pub(super) struct KvFile(Database);

impl KvFile {
    /// Opens the file at `path`, or makes it; also gives what is in it. `None`
    /// while it is open elsewhere.
    pub(super) fn open(path: &Path) -> Result<Option<(Self, Entries)>, Error> {
        check_kind(path)?;
        if !path.exists() {
            make(path).map_err(|error| refusal(path, error))?;
        }
        let opened = Builder::new()
            .set_cache_size(CACHE)
            // A damaged file is found now, not when its damage is read.
            .set_check_integrity_on_open(true)
            .create(path);
        let file = match opened {
            Ok(database) => Self(database),
            Err(DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch) => {
                return Ok(None);
            }
            Err(error) => return Err(refusal(path, error)),
        };
        let entries = file.load().map_err(|error| refusal(path, error))?;
        let entries = entries.ok_or_else(|| {
            let what = "it is a database of something else, or holds more than a kv file may";
            named(path, what)
        })?;
        Ok(Some((file, entries)))
    }

    /// What is in it; `None` if that can't be ours.
    fn load(&self) -> Result<Option<Entries>, redb::Error> {
        let transaction = self.0.begin_write()?;
        let is_ours = |table: &redb::UntypedTableHandle| table.name() == TABLE.name();
        let is_new = transaction.list_tables()?.next().is_none();
        if !is_new && !transaction.list_tables()?.any(|table| is_ours(&table)) {
            transaction.abort()?;
            return Ok(None);
        }
        let mut entries = Entries::default();
        {
            let table = transaction.open_table(TABLE)?;
            for entry in table.iter()? {
                let (key, value) = entry?;
                let (key, value) = (key.value(), value.value());
                if entries.check(key, value).is_err() {
                    return Ok(None);
                }
                entries.put(key.to_owned(), Text::from(value));
            }
        }
        // Makes the table.
        if is_new {
            transaction.commit()?;
        } else {
            transaction.abort()?;
        }
        Ok(Some(entries))
    }

    /// Makes all of `changes`, in order, or none: `None` takes a key out. They
    /// are on the disk when this returns.
    pub(super) fn commit(&self, changes: &[(String, Option<Text>)]) -> Result<(), redb::Error> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for (key, value) in changes {
                match value {
                    Some(value) => table.insert(&**key, &**value)?,
                    None => table.remove(&**key)?,
                };
            }
        }
        Ok(transaction.commit()?)
    }
}

/// Only what can be a database is opened: a FIFO would hold us for ever.
fn check_kind(path: &Path) -> Result<(), Error> {
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(named(path, "it is a folder")),
        Ok(metadata) if !metadata.is_file() => Err(named(path, "it is not a regular file")),
        _ => Ok(()),
    }
}

/// Makes an empty file. It appears at `path` when it is whole: one that is
/// ended half-way would be no database.
fn make(path: &Path) -> Result<(), redb::Error> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{number}.part", std::process::id()));
    let part = path.with_file_name(name);
    // Of a process long gone that had our number.
    let _ = fs::remove_file(&part);
    let made = Builder::new().set_cache_size(CACHE).create(&part);
    let made = made.map(drop);
    // Where another run was faster, or there are no links, opening will do.
    let linked = made.is_ok() && fs::hard_link(&part, path).is_ok();
    let _ = fs::remove_file(&part);
    made?;
    if linked && let Some(folder) = path.parent() {
        sync_folder(folder);
    }
    Ok(())
}

/// Has the names in `folder` be on the disk, where the system can do that.
fn sync_folder(folder: &Path) {
    let is_here = folder.as_os_str().is_empty();
    let folder = if is_here { Path::new(".") } else { folder };
    let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
}

/// Why the file can't be opened, for whoever named it.
fn refusal(path: &Path, error: impl Into<redb::Error>) -> Error {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    let damaged = "it is no kv file, or damaged";
    match error.into() {
        redb::Error::Io(error) => {
            let what = match error.kind() {
                NotFound => "its folder does not exist; create it",
                UnexpectedEof | InvalidData => damaged,
                _ => &error.to_string(),
            };
            named(path, what).with_source(error)
        }
        error => named(path, damaged).with_source(error),
    }
}

/// An error about the file.
pub(super) fn named(path: &Path, what: &str) -> Error {
    let path = path.display();
    Error::new(
        ErrorKind::Grant,
        format!("the kv file {path} can't be opened: {what}"),
    )
}
