//! Guest paths: their limits, and arithmetic on their text.

use super::errno::Errno;

/// Bytes in a path, as Linux' `PATH_MAX`; longer ones only cost host work.
pub(crate) const PATH_BYTES: usize = 4096;

/// Bytes in one name of a path, as every common file system's limit.
pub(crate) const NAME_BYTES: usize = 255;

/// Refuses a path that no file can have, before anything looks at it.
///
/// The limits come before the content, so that the work is bounded.
pub(crate) fn check(path: &str) -> Result<(), Errno> {
    if path.len() > PATH_BYTES {
        return Err(Errno::Nametoolong);
    }
    if path.is_empty() {
        return Err(Errno::Noent);
    }
    if path.contains('\0') {
        return Err(Errno::Inval);
    }
    if path.split('/').any(|name| name.len() > NAME_BYTES) {
        return Err(Errno::Nametoolong);
    }
    Ok(())
}

/// The names of a path, without the empty ones and `.`.
pub(crate) fn names(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/')
        .filter(|name| !name.is_empty() && *name != ".")
}

/// Whether the path's text asks for a folder: it ends in `/`, `.` or `..`.
pub(crate) fn wants_folder(path: &str) -> bool {
    path.ends_with('/') || ends_in_dots(path)
}

/// Whether the path's last name is `.` or `..`.
pub(crate) fn ends_in_dots(path: &str) -> bool {
    matches!(
        path.trim_end_matches('/').rsplit('/').next(),
        Some("." | "..")
    )
}

/// `folder/name`, where the folder may be `/`.
pub(crate) fn join(folder: &str, rest: &str) -> String {
    let mut path = String::with_capacity(folder.len() + rest.len() + 1);
    path.push_str(folder);
    if !path.ends_with('/') {
        path.push('/');
    }
    path.push_str(rest);
    path
}

/// Parent and last name of a normalised absolute path other than `/`.
pub(crate) fn split(path: &str) -> Option<(&str, &str)> {
    let (parent, name) = path.rsplit_once('/')?;
    if name.is_empty() {
        return None;
    }
    Some((if parent.is_empty() { "/" } else { parent }, name))
}

/// Removes the last name of a normalised absolute path; `/` stays.
pub(crate) fn pop(path: &mut String) {
    let end = path.rfind('/').unwrap_or(0);
    path.truncate(end.max(1));
}

/// Whether the relative `path` climbs above its start at any point, read as
/// text.
pub(crate) fn climbs(path: &str) -> bool {
    let mut depth = 0usize;
    names(path).any(|name| {
        if name != ".." {
            depth += 1;
            return false;
        }
        match depth.checked_sub(1) {
            Some(less) => depth = less,
            None => return true,
        }
        false
    })
}

/// Whether a symbolic link in a folder `depth` levels below its mount's top
/// stays in the mount, whatever other links do.
///
/// Only leading `..`s count for sure: behind a name, which may itself be a
/// link, `..` can mean any folder.
pub(crate) fn link_stays_inside(target: &str, depth: usize) -> bool {
    if target.starts_with('/') {
        return false;
    }
    let ups = names(target).take_while(|name| *name == "..").count();
    ups <= depth && names(target).skip(ups).all(|name| name != "..")
}

/// A mount's guest path in the one form the table knows: absolute, no empty
/// names, no trailing slash. `Err` says what is wrong with it.
pub(crate) fn mount_point(path: &str) -> Result<String, &'static str> {
    if !path.starts_with('/') {
        return Err("it must be absolute, like /data");
    }
    if names(path).any(|name| name == "..") {
        return Err("it must not contain `..`");
    }
    check(path).map_err(|_| "it is too long or contains a NUL byte")?;
    let mut point = String::with_capacity(path.len());
    for name in names(path) {
        point.push('/');
        point.push_str(name);
    }
    if point.is_empty() {
        point.push('/');
    }
    Ok(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(check(""), Err(Errno::Noent));
        assert_eq!(check("a\0b"), Err(Errno::Inval));
        assert_eq!(check(&"n".repeat(255)), Ok(()));
        assert_eq!(check(&"n".repeat(256)), Err(Errno::Nametoolong));
        assert_eq!(check(&"n/".repeat(2048)), Ok(()));
        assert_eq!(check(&"n/".repeat(2049)), Err(Errno::Nametoolong));
    }

    #[test]
    fn text() {
        for path in ["a/", "a/.", "a/..", ".", "..", "/", "a/./"] {
            assert!(wants_folder(path), "{path}");
        }
        assert!(!wants_folder("a/.b"));
        assert!(!ends_in_dots("a/") && ends_in_dots("a/./") && !ends_in_dots("/"));
        assert_eq!(split("/a/b"), Some(("/a", "b")));
        assert_eq!(split("/a"), Some(("/", "a")));
        assert_eq!(split("/"), None);
        let mut path = "/a/b".to_owned();
        pop(&mut path);
        assert_eq!(path, "/a");
        pop(&mut path);
        pop(&mut path);
        assert_eq!(path, "/");
        assert_eq!(join("/", "a"), "/a");
        assert_eq!(join("/m", "a"), "/m/a");
        assert!(climbs("..") && climbs("a/../../b") && !climbs("a/../b/."));
    }

    #[test]
    fn links() {
        assert!(link_stays_inside("a/b", 0));
        assert!(link_stays_inside("../a", 1));
        assert!(!link_stays_inside("../a", 0));
        assert!(!link_stays_inside("/a", 9));
        // `a` may be a link to `.`, then this climbs further than it looks.
        assert!(!link_stays_inside("a/../b", 9));
    }

    #[test]
    fn mount_points() {
        assert_eq!(mount_point("//a/./b/").as_deref(), Ok("/a/b"));
        assert_eq!(mount_point("/").as_deref(), Ok("/"));
        assert!(mount_point("a").is_err());
        assert!(mount_point("").is_err());
        assert!(mount_point("/a/../b").is_err());
        assert!(mount_point("/a\0").is_err());
    }
}
