//! Which module answers.

use super::{Gateway, escaped, module, plain, prints, told};
use crate::support::{Dir, command, guest, run};

/// A module that prints `table` as its routes, and has the exports `one`, `two`
/// and `_start`, each of which prints its name and the route that it was found by.
fn routed(table: &str) -> String {
    let function = |name: &str, at: u32, text: &str| {
        format!(
            r#"(data (i32.const {at}) "{}")
            (func (export "{name}") (call $print (i32.const {at}) (i32.const {})))"#,
            escaped(text),
            text.len()
        )
    };
    guest(
        &[
            function("_routes", 4096, table),
            function("one", 1024, &plain("one")),
            function("two", 1100, &plain("two")),
            function("_start", 1200, &plain("start")),
        ]
        .concat(),
    )
}

#[test]
fn r1_to_r5_exact_prefixes_order_and_health() {
    let text = |name: &str| (format!("{name}.wat"), prints(&plain(name), ""));
    let files = ["exact", "below", "first", "second", "health"].map(text);
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    let gateway = Gateway::new(
        &[
            module("/exact", "exact.wat", ""),
            module("/below/...", "below.wat", ""),
            module("/order/a/...", "first.wat", ""),
            module("/order/...", "second.wat", ""),
            module("/healthz", "health.wat", ""),
        ]
        .concat(),
        &files,
    );
    for (path, text) in [
        ("/exact", "exact"),
        ("/exact?query", "exact"),
        ("/below", "below"),
        ("/below/", "below"),
        ("/below/a/b", "below"),
        ("/order/a/b", "first"),
        ("/order/ab", "second"),
        ("/healthz", "OK"),
    ] {
        gateway.get(path).is(200, text);
    }
    for path in [
        "/",
        "/exact/",
        "/exactly",
        "/belowground",
        "/Exact",
        "/health",
        "/metrics",
    ] {
        gateway.get(path).is(404, "");
    }
}

#[test]
fn d1_to_d6_routes_of_the_module_itself() {
    let table = "/exact one\n\n/wild/... two\n/same one\n/same two\n/start _start\n";
    let gateway = Gateway::new(
        &[
            module("/parent/...", "routed.wat", ""),
            module("/slash/", "routed.wat", ""),
            module("/parent/exact/deep", "routed.wat", "entrypoint = 'two'"),
        ]
        .concat(),
        &[("routed.wat", &routed(table))],
    );
    for (path, text) in [
        ("/parent/exact", "one"),
        ("/parent/wild", "two"),
        ("/parent/wild/a/b", "two"),
        ("/parent/same", "two"),
        ("/parent/start", "start"),
        ("/parent", "start"),
        // The module's own route matches too, and comes first in the file.
        ("/parent/exact/deep", "start"),
        ("/slash/exact", "one"),
        ("/slash/", "start"),
    ] {
        gateway.get(path).is(200, text);
    }
    gateway.get("/slash/none").is(404, "");
}

#[test]
fn d5_the_whole_route_is_what_matched() {
    let tells = super::tells();
    let table = "/wild/... _start\n";
    let routes = format!(
        r#"(data (i32.const 1200) "{}") (func (export "_routes") (call $print (i32.const 1200) (i32.const {})))"#,
        escaped(table),
        table.len()
    );
    let tells = tells
        .trim_end()
        .strip_suffix(')')
        .expect("a module")
        .to_owned()
        + &routes
        + ")";
    let gateway = Gateway::new(
        &module("/parent/...", "tell.wat", ""),
        &[("tell.wat", &tells)],
    );
    let told = told(&gateway.get("/parent/wild/rest"));
    assert_eq!(told.variable("X_MATCHED_ROUTE"), "/parent/wild/...");
    assert_eq!(told.variable("SCRIPT_NAME"), "/parent/wild");
    assert_eq!(told.variable("PATH_INFO"), "/rest");
}

#[test]
fn d1_d2_a_table_that_is_none_stops_the_start() {
    let trap = guest(r#"(func (export "_routes") unreachable) (func (export "_start"))"#);
    let slow = guest(r#"(func (export "_routes") (loop (br 0))) (func (export "_start"))"#);
    for (text, problem) in [
        (routed(""), "it is empty"),
        (
            routed("/a b c\n"),
            "line 1, \"/a b c\": a path and the name of a function",
        ),
        (trap, "it trapped: "),
        (slow, "the deadline limit stopped it"),
    ] {
        let dir = Dir::new();
        dir.write("bad.wat", text);
        dir.write("modules.toml", module("/x", "bad.wat", ""));
        let mut serve = command();
        serve.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--modules",
            "modules.toml",
        ]);
        run(serve.current_dir(dir.path()))
            .exits(1)
            .says(&["modules.toml:3:10: error: _routes of bad.wat: ", problem]);
    }
}

#[test]
fn m4_several_entrypoints_and_one_that_is_missing() {
    let gateway = Gateway::new(
        &[
            module("/one", "routed.wat", "entrypoint = 'one'"),
            module("/two", "routed.wat", "entrypoint = 'two'"),
            module("/three", "routed.wat", "entrypoint = 'three'"),
            module("/start", "routed.wat", ""),
        ]
        .concat(),
        &[("routed.wat", &routed("/x one\n"))],
    );
    gateway.get("/one").is(200, "one");
    gateway.get("/two").is(200, "two");
    gateway.get("/start").is(200, "start");
    gateway.get("/three").is(500, "");
    let log = gateway.log();
    assert!(
        log.contains("modules.toml:12:14: warning: the module exports no function \"three\""),
        "{log}"
    );
}

#[test]
fn m3_binary_modules_text_and_file_urls() {
    let dir = Dir::new();
    let text = prints(&plain("found"), "");
    let binary = wat::parse_str(&text).expect("it is Wasm");
    let path = dir.write("a folder/m.wasm", binary);
    dir.write("m.wat", text);
    let url = format!("file://{}", path.display()).replace(' ', "%20");
    dir.write(
        "modules.toml",
        [
            module("/url", &url, ""),
            module("/absolute", &path.display().to_string(), ""),
            module("/binary", "a folder/m.wasm", ""),
            module("/text", "./m.wat", ""),
            module("/relative-url", "file:m.wat", ""),
        ]
        .concat(),
    );
    let gateway = Gateway::start(dir, &[]);
    for path in ["/url", "/absolute", "/binary", "/text", "/relative-url"] {
        gateway.get(path).is(200, "found");
    }
}
