//! What idle Python instances and sessions hold of the machine's memory.
//!
//! ```sh
//! cargo bench --features bench --bench idle
//! ```
//!
//! Instances are held by this process; what it has in private dirty pages more
//! than before is theirs. Linux tells of that in `/proc/self/smaps_rollup`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what was measured is shown"
)]

use dormouse::{
    GuestStore, Image, Language, Program, Sandbox, Session,
    bench::{Held, hold},
};

const COUNT: usize = 100;
const SESSIONS: usize = 1000;

fn main() {
    let store = GuestStore::open_default().expect("a cache folder");
    let image = match store.image(Language::Python, &mut |_| {}) {
        Ok(image) => image,
        Err(error) => return eprintln!("nothing is measured: {error}"),
    };
    let programs = [
        ("woken only", "", false),
        ("after print(1)", "print(1)", true),
        (
            "after import json, re and some lines",
            "import json, re\nx = [json.dumps({'a': i}) for i in range(100)]\nprint(re.sub('a', 'b', x[3]))",
            true,
        ),
    ];
    for (name, source, runs) in programs {
        measure(&image, name, &Program::code(source), runs);
    }
    sessions(&store, Language::Python, "x = [i * i for i in range(100)]");
    sessions(
        &store,
        Language::JavaScript,
        "let x = [1, 2, 3].map((i) => i * i)",
    );
}

/// Sessions that wait for more, after one statement each.
fn sessions(store: &GuestStore, language: Language, statement: &str) {
    let image = store.image(language, &mut |_| {}).expect("an image");
    let open = || {
        let session = Sandbox::new(&image).session().expect("it opens");
        session.run(statement).expect("it runs");
        session
    };
    drop((open(), open()));
    let started = std::time::Instant::now();
    let (Some(before), Some(threads)) = (private_dirty(), threads()) else {
        return eprintln!("this system does not tell what is dirty");
    };
    let held: Vec<Session> = (0..SESSIONS).map(|_| open()).collect();
    let took = started.elapsed();
    let each = private_dirty().unwrap_or(before).saturating_sub(before) / SESSIONS;
    let more = self::threads().unwrap_or(0).saturating_sub(threads);
    println!(
        "{SESSIONS} {language} sessions, after one statement each ({took:?}): {each} KiB of \
         private dirty memory each, {more} threads more than before"
    );
    drop(held);
}

/// Threads of this process.
fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

fn measure(image: &Image, name: &str, program: &Program, runs: bool) {
    let wake = || hold(image, program, runs).expect("it wakes");
    // Whatever is made once.
    drop((wake(), wake()));
    let (Some(before), Some(dirty)) = (private_dirty(), dirty_after(&wake)) else {
        return eprintln!("this system does not tell what is dirty");
    };
    let each = dirty.saturating_sub(before) / COUNT;
    println!("{COUNT} Python instances, {name}: {each} KiB of private dirty memory each");
}

/// KiB that are dirty while `COUNT` instances are held.
fn dirty_after(wake: &dyn Fn() -> Held) -> Option<usize> {
    let held: Vec<Held> = (0..COUNT).map(|_| wake()).collect();
    let dirty = private_dirty();
    drop(held);
    dirty
}

/// KiB of private dirty pages that this process has.
fn private_dirty() -> Option<usize> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = rollup
        .lines()
        .find(|line| line.starts_with("Private_Dirty:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}
