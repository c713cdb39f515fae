//! What runs must not share though they wake from one image: random numbers
//! and the time; and what they must, with a seed.

use crate::support::{Dir, Ran, Way, both_ways, command, dormouse, run, store};
use dormouse::{Grants, Image, Language, Program, Sandbox};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

both_ways! {
    random_numbers_are_each_runs_own,
    runs_in_one_process_draw_their_own,
    clocks_show_the_hosts_time,
    a_run_knows_nothing_of_the_one_before,
}

/// Prints a random thing in each line.
const PYTHON_DRAWS: &str = "import os, random, secrets, tempfile, uuid
print(random.random())
print(random.getrandbits(64))
print(random.sample(range(10**6), 5))
print(random.Random().random())
print(random.SystemRandom().random())
print(os.urandom(8))
print(secrets.token_hex(8))
print(uuid.uuid1())
print(uuid.uuid4())
print(uuid.getnode())
print(tempfile.mktemp())
print(tempfile.mkdtemp())
print(tempfile.NamedTemporaryFile().name)";

const JAVASCRIPT_DRAWS: &str = "print(Math.random())
print([1, 2, 3, 4].map(Math.random))
print(crypto.randomUUID())
print(crypto.getRandomValues(new Uint32Array(4)))";

const DRAWS: [(Language, &str); 2] = [
    (Language::Python, PYTHON_DRAWS),
    (Language::JavaScript, JAVASCRIPT_DRAWS),
];

fn code(language: Language, options: &[&str], code: &str) -> Ran {
    let ran = dormouse([options, &["-l", language.name(), "-c", code]].concat());
    ran.exits(0);
    ran
}

#[track_caller]
fn no_line_is_the_same(one: &str, other: &str, lines: usize) {
    assert_eq!(one.lines().count(), lines, "{one}");
    assert_eq!(other.lines().count(), lines, "{other}");
    for (one, other) in one.lines().zip(other.lines()) {
        assert_ne!(one, other);
    }
}

fn random_numbers_are_each_runs_own() {
    for (language, draws) in DRAWS {
        let lines = draws.matches("print(").count();
        let drawn = |options: &[&str]| code(language, options, draws).text();
        no_line_is_the_same(&drawn(&[]), &drawn(&[]), lines);
        let seeded = drawn(&["--seed", "1"]);
        assert_eq!(seeded, drawn(&["--seed", "1"]));
        no_line_is_the_same(&seeded, &drawn(&["--seed", "2"]), lines);
        no_line_is_the_same(&seeded, &drawn(&[]), lines);
    }
}

fn library(image: &Image, seed: Option<u64>, program: &str) -> String {
    let grants = Grants {
        seed,
        ..Grants::default()
    };
    let outcome = Sandbox::new(image)
        .grants(grants)
        .run(Program::code(program))
        .expect("it runs");
    assert_eq!(outcome.status, dormouse::Status::Exit(0), "{outcome:?}");
    String::from_utf8(outcome.stdout).expect("UTF-8")
}

fn runs_in_one_process_draw_their_own() {
    for (language, draws) in DRAWS {
        let image = Way::current().image(language);
        let lines = draws.matches("print(").count();
        let drawn = |seed| library(&image, seed, draws);
        no_line_is_the_same(&drawn(None), &drawn(None), lines);
        assert_eq!(drawn(Some(1)), drawn(Some(1)));
        no_line_is_the_same(&drawn(Some(1)), &drawn(Some(2)), lines);
    }
}

/// All that a seed decides, also by way of hashes.
const PYTHON_SEEDED: &str = "import datetime, logging, os, random, tempfile, time, uuid
print(time.time_ns(), time.monotonic_ns(), time.perf_counter_ns(), datetime.datetime.now())
print(time.process_time() < 1, logging.makeLogRecord({}).relativeCreated < 1000)
print(random.random(), os.urandom(8), uuid.uuid1(), uuid.uuid4(), tempfile.mktemp())
print(hash('a'), hash(b'a'), {str(i) for i in range(20)})
open('/tmp/f', 'w').close()
print(os.stat('/tmp/f').st_mtime_ns, time.time_ns(), random.getrandbits(99))";

