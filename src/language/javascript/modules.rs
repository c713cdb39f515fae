//! ES modules: what a specifier names, and its source.

use super::{
    answer,
    call::{Call, Failure},
    exports::pointer,
    file_calls::read_file,
    imports::broken,
    point,
    stream::Fail,
    url,
};
use crate::engine::Stop;
use wasmi_wasi::wasi_common::file::FileType;

/// Bytes of a module's name or of a specifier.
const MAX_NAME: usize = 8192;

/// `host_module_normalize`: the name of the module that `specifier` means in
/// the module `base`, in memory that the engine frees; 0 if there is none.
pub(super) fn normalize(call: &mut Call<'_>, base: i32, specifier: i32) -> Result<i32, Stop> {
    let base = read_name(call, base)?;
    let specifier = read_name(call, specifier)?;
    let name = resolve(call, &base, &specifier).and_then(|name| call.copy_in(name.as_bytes()));
    match name {
        Ok(at) => Ok(at),
        Err(failure) => answer::throw(call, failure).map(|()| 0),
    }
}

/// `host_module_load`: a module's source, in memory that the engine frees,
/// and its length at `len`; 0 if it can't be had.
pub(super) fn load(call: &mut Call<'_>, name: i32, len: i32) -> Result<i32, Stop> {
    let name = read_name(call, name)?;
    let source = source(call, &name).and_then(|source| {
        let at = call.copy_in(&source)?;
        let size = pointer(source.len()).to_le_bytes();
        let written = call.exports.write(&mut call.caller, len, &size);
        written.ok_or_else(|| broken("a length outside its memory"))?;
        Ok(at)
    });
    match source {
        Ok(at) => Ok(at),
        Err(failure) => answer::throw(call, failure).map(|()| 0),
    }
}

/// The NUL-terminated text at `at`.
fn read_name(call: &Call<'_>, at: i32) -> Result<String, Stop> {
    let memory = call.exports.memory.data(&call.caller);
    let bytes = memory
        .get(super::exports::address(at)..)
        .unwrap_or_default();
    let bytes = &bytes[..bytes.len().min(MAX_NAME)];
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => Ok(String::from_utf8_lossy(&bytes[..end]).into_owned()),
        // Too long to be found, and said so.
        None if bytes.len() == MAX_NAME => Ok(String::from_utf8_lossy(bytes).into_owned()),
        None => Err(broken("a name outside its memory")),
    }
}

fn resolve(call: &mut Call<'_>, base: &str, specifier: &str) -> Result<String, Failure> {
    let builtin = specifier.strip_prefix("qjs:").unwrap_or(specifier);
    if let "std" | "os" | "dormouse" = builtin {
        return Ok(format!("qjs:{builtin}"));
    }
    if specifier == point::MODULE {
        return Ok(specifier.to_owned());
    }
    let importer = call.data().file_of(base);
    let path = match url::to_path(specifier) {
        Some(path) => tidy(&path),
        None if specifier.starts_with('/') => tidy(specifier),
        None if is_relative(specifier) => {
            let folder = importer.rsplit_once('/').map_or("", |(folder, _)| folder);
            tidy(&format!("{folder}/{specifier}"))
        }
        None => {
            return Err(Failure::Error(format!(
                "Cannot find package '{specifier}' imported from {base}: programs can import \
                 'std', 'os', 'dormouse', and files by a path that begins with './', '../' or '/'"
            )));
        }
    };
    let stat = call.state().wasi().root().stat(&path, true);
    match stat {
        Ok(stat) if stat.filetype == FileType::Directory => Err(Failure::Error(format!(
            "Cannot import '{specifier}' from {base}: {path} is a folder; name a file in it"
        ))),
        Ok(_) => Ok(path),
        Err(_) => Err(Failure::Error(format!(
            "Cannot find module '{specifier}' imported from {base}: there is no {path} among the \
             program's files; only mounted folders are visible (--mount GUEST:HOST)"
        ))),
    }
}

