//! Where a module's code is.

use std::{
    fmt,
    path::{Path, PathBuf},
};
use url::Url;

/// What `module = "…"` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A file; a relative path is below the working directory, as Wagi has it.
    File(PathBuf),
}

impl Reference {
    /// A path or a `file:` URL.
    ///
    /// # Errors
    ///
    /// Says what is wrong with `text`, or why what it names is not served.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a file is expected, such as \"hello.wasm\"".to_owned());
        }
        let Some((scheme, rest)) = scheme(text) else {
            return Ok(Self::File(text.into()));
        };
        match scheme.to_ascii_lowercase().as_str() {
            // Not a URL's form, but what people write for a relative path.
            "file" if !rest.starts_with('/') => Ok(Self::File(rest.into())),
            "file" => {
                let path = Url::parse(text).ok().and_then(|url| url.to_file_path().ok());
                path.map(Self::File).ok_or_else(|| {
                    format!("{text:?} names no file of this machine; write file:///PATH, or the path")
                })
            }
            "oci" | "bindle" | "parcel" => Err(format!(
                "{scheme}: references are not supported; fetch the module with its own tools and \
                 give the path of the file"
            )),
            "http" | "https" => Err(
                "modules are not fetched from the network; download it and give the path of the file"
                    .to_owned(),
            ),
            _ => Err(format!(
                "the scheme {scheme}: is not supported; give the path of a file, or a file: URL"
            )),
        }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        let Self::File(path) = self;
        path
    }
}

/// What stands before the first colon, if that is a scheme rather than a drive.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
        && !scheme.contains(std::path::MAIN_SEPARATOR);
    is_scheme.then_some((scheme, rest))
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m3_paths_and_file_urls() {
        for (text, path) in [
            ("a.wasm", "a.wasm"),
            ("./x/a.wat", "./x/a.wat"),
            ("/abs/a.py", "/abs/a.py"),
            ("dir/a:b.wasm", "dir/a:b.wasm"),
            ("file:///tmp/a%20b.wasm", "/tmp/a b.wasm"),
            ("file:/tmp/a.wasm", "/tmp/a.wasm"),
            ("file:a.wasm", "a.wasm"),
        ] {
            assert_eq!(
                Reference::parse(text),
                Ok(Reference::File(path.into())),
                "{text}"
            );
        }
    }

    #[test]
    fn m3_other_schemes_are_refused() {
        for (text, expected) in [
            ("oci:x/y:1", "oci: references are not supported"),
            ("bindle:x/y/1", "bindle: references are not supported"),
            ("https://example.com/a.wasm", "not fetched from the network"),
            ("s3:x", "the scheme s3: is not supported"),
            ("file://elsewhere/a.wasm", "names no file of this machine"),
            ("", "a file is expected"),
        ] {
            let problem = Reference::parse(text).expect_err(text);
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