const JAVASCRIPT_SEEDED: &str =
    "print(Date.now(), performance.now(), performance.timeOrigin, os.now())
print(Math.random(), crypto.randomUUID())
setTimeout(() => print(Date.now(), performance.now(), Math.random()), 5)";

/// Also where it was started plainly.
#[test]
fn a_seed_decides_the_same_for_every_run() {
    for (language, program) in [
        (Language::Python, PYTHON_SEEDED),
        (Language::JavaScript, JAVASCRIPT_SEEDED),
    ] {
        let seeded = |options: &[&str]| code(language, options, program).text();
        let woken = seeded(&["--seed", "7"]);
        assert_eq!(woken, seeded(&["--seed", "7"]));
        assert_eq!(woken, seeded(&["--no-snapshot", "--seed", "7"]));
        let other = seeded(&["--seed", "8"]);
        assert_eq!(other, seeded(&["--no-snapshot", "--seed", "8"]));
        assert_ne!(woken, other);
    }
}

/// They are drawn when the image is made, or for each plain start; with a seed
/// they are the same for all.
#[test]
fn the_seed_of_hashes() {
    let hash = |options: &[&str]| code(Language::Python, options, "print(hash('a'))").text();
    let images = hash(&[]);
    assert_eq!(images, hash(&[]));
    let plain = ["--no-snapshot"];
    assert_ne!(hash(&plain), hash(&plain));
    let seeded = hash(&["--seed", "1"]);
    assert_ne!(seeded, images);
    assert_eq!(seeded, hash(&["--seed", "2"]));
}

/// The seconds since 1970.
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs_f64()
}

fn clocks_show_the_hosts_time() {
    let python = "import datetime, logging, time
before = time.monotonic(), time.perf_counter()
print(time.time(), datetime.datetime.now(datetime.UTC).timestamp(),
    time.mktime(time.gmtime()) + 1, logging.makeLogRecord({}).created)
print(time.process_time(), time.thread_time(), logging.makeLogRecord({}).relativeCreated / 1000)
time.sleep(0.05)
print(time.monotonic() - before[0], time.perf_counter() - before[1])
print(time.monotonic(), time.perf_counter())";
    let javascript = "const before = [performance.now(), os.now()]
print(Date.now() / 1000 + 0.001, new Date().getTime() / 1000 + 0.001, performance.timeOrigin / 1000)
print(performance.now() / 1000)
os.sleep(50)
print((performance.now() - before[0]) / 1000, (os.now() - before[1]) / 1000)
print(os.now() / 1000)";
    for (language, program) in [
        (Language::Python, python),
        (Language::JavaScript, javascript),
    ] {
        let before = now();
        let shown = code(language, &[], program).text();
        let after = now();
        let lines = shown.lines().map(|line| {
            let times = line.split_whitespace().map(str::parse::<f64>);
            times.collect::<Result<Vec<_>, _>>().expect("numbers")
        });
        let lines: Vec<Vec<f64>> = lines.collect();
        let [moments, since, slept, monotonic] = &lines[..] else {
            panic!("{shown}");
        };
        let took = after - before;
        // Whole seconds or milliseconds may lie before the moment.
        let all = |times: &[f64], least: f64, most: f64| {
            let right = times.iter().all(|time| (least..=most).contains(time));
            assert!(right, "{times:?} in {least}..={most}\n{shown}");
        };
        all(moments, before, after + 1.0);
        all(since, 0.0, took);
        all(slept, 0.05, took);
        // It goes on from where it was in the image, never from before.
        all(monotonic, captured(language).as_secs_f64(), f64::MAX);
    }
}

