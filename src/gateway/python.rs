//! The Python interpreter's command line, as far as the interpreter need not
//! read it itself: what it names is given to one that waits for a program.

use crate::{Mount, Program};
use cap_std::{ambient_authority, fs::Dir};
use std::{
    io::Read,
    path::{Path, PathBuf},
};

/// Bytes of a script that is read for the guest: as much as `fs` reads at most,
/// by default.
const MAX_SCRIPT: u64 = 10 << 20;

/// What `words`, the interpreter's arguments with its name first, have it run.
/// `None` for what it had better find out itself: other options, a program on
/// stdin, a script that is not in `mounts`.
pub(super) fn program(words: &[String], mounts: &[Mount]) -> Option<Program> {
    let mut words = words.iter().skip(1);
    // Neither changes what a program that is given so does.
    let mut first = words.next()?;
    while ["-B", "-u"].contains(&first.as_str()) {
        first = words.next()?;
    }
    let program = match first.as_str() {
        "-c" => Program::code(words.next()?.as_str()),
        "-m" => Program::module(words.next()?),
        option if option.starts_with('-') => return None,
        script => {
            let (source, host) = read(script, mounts)?;
            Program::script(script, source).host_path(host)
        }
    };
    Some(program.args(words.map(String::as_str)))
}

/// The file at the guest path `script`, and where it lies on the host. It is
/// opened as the guest would: nothing leads out of the mount.
fn read(script: &str, mounts: &[Mount]) -> Option<(Vec<u8>, PathBuf)> {
    let script = script.strip_prefix('/').unwrap_or(script);
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    if !script.split('/').all(is_plain) {
        return None;
    }
    let below = |mount: &Mount| {
        let point = mount.guest.trim_matches('/');
        let rest = Path::new(script).strip_prefix(point).ok()?;
        Some((point.len(), rest.to_owned()))
    };
    let covering = mounts
        .iter()
        .filter_map(|mount| Some((below(mount)?, mount)));
    // The innermost one is what the guest sees there; of two, the last.
    let ((_, rest), mount) = covering.max_by_key(|((length, _), _)| *length)?;
    let dir = Dir::open_ambient_dir(&mount.host, ambient_authority()).ok()?;
    // Opening a pipe would wait for whoever writes to it.
    if !dir.metadata(&rest).ok()?.is_file() {
        return None;
    }
    let mut source = Vec::new();
    let file = dir.open(&rest).ok()?;
    file.take(MAX_SCRIPT + 1).read_to_end(&mut source).ok()?;
    (source.len() as u64 <= MAX_SCRIPT).then(|| (source, mount.host.join(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MountMode, program::Entry};

    fn planned(line: &str, mounts: &[Mount]) -> Option<Program> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        program(&words, mounts)
    }

    fn mount(guest: &str, host: &Path) -> Mount {
        Mount {
            guest: guest.to_owned(),
            host: host.to_owned(),
            mode: MountMode::ReadOnly,
        }
    }

    #[test]
    fn scripts_in_mounts_modules_and_code() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("a folder");
        for (path, text) in [("a.py", "outer"), ("inner/a.py", "inner")] {
            std::fs::write(folder.path().join(path), text).expect("a file");
        }
        let mounts = [mount("/code", folder.path()), mount("/code/deep", &inner)];
        let script = planned("python -B -u /code/a.py x -y", &mounts).expect("a program");
        assert_eq!(script.entry, Entry::Script(b"outer".to_vec()));
        assert_eq!(script.name, "/code/a.py");
        assert_eq!(script.args, [b"x".to_vec(), b"-y".to_vec()]);
        let deep = planned("python code/deep/a.py", &mounts).expect("a program");
        assert_eq!(deep.entry, Entry::Script(b"inner".to_vec()));
        let module = planned("python -m json.tool x", &[]).expect("a program");
        assert_eq!(module.entry, Entry::Module("json.tool".to_owned()));
        assert_eq!(module.args, [b"x".to_vec()]);
        let code = planned("python -c pass", &[]).expect("a program");
        assert_eq!(code.entry, Entry::Code(b"pass".to_vec()));
    }

    #[test]
    fn the_interpreter_sees_to_the_rest() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.py"), "").expect("a file");
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("out.py")).expect("a link");
        let mounts = [mount("/code", folder.path())];
        assert!(planned("python /code/a.py", &mounts).is_some());
        for line in [
            "python",
            "python -",
            "python -i",
            "python -O /code/a.py",
            "python -m",
            "python /a.py",
            "python /code/../code/a.py",
            "python /code/none.py",
            "python /code",
            "python /code/out.py",
        ] {
            assert!(planned(line, &mounts).is_none(), "{line}");
        }
    }
}
