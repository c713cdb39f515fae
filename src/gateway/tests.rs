//! What must hold for whatever comes: modules are not trusted, nor are the names
//! that they print.

use super::{
    answer, modules,
    report::Report,
    routes::{self, Route},
};
use http::Method;
use std::path::Path;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    /// Up to `most` of `parts`, one behind the other.
    fn some(&mut self, parts: &[&[u8]], most: usize) -> Vec<u8> {
        let count = self.below(most);
        (0..count)
            .flat_map(|_| parts[self.below(parts.len())].to_vec())
            .collect()
    }
}

#[test]
fn whatever_is_printed_becomes_an_answer_that_can_be_sent() {
    let parts: [&[u8]; 22] = [
        b"Content-Type: a/b\n",
        b"Status: 404\n",
        b"Content-Type",
        b"Status",
        b"Location",
        b"Set-Cookie",
        b"Content-Length",
        b"X",
        b": ",
        b":",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"200",
        b"404 No",
        b"99",
        b"\0",
        b"\xff",
        "\u{e4}".as_bytes(),
        b"text/plain",
        b"\n\n",
    ];
    let mut numbers = Numbers(5);
    let (mut good, mut bad) = (0, 0);
    for round in 0..50_000 {
        let printed = numbers.some(&parts, 24);
        let method = if round % 5 == 0 {
            Method::HEAD
        } else {
            Method::GET
        };
        let answer = match answer::parse(printed.clone(), &method) {
            Ok(parsed) => {
                good += 1;
                // The body is the end of what was printed.
                assert!(printed.ends_with(parsed.answer.body()));
                parsed.answer
            }
            Err(malformed) => {
                bad += 1;
                malformed.answer()
            }
        };
        assert!(
            (200..600).contains(&answer.status().as_u16()),
            "{printed:?}"
        );
        for (name, value) in answer.headers() {
            assert!(
                !value.as_bytes().iter().any(|byte| b"\r\n\0".contains(byte)),
                "{name} of {printed:?}"
            );
        }
        let said = answer.headers().get("content-length");
        assert!(said.is_none() || method == Method::HEAD, "{printed:?}");
    }
    assert!(good > 500 && bad > 500, "{good} {bad}");
}

#[test]
fn whatever_routes_are_printed_stay_below_the_modules_own() {
    let parts: [&[u8]; 10] = [
        b"/", b"a", b"...", b" ", b"\n", b"..", b"\xff", b"?", b"_start", b"\t",
    ];
    let mut numbers = Numbers(7);
    let parent = Route::parse("/parent/...").expect("a route");
    let mut found = 0;
    for _ in 0..50_000 {
        let printed = numbers.some(&parts, 16);
        for dynamic in routes::parse_table(&parent, &printed).into_iter().flatten() {
            found += 1;
            assert!(
                parent.covers(&dynamic.route),
                "{printed:?}: {}",
                dynamic.route
            );
        }
    }
    assert!(found > 500, "{found}");
}

#[test]
fn whatever_a_file_says_is_read_or_refused_with_its_place() {
    let parts: [&[u8]; 16] = [
        b"[[module]]\n",
        b"route = '/a'\n",
        b"module = 'a.wasm'\n",
        b"module = ",
        b"volumes = {",
        b"'/a' = 'b'",
        b"}\n",
        b"timeout = 1\n",
        b"kv = ",
        b"true\n",
        b"'",
        b"[",
        b"\n",
        b"environment = {A = 1}\n",
        b"#",
        b"x = 1\n",
    ];
    let mut numbers = Numbers(11);
    for _ in 0..20_000 {
        let text = String::from_utf8(numbers.some(&parts, 14)).expect("it is text");
        let mut report = Report::new(Path::new("m"));
        modules::parse(&text, &mut report);
        for (_, line) in report.lines() {
            let whole = line.starts_with("m: error: no module is listed");
            let place = line
                .split(':')
                .nth(1)
                .is_some_and(|line| line.parse::<usize>().is_ok());
            assert!(whole || place, "{text:?}: {line}");
        }
    }
}
