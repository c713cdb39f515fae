//! `modules.toml`: what is served, under which routes.
//!
//! The format is Wagi's, with keys of our own: `environment`, `timeout`,
//! `memory`, `max_output`, `kv` and `packages`.

use super::{
    fields::{self, Fields},
    reference::Reference,
    report::{Place, Placed, Report},
    routes::Route,
};
use crate::{Kv, Mount};
use std::{path::PathBuf, time::Duration};
use toml::de::{DeTable, DeValue};

/// Bytes of a `modules.toml`: some ten thousand modules.
pub(crate) const MAX_FILE: u64 = 4 << 20;

/// One `[[module]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) route: Placed<Route>,
    pub(crate) reference: Placed<Reference>,
    pub(crate) entrypoint: Option<Placed<String>>,
    pub(crate) argv: Option<String>,
    pub(crate) volumes: Vec<Placed<Mount>>,
    pub(crate) hosts: Vec<String>,
    pub(crate) http_concurrency: Option<usize>,
    pub(crate) environment: Vec<(String, String)>,
    /// The inner is none for no limit.
    pub(crate) timeout: Option<Option<Duration>>,
    pub(crate) memory: Option<u64>,
    pub(crate) max_output: Option<u64>,
    pub(crate) kv: Kv,
    pub(crate) packages: Option<PathBuf>,
}

/// What `text` lists; what is wrong with it is in `report`.
pub(crate) fn parse(text: &str, report: &mut Report) -> Vec<Module> {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map(|span| Place::of(text, span.start));
        report.error(at, error.message().replace('\n', "; "));
    }
    if report.has_errors() {
        return Vec::new();
    }
    let mut modules: Vec<Module> = Vec::new();
    let mut top = Fields::new(text, root.get_ref(), report);
    let (listed, at) = match top.take("module") {
        None => (Vec::new(), None),
        Some(value) => match value.get_ref() {
            DeValue::Array(tables) => (tables.iter().collect(), None),
            _ => (Vec::new(), Some(top.place(value))),
        },
    };
    top.ignore_others();
    if let Some(at) = at {
        report.error(at, "modules are a list: begin each with a line [[module]]");
    } else if listed.is_empty() {
        // Most likely it is still being written.
        report.error(None, "no module is listed: begin each with [[module]]");
    }
    for item in listed {
        let at = Place::of(text, item.span().start);
        let DeValue::Table(table) = item.get_ref() else {
            report.error(at, "a module is a table: begin it with a line [[module]]");
            continue;
        };
        if let Some(module) = module(Fields::new(text, table, report), at) {
            check_route(&module.route, &modules, report);
            modules.push(module);
        }
    }
    modules
}

/// One table of the list, which begins `at`.
fn module(mut fields: Fields<'_, '_>, at: Place) -> Option<Module> {
    let route = fields.required("route", at, Route::parse);
    let reference = fields.required("module", at, Reference::parse);
    let entrypoint = fields.parsed("entrypoint", fields::name);
    let argv = fields.parsed("argv", |text| Ok(text.to_owned()));
    let volumes = fields.volumes("volumes");
    let hosts = fields.texts("allowed_hosts");
    let http_concurrency = fields.count("http_max_concurrency");
    let environment = fields.environment("environment");
    let timeout = fields.duration("timeout");
    let memory = fields.size("memory");
    let max_output = fields.size("max_output");
    let kv = fields.kv("kv");
    let packages = fields.parsed("packages", fields::path);
    fields.ignore_others();
    Some(Module {
        route: route?,
        reference: reference?,
        entrypoint,
        argv: argv.map(|argv| argv.value),
        volumes,
        hosts,
        http_concurrency,
        environment,
        timeout,
        memory,
        max_output,
        kv,
        packages: packages.map(|packages| packages.value),
    })
}