fn is_relative(specifier: &str) -> bool {
    specifier == "."
        || specifier == ".."
        || specifier.starts_with("./")
        || specifier.starts_with("../")
}

/// An absolute path without `.`, `..` and repeated slashes.
pub(super) fn tidy(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

fn source(call: &mut Call<'_>, path: &str) -> Result<Vec<u8>, Failure> {
    if path == point::MODULE {
        return Ok(point::MODULE_SOURCE.as_bytes().to_vec());
    }
    let root = call.state().wasi().root().clone();
    let bytes = match read_file(&root, path) {
        Ok(bytes) => bytes,
        Err(Fail::Stop(stop)) => return Err(stop.into()),
        Err(Fail::Errno(errno)) => {
            return Err(Failure::Error(format!(
                "Cannot read module {path} (error number {errno})"
            )));
        }
    };
    let text = strip_mark(&bytes);
    if path.ends_with(".json") {
        return Ok(json_module(text));
    }
    Ok(with_meta(path, text))
}

/// Without a byte order mark.
pub(super) fn strip_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// A module whose default export is what the JSON text says.
fn json_module(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    // JSON strings are JavaScript strings. Their text is parsed by the guest,
    // so that what isn't JSON is an error there, and never code.
    let literal = serde_json::to_string(&text).unwrap_or_else(|_| "\"\"".to_owned());
    format!("export default JSON.parse({literal});").into_bytes()
}

/// The engine leaves `import.meta` empty: a module that uses it gets a first
/// statement, on its first line, that fills it.
fn with_meta(path: &str, text: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"import.meta";
    if !text.windows(NAME.len()).any(|window| window == NAME) {
        return text.to_vec();
    }
    let mut source = String::new();
    for (key, value) in meta(path) {
        let literal = serde_json::to_string(&value).unwrap_or_default();
        source.push_str(&format!("import.meta.{key}={literal};"));
    }
    let mut source = source.into_bytes();
    if text.starts_with(b"#!") {
        source.extend_from_slice(b"//");
    }
    source.extend_from_slice(text);
    source
}

/// What `import.meta` has, for a module at a guest path.
pub(super) fn meta(path: &str) -> [(&'static str, String); 3] {
    let folder = match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    };
    [
        ("url", url::of_path(path)),
        ("filename", path.to_owned()),
        ("dirname", folder.to_owned()),
    ]
}

impl super::Data {
    /// The guest path of the module or script that the engine calls `name`.
    /// A program from outside the guest's files counts as one in `/`.
    fn file_of(&self, name: &str) -> String {
        if name == self.main_name {
            return self.guest_path.clone().unwrap_or_else(|| "/".to_owned());
        }
        if name.starts_with('/') {
            name.to_owned()
        } else {
            "/".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{json_module, tidy, with_meta};

    #[test]
    fn paths_are_tidied() {
        assert_eq!(tidy("/app/./lib/../x.mjs"), "/app/x.mjs");
        assert_eq!(tidy("//a///b/"), "/a/b");
        assert_eq!(tidy("/../../x"), "/x");
        assert_eq!(tidy(""), "/");
    }

    #[test]
    fn only_modules_that_ask_get_their_meta() {
        assert_eq!(with_meta("/a.mjs", b"export {}"), b"export {}");
        let source = with_meta("/b c/a.mjs", b"#!x\nimport.meta");
        let source = String::from_utf8_lossy(&source);
        assert!(
            source.starts_with("import.meta.url=\"file:///b%20c/a.mjs\";"),
            "{source}"
        );
        assert!(
            source.ends_with("import.meta.dirname=\"/b c\";//#!x\nimport.meta"),
            "{source}"
        );
    }

    #[test]
    fn json_is_never_code() {
        let source = json_module(b"1); evil(\"");
        assert_eq!(source, b"export default JSON.parse(\"1); evil(\\\"\");");
    }
}