/// What the monotonic clock showed in the image of `language`, where the test
/// uses one.
fn captured(language: Language) -> Duration {
    if Way::current() == Way::Plain {
        return Duration::ZERO;
    }
    let image = image(language);
    let shown = dormouse(["inspect", "--json", image.to_str().expect("UTF-8")]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let nanos = shown["manifest"]["clock"]["monotonic"].as_u64();
    Duration::from_nanos(nanos.expect("a number"))
}

/// The file of an image of `language`.
pub(crate) fn image(language: Language) -> PathBuf {
    // It is made now, if it is not there.
    dormouse(["-l", language.name(), "-c", ""]).prints("");
    let guests = store().list().expect("it can be read");
    image_file(guests[0].path.parent().expect("a folder"), language)
}

/// The newest image of `language` in `cache`.
fn image_file(cache: &Path, language: Language) -> PathBuf {
    let entries = std::fs::read_dir(cache.join("images")).expect("a folder");
    let images = entries
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| {
            let name = entry.file_name().into_string().expect("UTF-8");
            name.starts_with(language.name()) && name.ends_with(".dormouse")
        });
    let newest = images.max_by_key(|entry| {
        let metadata = entry.metadata().expect("there");
        metadata.modified().expect("known")
    });
    newest.expect("an image").path()
}

fn a_run_knows_nothing_of_the_one_before() {
    let dir = Dir::new();
    dir.write("f", "x");
    let python = "import os, sys
print(sys.argv, dict(os.environ), os.getcwd(), sorted(os.listdir('/')), os.listdir('/tmp'))
open('/tmp/left', 'w').close(); os.environ['LEFT'] = '1'; sys.left = 1; os.chdir('/tmp')";
    let javascript = "print(JSON.stringify([scriptArgs, std.getenviron(), os.getcwd()[0], \
        os.readdir('/')[0].sort(), os.readdir('/tmp')[0].sort(), globalThis.left]))
globalThis.left = 1; std.open('/tmp/left', 'w').close(); std.setenv?.('LEFT', '1'); os.chdir?.('/tmp')";
    let mount = dir.mount("/given", "ro");
    for (language, program, given, none) in [
        (
            Language::Python,
            python,
            "['-c', 'a', 'b'] {'A': '1'} / ['dev', 'given', 'lib', 'tmp'] []\n",
            "['-c'] {} / ['dev', 'lib', 'tmp'] []\n",
        ),
        (
            Language::JavaScript,
            javascript,
            "[[\"-c\",\"a\",\"b\"],{\"A\":\"1\"},\"/\",[\".\",\"..\",\"dev\",\"given\",\"tmp\"],[\".\",\"..\"],null]\n",
            "[[\"-c\"],{},\"/\",[\".\",\"..\",\"dev\",\"tmp\"],[\".\",\"..\"],null]\n",
        ),
    ] {
        let options = ["--mount", &mount, "--env", "A=1"];
        let with = ["-l", language.name(), "-c", program, "a", "b"];
        dormouse([&options[..], &with].concat()).prints(given);
        code(language, &[], program).prints(none);
        let bare = ["-l", language.name(), "-c", program];
        let elsewhere = run(command()
            .args(bare)
            .env("LEFT", "outside")
            .current_dir(dir.path())
            .stdin(Stdio::null()));
        elsewhere.prints(none);
    }
}

/// An image is the same whenever and wherever it is made.
#[test]
fn images_are_made_alike() {
    for &language in Language::ALL {
        let made = || {
            let dir = Dir::new();
            let cache = dir.path().join("cache");
            std::fs::create_dir(&cache).expect("a folder");
            for guest in store().list().expect("it can be read") {
                if guest.language == language {
                    let name = guest.path.file_name().expect("a file");
                    std::fs::copy(&guest.path, cache.join(name)).expect("a copy");
                }
            }
            let words = ["--seed", "1", "-l", language.name(), "-c", ""];
            run(command()
                .args(words)
                .env("DORMOUSE_CACHE", &cache)
                .stdin(Stdio::null()))
            .prints("");
            std::fs::read(image_file(&cache, language)).expect("it is there")
        };
        // Too long to be shown.
        assert!(made() == made(), "{language}");
    }
}