/// The first match wins: what comes later with the same route is never reached.
fn check_route(route: &Placed<Route>, before: &[Module], report: &mut Report) {
    let same = |module: &&Module| module.route.value == route.value;
    let covers = |module: &&Module| module.route.value.covers(&route.value);
    let earlier = before.iter().find(same).or(before.iter().find(covers));
    let Some(earlier) = earlier else {
        return;
    };
    let line = earlier.route.at.line;
    if earlier.route.value == route.value {
        let message = format!(
            "the route {} is listed on line {line} already; remove one of the two",
            route.value
        );
        report.error(route.at, message);
    } else {
        let message = format!(
            "{} is never reached: {} on line {line} matches first; move it up",
            route.value, earlier.route.value
        );
        report.warning(route.at, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MountMode;
    use std::path::Path;

    /// What is listed, and what is said about it.
    fn read(text: &str) -> (Vec<Module>, Vec<String>) {
        let mut report = Report::new(Path::new("m.toml"));
        let modules = parse(text, &mut report);
        let lines = report.lines().into_iter().map(|(_, line)| line).collect();
        (modules, lines)
    }

    /// A module with the line `line`, and what is said about it.
    fn with(line: &str) -> (Module, Vec<String>) {
        let text = format!("[[module]]\nroute = '/'\nmodule = 'a.wasm'\n{line}\n");
        let (mut modules, lines) = read(&text);
        (modules.pop().expect("it is listed"), lines)
    }

    #[test]
    fn m1_unknown_keys_are_ignored_with_a_warning() {
        let (modules, lines) =
            read("default_host = 'x'\n[[module]]\nroute = '/'\nmodul = 1\nmodule = 'a.wasm'\n");
        assert_eq!(modules.len(), 1);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("m.toml:1:1: warning: unknown key \"default_host\""),
            "{lines:?}"
        );
        assert!(
            lines[1].starts_with("m.toml:4:1: warning: unknown key \"modul\""),
            "{lines:?}"
        );
    }

    #[test]
    fn m1_what_is_wrong_is_said_with_its_place() {
        for (text, expected) in [
            ("[[module]\n", "m.toml:1:10: error: "),
            (
                "[[module]]\nmodule = 'a.wasm'\n",
                "m.toml:1:1: error: route is missing",
            ),
            (
                "\n[[module]]\nroute = '/'\n",
                "m.toml:2:1: error: module is missing",
            ),
            (
                "[[module]]\nroute = 7\nmodule = 'a.wasm'\n",
                "m.toml:2:9: error: route is an integer",
            ),
            (
                "[[module]]\nroute = '/'\nroute = '/'\nmodule = 'a'\n",
                "m.toml:3:1: error: duplicate key",
            ),
            (
                "[module]\nroute = '/'\n",
                "m.toml:1:1: error: modules are a list",
            ),
            ("module = [1]\n", "m.toml:1:11: error: a module is a table"),
        ] {
            let (_, lines) = read(text);
            assert!(
                lines.iter().any(|line| line.starts_with(expected)),
                "{text}: {lines:?}"
            );
        }
    }

    #[test]
    fn m3_m4_m5_what_is_run() {
        let (module, lines) = with("entrypoint = 'hi'\nargv = 'a ${ARGS}'");
        assert_eq!(lines, [""; 0]);
        assert_eq!(module.entrypoint.expect("one").value, "hi");
        assert_eq!(module.argv.as_deref(), Some("a ${ARGS}"));
        assert_eq!(module.reference.value, Reference::File("a.wasm".into()));
    }

    #[test]
    fn m6_volumes() {
        let (module, lines) = with("volumes = {'/a' = 'x', '/b' = 'y:ro', 'c' = 'z', '/d' = 1}");
        let mounts: Vec<_> = module
            .volumes
            .iter()
            .map(|volume| {
                let mount = &volume.value;
                (
                    mount.guest.as_str(),
                    mount.host.to_str().expect("text"),
                    mount.mode,
                )
            })
            .collect();
        // As Wagi has it, unless said otherwise.
        assert_eq!(
            mounts,
            [
                ("/a", "x", MountMode::ReadWriteCreate),
                ("/b", "y", MountMode::ReadOnly),
                ("/c", "z", MountMode::ReadWriteCreate),
            ]
        );
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("m.toml:4:57: error: "), "{lines:?}");
    }

    #[test]
    fn m7_hosts() {
        let (module, lines) =
            with("allowed_hosts = ['https://example.com', 'a.b:81']\nhttp_max_concurrency = 3");
        assert_eq!(lines, [""; 0]);
        assert_eq!(module.hosts, ["example.com", "a.b:81"]);
        assert_eq!(module.http_concurrency, Some(3));
        let (_, lines) = with("allowed_hosts = 'example.com'\nhttp_max_concurrency = 0");
        assert_eq!(lines.len(), 2, "{lines:?}");
    }

    #[test]
    fn m8_keys_beyond_wagi() {
        let (module, lines) = with(
            "environment = {A = 'b', N = 7, T = true}\ntimeout = '2s'\nmemory = '64mb'\n\
             max_output = 1000\nkv = true\npackages = 'p'",
        );
        assert_eq!(lines, [""; 0]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            module.environment,
            [pair("A", "b"), pair("N", "7"), pair("T", "true")]
        );
        assert_eq!(module.timeout, Some(Some(Duration::from_secs(2))));
        assert_eq!(module.memory, Some(64 << 20));
        assert_eq!(module.max_output, Some(1000));
        assert_eq!(module.kv, Kv::Memory);
        assert_eq!(module.packages, Some("p".into()));
        let (module, _) = with("timeout = 0\nkv = 'values.kv'");
        assert_eq!(module.timeout, Some(None));
        assert_eq!(module.kv, Kv::File("values.kv".into()));
        for wrong in [
            "timeout = 'soon'",
            "timeout = -1",
            "memory = true",
            "memory = '1tb'",
            "kv = 1",
            "kv = ''",
            "environment = 1",
            "environment = {'' = 'x'}",
            "environment = {'A=' = 'x'}",
            "environment = {A = []}",
            "environment = {A = \"\\u0000\"}",
            "max_output = -1",
            "packages = ''",
            "entrypoint = ''",
        ] {
            let (_, lines) = with(wrong);
            assert!(
                lines.len() == 1
                    && lines[0].contains("m.toml:4:")
                    && lines[0].contains(": error: "),
                "{wrong}: {lines:?}"
            );
        }
    }

    #[test]
    fn r3_a_later_route_that_is_never_reached() {
        let list = |routes: [&str; 2]| {
            let one = |route: &str| format!("[[module]]\nroute = '{route}'\nmodule = 'a.wasm'\n");
            read(&routes.map(one).concat()).1
        };
        let same = list(["/a", "/a"]);
        assert!(
            same[0].starts_with("m.toml:5:9: error: the route /a is listed on line 2 already"),
            "{same:?}"
        );
        let covered = list(["/a/...", "/a/b"]);
        assert!(
            covered[0].starts_with("m.toml:5:9: warning: /a/b is never reached"),
            "{covered:?}"
        );
        // Also where another one covers both.
        let both = read(
            &["/a/...", "/a/b", "/a/b"]
                .map(|route| format!("[[module]]\nroute = '{route}'\nmodule = 'a.wasm'\n"))
                .concat(),
        );
        assert!(
            both.1[1].starts_with("m.toml:8:9: error: the route /a/b is listed on line 5 already"),
            "{both:?}"
        );
        assert_eq!(list(["/a", "/a/..."]), [""; 0]);
        assert_eq!(list(["/a/...", "/ab"]), [""; 0]);
    }
}
