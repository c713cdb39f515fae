//! Campaigns on several machines, each of which is a process here: what one of them
//! has, the others get.

use super::{fuzz, parser};
use crate::support::{Dir, command};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What no campaign here guesses: it's known by 32 bits of a hash.
const SECRET: &[u8] = b"a secret";
/// An odd number whose bits look random: 2^64 divided by the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// A program that goes on to more with the secret only.
fn secret() -> String {
    let first = u64::from_le_bytes(SECRET.try_into().expect("eight bytes"));
    let hash = first.wrapping_mul(MIX);
    let hash = (hash ^ (hash >> 29)).wrapping_mul(MIX) >> 32;
    parser(&format!(
        r#"(func $parse (param $len i32) (local $hash i64)
            (if (i32.lt_u (local.get $len) (i32.const 8)) (then (return)))
            (local.set $hash (i64.mul (i64.load (i32.const 1024)) (i64.const {MIX})))
            (local.set $hash (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 29))))
            (local.set $hash (i64.shr_u (i64.mul (local.get $hash) (i64.const {MIX})) (i64.const 32)))
            (if (i64.eq (local.get $hash) (i64.const {hash})) (then (call $more))))
        (func $more)"#
    ))
}

/// A campaign with a folder of its own, ended with the test.
struct Campaign {
    process: Child,
    /// Where others can join.
    address: String,
}

impl Campaign {
    /// Starts one that listens, joins what is at `join`, and begins with the secret
    /// if it `knows` it.
    fn start(dir: &Dir, name: &str, join: Option<&str>, knows: bool) -> Self {
        let mut command = command();
        command.args(["fuzz", "--seconds", "120", "-o", name, "--listen", "0"]);
        if let Some(join) = join {
            command.args(["--join", join]);
        }
        if knows {
            command.args(["-i", "in"]);
        }
        let mut process = command
            .arg("secret.wat")
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let said = BufReader::new(process.stderr.take().expect("it's piped"));
        let mut lines = said.lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let said = line.strip_prefix("dormouse: others can join at ")?;
            Some(said.to_owned())
        });
        // What it says later is read, so that it never waits for that.
        thread::spawn(move || lines.for_each(drop));
        let address = address.expect("it says where it listens");
        Self { process, address }
    }
}

impl Drop for Campaign {
    fn drop(&mut self) {
        // Its workers end with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until it is `done`, for a minute; whether it is.
fn wait(mut done: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        if Instant::now() > until {
            return false;
        }
        thread::sleep(Duration::from_millis(50));
    }
    true
}

/// Whether a campaign has the secret among what it goes on from.
fn knows(folder: &Path) -> bool {
    let Ok(files) = std::fs::read_dir(folder.join("queue")) else {
        return false;
    };
    files
        .filter_map(|file| std::fs::read(file.ok()?.path()).ok())
        .any(|input| input.starts_with(SECRET))
}

/// The second joins the first and the third the second; number `begins` of them has
/// the secret from the beginning.
fn all_know(begins: usize) {
    let dir = Dir::new();
    dir.write("secret.wat", secret());
    dir.write("in/secret", SECRET);
    let mut campaigns: Vec<Campaign> = Vec::new();
    for number in 0..3 {
        let join = campaigns.last().map(|last| last.address.clone());
        let (name, knows) = (number.to_string(), number == begins);
        campaigns.push(Campaign::start(&dir, &name, join.as_deref(), knows));
    }
    for number in 0..3 {
        let folder = dir.path().join(number.to_string());
        assert!(wait(|| knows(&folder)), "{number} is told by {begins}");
    }
}

#[test]
fn what_the_first_knows_the_others_are_told() {
    all_know(0);
}

#[test]
fn what_one_in_between_knows_the_others_are_told() {
    all_know(1);
}

#[test]
fn what_the_last_knows_the_others_are_told() {
    all_know(2);
}

#[test]
fn what_is_no_campaign_is_not_joined() {
    let dir = Dir::new();
    dir.write("secret.wat", secret());
    for said in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\0\0\0\x05hello",
        "\0\0\0\x01",
        "",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it has one").to_string();
        let greets = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("it comes");
            stream.write_all(said.as_bytes()).expect("it's heard");
        });
        fuzz(&dir, &["--join", &address], &["secret.wat"])
            .exits(1)
            .says(&["--join", &address, "no campaign answers there"]);
        greets.join().expect("it came");
    }
}
