//! A folder of installed packages, as installers leave it: each with a
//! `NAME-VERSION.dist-info` that records its files.

use super::requirement::canonical;
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Bytes of what describes a package. The longest have a README of some
/// hundred kilobytes in them.
const MAX_METADATA: u64 = 4 << 20;

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    /// As the package has it.
    pub(crate) name: String,
    pub(crate) version: String,
    /// The folder that describes it, below that of the packages.
    info: PathBuf,
}

impl Package {
    /// Whether `name` is this one's, however it is written.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        canonical(&self.name).is_some_and(|own| Some(own) == canonical(name))
    }

    /// Reads `info`, a folder in `folder`.
    fn read(folder: &Path, info: PathBuf) -> Option<Self> {
        let stem = info.to_str()?.strip_suffix(".dist-info")?;
        let (name, version) = stem.split_once('-')?;
        let mut package = Self {
            name: name.to_owned(),
            version: version.to_owned(),
            info: info.clone(),
        };
        let metadata = read_text(&folder.join(info).join("METADATA")).unwrap_or_default();
        for line in metadata.lines().take_while(|line| !line.is_empty()) {
            match line.split_once(':') {
                Some(("Name", name)) => package.name = name.trim().to_owned(),
                Some(("Version", version)) => package.version = version.trim().to_owned(),
                _ => {}
            }
        }
        Some(package)
    }

    /// Its files below `folder`, also what Python made of them. Nothing that is
    /// recorded to lie elsewhere is taken for one.
    fn files(&self, folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
        let record = read_text(&folder.join(&self.info).join("RECORD"))?;
        let mut files: BTreeSet<PathBuf> = record
            .lines()
            .map(|line| PathBuf::from(first_field(line)))
            .filter(|path| is_below(path))
            .collect();
        for path in files.clone() {
            files.extend(compiled(folder, &path));
        }
        for path in all_files(&folder.join(&self.info))? {
            files.insert(self.info.join(path));
        }
        // Neither through a link: whoever may write there could lead elsewhere.
        let root = folder.canonicalize()?;
        files.retain(|path| {
            let path = folder.join(path);
            let parent = path.parent().map(Path::canonicalize);
            path.symlink_metadata().is_ok()
                && matches!(parent, Some(Ok(parent)) if parent.starts_with(&root))
        });
        Ok(files)
    }
}

/// The packages in `folder`, by name; none where there is no folder.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<Package>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut packages = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.path().is_dir() {
            packages.extend(Package::read(folder, entry.file_name().into()));
        }
    }
    packages.sort_by_cached_key(|package| package.name.to_lowercase());
    Ok(packages)
}

/// Removes `package` from `folder`, and the folders that are empty then.
#[cfg(feature = "cli")]
pub(crate) fn remove(folder: &Path, package: &Package) -> io::Result<()> {
    let files = package.files(folder)?;
    for file in &files {
        fs::remove_file(folder.join(file))?;
    }
    remove_empty(folder, &files);
    Ok(())
}

/// Moves all files of `new` into `folder`, in place of other versions of the
/// packages there. When it fails, `folder` is what it was. What was replaced is
/// in `trash` then.
pub(super) fn move_in(folder: &Path, new: &Path, trash: &Path) -> io::Result<()> {
    let packages = list(new)?;
    let mut old = BTreeSet::new();
    for package in list(folder)? {
        if packages.iter().any(|new| new.is_called(&package.name)) {
            old.extend(package.files(folder)?);
        }
    }
    let mut moves = Moves::default();
    let moved = (|| {
        for file in &old {
            moves.rename(&folder.join(file), &trash.join(file))?;
        }
        for file in all_files(new)? {
            let place = folder.join(&file);
            if place.symlink_metadata().is_ok() {
                moves.rename(&place, &trash.join("other").join(&file))?;
            }
            moves.rename(&new.join(&file), &place)?;
        }
        Ok(())
    })();
    match moved {
        Ok(()) => remove_empty(folder, &old),
        Err(_) => moves.undo(),
    }
    moved
}

/// What was moved, so that it can be moved back.
#[derive(Default)]
struct Moves {
    files: Vec<(PathBuf, PathBuf)>,
    folders: Vec<PathBuf>,
}

