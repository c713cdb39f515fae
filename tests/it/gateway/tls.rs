//! HTTPS.

use super::{Gateway, module, tells, told};
use crate::support::{Dir, command, run};

fn prepared() -> Dir {
    let dir = Dir::new();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    dir.write("cert.pem", made.cert.pem());
    dir.write("key.pem", made.signing_key.serialize_pem());
    dir.write("tell.wat", tells());
    dir.write("modules.toml", module("/...", "tell.wat", ""));
    dir
}

#[test]
fn c5_https_with_a_certificate_and_its_key() {
    let gateway = Gateway::start(
        prepared(),
        &["--tls-cert", "cert.pem", "--tls-key", "key.pem"],
    );
    assert!(
        gateway.url.starts_with("https://127.0.0.1:"),
        "{}",
        gateway.url
    );
    let ca = gateway.dir.path().join("cert.pem");
    let ca = ca.to_str().expect("Unicode");
    let answer = gateway.curl(&["--cacert", ca, "--data-binary", "body"], "/x?y");
    let told = told(&answer);
    assert_eq!(told.variable("X_FULL_URL"), format!("{}/x?y", gateway.url));
    assert_eq!(told.body, "body");
    // Who speaks plainly is not answered, and holds nobody up.
    let plain = std::process::Command::new("curl")
        .args([
            "-s",
            "--max-time",
            "20",
            &format!("http://127.0.0.1:{}/", gateway.port()),
        ])
        .output()
        .expect("there is a curl");
    assert!(!plain.status.success());
    assert_eq!(gateway.curl(&["--cacert", ca], "/x").status, 200);
}

#[test]
fn c5_both_or_none_and_what_can_be_used() {
    let dir = prepared();
    let serve = |options: &[&str]| {
        let mut serve = command();
        serve.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--modules",
            "modules.toml",
        ]);
        run(serve.args(options).current_dir(dir.path()))
    };
    serve(&["--tls-cert", "cert.pem"])
        .exits(2)
        .says(&["give both --tls-cert and --tls-key"]);
    serve(&["--tls-key", "key.pem"])
        .exits(2)
        .says(&["give both --tls-cert and --tls-key"]);
    let mut by_variable = command();
    by_variable.args([
        "serve",
        "--modules",
        "modules.toml",
        "--listen",
        "127.0.0.1:0",
    ]);
    by_variable
        .env("WAGI_TLS_CERT", "cert.pem")
        .current_dir(dir.path());
    run(&mut by_variable).exits(2).says(&["give both"]);
    for (cert, key, problem) in [
        ("none.pem", "key.pem", "none.pem: "),
        ("key.pem", "key.pem", "key.pem: it has no certificate"),
        ("cert.pem", "cert.pem", "cert.pem: it has no private key"),
    ] {
        serve(&["--tls-cert", cert, "--tls-key", key])
            .exits(1)
            .says(&[problem]);
    }
}
