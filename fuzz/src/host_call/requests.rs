//! Requests that an input stands for.

use super::{Model, got};
use crate::input::Input;
use dormouse::internals::boundary::Got;
use serde_json::{Map, Value, json};

/// A function and what it gets.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) args: Map<String, Value>,
    pub(super) id: Option<Value>,
}

impl Call {
    /// Bytes of its JSON, about.
    pub(super) fn size(&self) -> usize {
        serde_json::to_string(&(&self.args, &self.id)).map_or(0, |text| text.len())
    }
}

/// Stands for half of a character, which only JSON's text can have.
pub(super) const SURROGATE: char = '\u{e000}';

const NAMES: [&str; 20] = [
    "time_now",
    "kv_get",
    "kv_set",
    "kv_delete",
    "kv_keys",
    "http_get",
    "http_request",
    "fs_read",
    "fs_write",
    "fs_list",
    "fs_exists",
    "fs_mkdir",
    "fs_remove",
    "fs_stat",
    "install_pkg",
    "nothing",
    "",
    "KV_GET",
    "kv_get\0",
    "__proto__",
];

const URLS: [&str; 30] = [
    "http://a.test/",
    "http://evil.test/",
    "http://a.test@evil.test/",
    "http://n:p@a.test/x?y#z",
    "https://b.test:81/",
    "http://b.test/",
    "http://A.TEST./",
    "http://sub.a.test:8080/",
    "http://nota.test/",
    "http://127.0.0.1/",
    "http://0x7f.1/",
    "http://[::ffff:127.0.0.1]/",
    "http://2130706433",
    "http://[::1]:7/",
    "file:///etc/passwd",
    "http://evil.test#@a.test",
    "http://evil.test\\@a.test",
    "http://a.test:0/",
    "http:a.test",
    "//a.test/",
    "http://a.test%00.evil.test",
    "http://a.test\r\nhost: evil.test\r\n\r\n/",
    "http://ａ.test/",
    "http://a%2etest/",
    "",
    "http://127.1/",
    "http://a.test.evil.test/",
    "http://.a.test/",
    "http://a.test:81:82/",
    "gopher://a.test",
];

const LOCATIONS: [&str; 16] = [
    "/next",
    "http://a.test/",
    "http://evil.test/",
    "//evil.test/x",
    "http://a.test@evil.test/",
    "http://n:p@a.test/",
    "http://evil.test\\@a.test/",
    "https://a.test/",
    "http://a.test:81/",
    "file:///etc/passwd",
    "http://127.0.0.1/",
    "http://[::1]/",
    "",
    "?q",
    "http://b.test:81/",
    "http://evil.test#@a.test/",
];

/// What a server answers to the request `place`.
pub(super) fn answer(script: u8, place: usize, rest: &[u8]) -> Got {
    let at = |offset: usize| {
        rest.get((place * 7 + offset) % rest.len().max(1))
            .copied()
            .unwrap_or(0)
    };
    let status = [200, 301, 302, 303, 307, 308, 404, 204][usize::from(at(0) ^ script) % 8];
    let location = LOCATIONS[usize::from(at(1)) % LOCATIONS.len()].as_bytes();
    let body = rest[..rest.len().min(usize::from(at(2)))].to_vec();
    got(status, (at(3) % 4 != 3).then_some(location), body)
}

/// Any value, at most so deep.
pub(super) fn value(input: &mut Input<'_>, depth: u32) -> Value {
    match input.byte() % if depth == 0 { 12 } else { 16 } {
        0 => Value::Null,
        1 => Value::Bool(input.byte() & 1 == 1),
        2 => json!(input.byte()),
        3 => json!(input.u64().cast_signed()),
        4 => input.pick(&[
            json!(u64::MAX),
            json!(i64::MIN),
            json!(-0.0),
            json!(1e300),
            json!(5e-324),
        ]),
        5 => serde_json::Number::from_f64(f64::from_bits(input.u64()))
            .map_or(Value::Null, Value::Number),
        6 => json!(input.text()),
        7 => json!(input.pick(&[
            "",
            "a",
            "b",
            "\0",
            "\u{e000}",
            "ä\u{10ffff}",
            "\"\\\n",
            "ok"
        ])),
        // Near what keys and values may have.
        8 => json!("x".repeat(input.pick(&[255, 256, 257, 65_533, 65_534, 65_535, 4097]))),
        9 => json!("\u{1}".repeat(input.pick(&[42, 43, 10_922, 10_923]))),
        10 => json!(input.pick(&URLS)),
        11 => json!(NAMES[usize::from(input.byte()) % NAMES.len()]),
        12 => (0..input.byte() % 5)
            .map(|_| value(input, depth - 1))
            .collect(),
        13 => {
            let pairs = 0..input.byte() % 5;
            pairs
                .map(|_| (key(input), value(input, depth - 1)))
                .collect::<Map<_, _>>()
                .into()
        }
        14 => {
            let depth = input.pick(&[60, 63, 64, 65, 66, 120, 126, 127, 128, 500]);
            (0..depth).fold(json!(1), |inner, _| json!([inner]))
        }
        _ => Value::Array(vec![value(input, 0); usize::from(input.u16() % 2048)]),
    }
}

fn key(input: &mut Input<'_>) -> String {
    match input.byte() % 12 {
        0 => input.text(),
        other => [
            "", "a", "b", "c", "key", "\0", "\u{e000}", "fn", "args", "id", "ä",
        ][usize::from(other) - 1]
            .to_owned(),
    }
}

