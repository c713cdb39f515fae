//! Which module answers which path.

use std::fmt;

/// What a route ends with that matches all below it.
const BELOW: &str = "/...";

/// Lines that a module's `_routes` may print: a table of more would be walked
/// for each request.
const MAX_ROUTES: usize = 1000;

/// An exact path, or a prefix that ends with `/...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route(String);

/// A line of the table that a module prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dynamic {
    /// The whole route, the module's own at its beginning.
    pub(crate) route: Route,
    /// The export that is called.
    pub(crate) entrypoint: String,
}

impl Route {
    /// A route as it is written.
    ///
    /// # Errors
    ///
    /// Says why it could never match.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let path = text.strip_suffix(BELOW).unwrap_or(text);
        let problem = if !text.starts_with('/') {
            "it must begin with /"
        } else if path.split('/').any(|part| part.contains("...")) {
            "... stands only behind the last slash, as in /path/..."
        } else if path.contains(['?', '#']) {
            "a query or fragment is not part of it; modules find QUERY_STRING in their environment"
        } else if path.contains(|letter: char| !letter.is_ascii_graphic()) {
            "paths come percent-encoded; write it so, as in /a%20b"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(format!("{text:?} matches nothing: {problem}"))
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without `/...`.
    pub(crate) fn base(&self) -> &str {
        self.0.strip_suffix(BELOW).unwrap_or(&self.0)
    }

    fn is_prefix(&self) -> bool {
        self.0.ends_with(BELOW)
    }

    /// What comes behind the route in `path`, if that matches.
    pub(crate) fn rest<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(self.base())?;
        let matches = rest.is_empty() || self.is_prefix() && rest.starts_with('/');
        matches.then_some(rest)
    }

    /// Whether it matches all that `other` matches.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.rest(other.base()).is_some() && (self.is_prefix() || !other.is_prefix())
    }

    /// The route `path` below this one.
    fn join(&self, path: &str) -> Result<Self, String> {
        let parent = self.base().trim_end_matches('/');
        Self::parse(&format!("{parent}/{}", path.trim_start_matches('/')))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The table that the module at `parent` printed, in the order in which it is
/// tried: the last line first.
///
/// # Errors
///
/// Says what is wrong with it.
pub(crate) fn parse_table(parent: &Route, printed: &[u8]) -> Result<Vec<Dynamic>, String> {
    let text = std::str::from_utf8(printed).map_err(|_| "it is no UTF-8".to_owned())?;
    let mut table = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |problem: &str| format!("line {}, {line:?}: {problem}", index + 1);
        let words: Vec<&str> = line.split_whitespace().collect();
        let (path, entrypoint) = match words[..] {
            [] => continue,
            [path, entrypoint] => (path, entrypoint.to_owned()),
            _ => return Err(wrong("a path and the name of a function are expected")),
        };
        if table.len() == MAX_ROUTES {
            return Err(wrong(&format!("there may be {MAX_ROUTES} routes")));
        }
        let route = parent.join(path).map_err(|problem| wrong(&problem))?;
        table.push(Dynamic { route, entrypoint });
    }
    if table.is_empty() {
        return Err("it is empty; print a path and the name of a function on each line".to_owned());
    }
    table.reverse();
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(text: &str) -> Route {
        Route::parse(text).expect(text)
    }

    #[test]
    fn r1_an_exact_route_matches_only_itself() {
        assert_eq!(route("/foo").rest("/foo"), Some(""));
        for path in ["/foo/", "/foobar", "/fo", "/", "/foo/a"] {
            assert_eq!(route("/foo").rest(path), None, "{path}");
        }
        assert_eq!(route("/foo/").rest("/foo"), None);
        assert_eq!(route("/foo/").rest("/foo/"), Some(""));
        assert_eq!(route("/").rest("/"), Some(""));
        assert_eq!(route("/").rest("/a"), None);
    }

    #[test]
    fn r2_a_prefix_matches_all_below() {
        for (path, rest) in [
            ("/foo", Some("")),
            ("/foo/", Some("/")),
            ("/foo/a/b", Some("/a/b")),
            ("/foobar", None),
            ("/", None),
        ] {
            assert_eq!(route("/foo/...").rest(path), rest, "{path}");
        }
        for path in ["/", "/a", "/a/b/", "/healthz"] {
            assert_eq!(route("/...").rest(path), Some(path));
        }
    }

    #[test]
    fn r3_what_an_earlier_route_covers() {
        for (earlier, later, covers) in [
            ("/a", "/a", true),
            ("/a", "/a/...", false),
            ("/a/...", "/a", true),
            ("/a/...", "/a/b/...", true),
            ("/a/...", "/ab", false),
            ("/...", "/x", true),
            ("/x", "/...", false),
        ] {
            assert_eq!(
                route(earlier).covers(&route(later)),
                covers,
                "{earlier} {later}"
            );
        }
    }

    #[test]
    fn routes_that_match_nothing_are_refused() {
        for wrong in [
            "",
            "foo",
            "...",
            "/a...",
            "/.../a",
            "/a/.../...",
            "/a?b",
            "/a#b",
            "/ä",
            "/a b",
        ] {
            assert!(Route::parse(wrong).is_err(), "{wrong}");
        }
    }

    fn table(parent: &str, printed: &str) -> Result<Vec<(String, String)>, String> {
        let table = parse_table(&route(parent), printed.as_bytes())?;
        let pair = |dynamic: Dynamic| (dynamic.route.as_str().to_owned(), dynamic.entrypoint);
        Ok(table.into_iter().map(pair).collect())
    }

    #[test]
    fn d2_a_path_and_an_entrypoint_a_line() {
        let pair = |route: &str, entrypoint: &str| (route.to_owned(), entrypoint.to_owned());
        // D4: the last comes first. D6: `_start` is an entrypoint like others.
        let expected = vec![pair("/p/b/...", "_start"), pair("/p/a", "one")];
        assert_eq!(
            table("/p", "/a one\n\n  /b/...\t_start  \r\n"),
            Ok(expected)
        );
        for wrong in ["", "\n \n", "/a\n", "/a b c\n", "/a b\n/.../c d\n"] {
            assert!(table("/p", wrong).is_err(), "{wrong:?}");
        }
        assert!(parse_table(&route("/p"), b"/\xff a\n").is_err());
        assert!(table("/p", &"/a b\n".repeat(MAX_ROUTES + 1)).is_err());
        assert_eq!(
            table("/p", &"/a b\n".repeat(MAX_ROUTES)).map(|table| table.len()),
            Ok(MAX_ROUTES)
        );
    }

    #[test]
    fn d3_paths_are_appended_to_the_modules_route() {
        for (parent, path, joined) in [
            ("/exactparent", "/exact", "/exactparent/exact"),
            (
                "/wildcardparent/...",
                "/wildcard/...",
                "/wildcardparent/wildcard/...",
            ),
            ("/trailing/", "/x", "/trailing/x"),
            ("/", "/x", "/x"),
            ("/...", "/x", "/x"),
            ("/p", "x", "/p/x"),
            ("/p/...", "/...", "/p/..."),
        ] {
            let expected = Ok(vec![(joined.to_owned(), "f".to_owned())]);
            assert_eq!(
                table(parent, &format!("{path} f")),
                expected,
                "{parent} {path}"
            );
        }
    }
}
