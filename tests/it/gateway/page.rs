//! A page of a module's, opened in a browser.

use super::{Gateway, module};
use std::{path::PathBuf, process::Command};

const PAGE: &str = r#"import html, os, urllib.parse
name = urllib.parse.parse_qs(os.environ['QUERY_STRING']).get('name', ['World'])[0]
print('Content-Type: text/html; charset=utf-8')
print('Set-Cookie: seen=yes')
print()
print(f'''<!doctype html>
<html><head><title>Dormouse</title><style>
body {{ font-family: sans-serif; margin: 3em; background: #f4efe6 }}
h1 {{ color: #7a4a21 }}
</style></head><body>
<h1 id="hello">Hello, {html.escape(name)}</h1>
<p id="computed">not yet</p>
<script>fetch('/data').then(answer => answer.json()).then(data =>
document.getElementById('computed').textContent = `${{data.sum}} by ${{data.by}}, ${{document.cookie}}`)</script>
</body></html>''')
"#;

const DATA: &str = "print('Content-Type: application/json\\n');\n\
    print(JSON.stringify({sum: [1, 2, 39].reduce((a, b) => a + b), by: 'JavaScript'}));\n";

/// The browser, installed first where that is possible; `None` where it isn't.
fn browser() -> Option<PathBuf> {
    let found = || {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let paths = names.map(|name| PathBuf::from("/usr/bin").join(name));
        paths.into_iter().find(|path| path.exists())
    };
    found().or_else(|| {
        let quiet = |words: &[&str]| {
            let mut command = Command::new("apt-get");
            command
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(words)
                .output()
        };
        let _ = quiet(&["update", "-qq"]);
        let _ = quiet(&["install", "-y", "-qq", "chromium"]);
        found()
    })
}

#[test]
fn a_browser_shows_a_page_of_a_script() {
    let Some(browser) = browser() else {
        // Where everything is tested it must be there.
        assert!(std::env::var_os("CI").is_none(), "there is no chromium");
        eprintln!("SKIPPED: a page in a browser: there is no chromium, nor can it be installed");
        return;
    };
    let gateway = Gateway::new(
        &[
            module("/page/...", "page.py", ""),
            module("/data", "data.js", ""),
        ]
        .concat(),
        &[("page.py", PAGE), ("data.js", DATA)],
    );
    // The first requests of each are slower; a browser waits only so long.
    gateway.get("/page").is(200, &gateway.get("/page").text());
    assert_eq!(gateway.get("/data").status, 200);
    let open = |more: &[&str]| {
        let profile = gateway.dir.path().join("profile");
        let output = Command::new(&browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--no-first-run",
                "--disable-extensions",
                "--virtual-time-budget=20000",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(more)
            .arg(format!(
                "{}/page/?name=%3Cb%3EDormouse%3C/b%3E",
                gateway.url
            ))
            .output()
            .expect("it starts");
        (String::from_utf8_lossy(&output.stdout).into_owned(), output)
    };
    let (dom, output) = open(&["--dump-dom"]);
    for part in [
        "<h1 id=\"hello\">Hello, &lt;b&gt;Dormouse&lt;/b&gt;</h1>",
        "<p id=\"computed\">42 by JavaScript, seen=yes</p>",
    ] {
        assert!(dom.contains(part), "no {part:?} in {output:?}");
    }
    // What a client sends is not taken for a tag.
    assert!(!dom.contains("<b>"), "{dom}");
    if let Some(path) = std::env::var_os("DORMOUSE_SCREENSHOT") {
        let screenshot = format!("--screenshot={}", path.to_string_lossy());
        open(&[&screenshot, "--window-size=800,400"]);
        assert!(PathBuf::from(path).exists());
    }
}