fn path(input: &mut Input<'_>, model: &Model) -> String {
    const PATHS: [&str; 44] = [
        "a.txt",
        "in",
        "b.bin",
        "d/e.txt",
        "d",
        "",
        ".",
        "large",
        "out",
        "abs/secret",
        "abs",
        "up/forbidden/secret",
        "up",
        "loop",
        "dangling",
        "make",
        "d/over/x",
        "d/over",
        "new",
        "new/dir/deep",
        "empty",
        "w/x",
        "w/new",
        "../forbidden/secret",
        "d/../a.txt",
        "d/../../forbidden/secret",
        "/a.txt",
        "a.txt/",
        "d//e.txt",
        "d/./e.txt",
        "nothing/x",
        "a.txt/x",
        "a\0b",
        "a\nb",
        "ä",
        "empty/",
        "./.",
        "..",
        "d/f",
        "loop/x",
        "in/..",
        "up/mount/a.txt",
        "make/x",
        "dangling/x",
    ];
    match input.byte() % 8 {
        0 => input.text(),
        1 => model.secret().to_owned(),
        2 => format!(
            "/m/{}",
            "x".repeat(input.pick(&[37, 38, 255, 256, 4093, 4094]))
        ),
        3 => "/m".to_owned() + &"/d/..".repeat(usize::from(input.byte())) + "/a.txt",
        4 => input
            .pick(&[
                "/",
                "/tmp",
                "/tmp/x",
                "/tmp/x/y",
                "/tmp/../m/a.txt",
                "/dev/host",
                "/dev/zero",
                "/dev",
                "/etc/passwd",
                "/proc/self/environ",
                "m/a.txt",
                "/a.txt",
                "/out",
                "/tmp/../../forbidden/secret",
            ])
            .to_owned(),
        _ => format!("/m/{}", input.pick(&PATHS)),
    }
}

fn headers(input: &mut Input<'_>) -> Value {
    const FIELDS: [(&str, &str); 12] = [
        ("Host", "evil.test"),
        ("X", "1\r\nHost: evil.test"),
        ("A\r\nB", "1"),
        ("Cookie", "c=secret"),
        ("Authorization", "Basic secret"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("x-é", "é"),
        ("X-Y", "é\u{0}"),
        ("Connection", "keep-alive"),
        ("content-type", "a/b"),
        ("", ""),
    ];
    let count = 0..input.byte() % 6;
    let fields = count.map(|_| input.pick(&FIELDS)).collect::<Vec<_>>();
    match input.byte() % 4 {
        0 => fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect::<Map<_, _>>()
            .into(),
        1 => json!(fields),
        2 => json!({"a": fields.iter().map(|(_, value)| value).collect::<Vec<_>>()}),
        _ => value(input, 2),
    }
}

/// A call of any function, mostly with what it takes.
pub(super) fn call(input: &mut Input<'_>, model: &Model) -> Call {
    let name = match input.byte() {
        0xff => input.text(),
        other => NAMES[usize::from(other) % NAMES.len()].to_owned(),
    };
    let mut args = Map::new();
    let mut set = |name: &str, value: Value| {
        args.insert(name.to_owned(), value);
    };
    if name.starts_with("kv_") {
        set("key", json!(key(input)));
        if name == "kv_set" || input.byte().is_multiple_of(8) {
            set("value", value(input, 3));
        }
        if input.byte().is_multiple_of(4) {
            set("default", value(input, 1));
        }
    } else if name.starts_with("fs_") {
        set("path", json!(path(input, model)));
        if name == "fs_write" {
            set("content", json!("c".repeat(usize::from(input.byte()))));
        }
    } else if name.starts_with("http_") {
        set("url", json!(input.pick(&URLS)));
        if name == "http_request" {
            let methods = [
                "GET", "post", "HEAD", "OPTIONS", "PUT", "TRACE", "GET\r\n", "",
            ];
            set("method", json!(input.pick(&methods)));
            set("headers", headers(input));
            match input.byte() % 6 {
                0 => set("body", json!("b".repeat(usize::from(input.byte())))),
                1 => set(
                    "body_base64",
                    json!(input.pick(&["AAAA", "AA", "=", "/+8="])),
                ),
                2 => set("timeout", value(input, 0)),
                3 => set("follow", json!(false)),
                4 => set("binary", json!(true)),
                _ => {}
            }
        }
    } else if name == "install_pkg" {
        let names = [
            "alpha",
            "beta",
            "Alpha",
            "alpha>=0",
            "gamma",
            "--target=/x",
            "alpha @ file:///x",
            "beta;x",
            "",
            "al_pha",
            "beta[x]",
        ];
        set("name", json!(input.pick(&names)));
        if input.byte().is_multiple_of(2) {
            set(
                "version",
                json!(input.pick(&["1", ">=1", "1\n--x", "*", "0.5"])),
            );
        }
    }
    // What it doesn't take.
    if input.byte() % 8 == 7 {
        let (name, value) = (key(input), value(input, 2));
        args.insert(name, value);
    }
    if input.byte() % 8 == 7 {
        let place = usize::from(input.byte());
        let name = args.keys().nth(place % args.len().max(1)).cloned();
        if let Some(name) = name {
            let value = value(input, 2);
            args.insert(name, value);
        }
    }
    let id = input.byte().is_multiple_of(3).then(|| value(input, 1));
    Call { name, args, id }
}