impl Moves {
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if let Some(parent) = to.parent() {
            self.make(parent)?;
        }
        fs::rename(from, to)?;
        self.files.push((from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn make(&mut self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.make(parent)?;
        }
        fs::create_dir(folder)?;
        self.folders.push(folder.to_owned());
        Ok(())
    }

    fn undo(&self) {
        for (from, to) in self.files.iter().rev() {
            // What can't be moved back can't be helped.
            let _ = fs::rename(to, from);
        }
        for folder in self.folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Every file below `folder`, relative to it.
pub(super) fn all_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(path) = folders.pop() {
        for entry in fs::read_dir(folder.join(&path))? {
            let entry = entry?;
            let path = path.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Removes those of the folders above `files` that are empty, up to `folder`.
fn remove_empty(folder: &Path, files: &BTreeSet<PathBuf>) {
    let parents: BTreeSet<&Path> = files
        .iter()
        .flat_map(|file| file.ancestors().skip(1))
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    // The deeper ones come later.
    for parent in parents.into_iter().rev() {
        // One that isn't empty stays.
        let _ = fs::remove_dir(folder.join(parent));
    }
}

/// What Python has compiled of a source file.
fn compiled(folder: &Path, source: &Path) -> Vec<PathBuf> {
    let is_source = source
        .extension()
        .is_some_and(|extension| extension == "py");
    let (Some(parent), Some(stem), true) = (source.parent(), source.file_stem(), is_source) else {
        return Vec::new();
    };
    let cache = parent.join("__pycache__");
    let prefix = format!("{}.", stem.to_string_lossy());
    let entries = fs::read_dir(folder.join(&cache)).into_iter().flatten();
    entries
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with(&prefix) && name.ends_with(".pyc")
        })
        .map(|name| cache.join(name))
        .collect()
}

/// Whether a recorded path stays below its folder.
fn is_below(path: &Path) -> bool {
    let mut components = path.components().peekable();
    components.peek().is_some()
        && components.all(|component| matches!(component, Component::Normal(_)))
}

/// The first field of a line of comma-separated values.
fn first_field(line: &str) -> String {
    match line.strip_prefix('"') {
        None => line.split(',').next().unwrap_or_default().to_owned(),
        Some(rest) => {
            let mut field = String::new();
            let mut characters = rest.chars().peekable();
            while let Some(character) = characters.next() {
                if character == '"' && characters.next_if_eq(&'"').is_none() {
                    break;
                }
                field.push(character);
            }
            field
        }
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let file = fs::File::open(path)?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, MAX_METADATA), &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        assert_eq!(first_field("a/b.py,sha256=x,12"), "a/b.py");
        assert_eq!(first_field(r#""a,""b"".py",x,1"#), r#"a,"b".py"#);
        assert_eq!(first_field(""), "");
        for (path, below) in [
            ("a/b", true),
            ("../a", false),
            ("/a", false),
            ("", false),
            ("a/../../b", false),
        ] {
            assert_eq!(is_below(Path::new(path)), below, "{path}");
        }
    }

    #[test]
    fn what_fails_changes_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let (folder, new, trash) = (
            dir.path().join("f"),
            dir.path().join("n"),
            dir.path().join("t"),
        );
        let write = |path: PathBuf, text: &str| {
            fs::create_dir_all(path.parent().expect("below")).expect("folders");
            fs::write(path, text).expect("a file");
        };
        write(folder.join("a.py"), "old");
        write(
            folder.join("a-1.dist-info/RECORD"),
            "a.py,,\na-1.dist-info/RECORD,,\n",
        );
        write(folder.join("z"), "a file where a folder has to be");
        write(new.join("a.py"), "new");
        write(new.join("a-2.dist-info/RECORD"), "a.py,,\n");
        write(new.join("z/b.py"), "new");
        let before = all_files(&folder).expect("files");
        move_in(&folder, &new, &trash).expect_err("z is a file");
        assert_eq!(all_files(&folder).expect("files"), before);
        assert_eq!(
            fs::read_to_string(folder.join("a.py")).expect("a.py"),
            "old"
        );
        fs::remove_file(folder.join("z")).expect("z");
        move_in(&folder, &new, &trash).expect("nothing is in the way");
        assert_eq!(
            fs::read_to_string(folder.join("a.py")).expect("a.py"),
            "new"
        );
        assert!(!folder.join("a-1.dist-info").exists());
        assert_eq!(list(&folder).expect("packages").len(), 1);
    }
}
