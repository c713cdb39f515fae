//! Arranging an image's code by what programs run.
//!
//! A fresh process spends most of its time on loading and translating code. So
//! an image's module is watched while short programs and a long one run in it;
//! then its functions are cut down to what ran (`outline`), the ones that short
//! programs call are listed, to be translated ahead, and all that nothing called
//! goes into a module of its own that is loaded on demand (`split`). Programs
//! do the same as before, whatever was watched.

use crate::{
    Error, ErrorKind, Grants, Image, Language, Limits, Program, Sandbox,
    image::{
        captured::{Captured, Origin},
        opened::Opened,
        trust::Trust,
    },
    language,
};
use dormouse_snapshot::{Form, Heat, Hot, State, Worth, bound, cover, list, outline, split};
use std::thread;

/// Programs to watch.
pub(crate) struct Training {
    /// Programs that should start at once: all that they run is kept at hand.
    pub(crate) starts: &'static [&'static str],
    /// A program that does again and again what programs do.
    pub(crate) steady: &'static str,
    /// How often it must run something for that to be kept at hand.
    pub(crate) often: u32,
}

/// How often each stretch of a module ran.
struct Counts {
    /// In the first of the short programs.
    first: Vec<u32>,
    /// In any of the short programs.
    starts: Vec<u32>,
    /// In the long one.
    steady: Vec<u32>,
}

/// Rewrites `state`, that of a guest of `language`, into `captured`; if it is to
/// be `bounded`, what goes on asks the host from time to time.
///
/// # Errors
///
/// When a program that is watched does not end well.
pub(crate) fn arrange(
    captured: &mut Captured,
    state: &State<'_>,
    language: Language,
    bounded: bool,
) -> Result<(), Error> {
    let training = language::training(language);
    let plain = state.rewrite(Form::Image, &Hot::None).map_err(failed)?;
    let first = plain.first;
    captured.take(plain);
    let mut counts = Counts::watch(captured, language, &training)?;
    let mut functions = Functions::of(&captured.module, first)?;
    if bounded {
        let bounded = bound(&captured.module, &counts.all()).map_err(failed)?;
        counts = counts.of_stretches(&bounded.stretches);
        captured.module = bounded.module;
        // It imports another function.
        functions = Functions::of(&captured.module, first + 1)?;
    }

    let heat = counts.heat(training.often);
    let outlined = outline(&captured.module, &heat, Worth::default()).map_err(failed)?;
    let hot = functions.entered(|stretch| counts.first.get(stretch) > Some(&0));
    let listed = list(&outlined.module, &hot).map_err(failed)?;
    let mut stays = functions.entered(|stretch| heat.get(stretch) > Some(&Heat::Cold));
    stays.extend(&outlined.near);
    stays.sort_unstable();
    captured.module =
        split(&listed, |index| stays.binary_search(&index).is_ok()).map_err(failed)?;
    Ok(())
}

fn failed(error: dormouse_snapshot::Error) -> Error {
    Error::new(
        ErrorKind::Image,
        format!("the image's code can't be arranged: {error}"),
    )
    .with_source(error)
}

impl Counts {
    fn watch(captured: &Captured, language: Language, training: &Training) -> Result<Self, Error> {
        let origin = Origin {
            language: Some(language),
            ..Origin::default()
        };
        let opened = Opened::checked(captured.image(&origin)?, Trust::Foreign)?;
        let covered = cover(&captured.module).map_err(failed)?;
        let image = Image::opened(opened)?.rewritten(covered);
        // The long program takes as long as all others.
        let (steady, starts) = thread::scope(|scope| {
            let image = &image;
            let steady = move || run(image, training.steady);
            let beside = thread::Builder::new().spawn_scoped(scope, steady);
            let starts = training.starts.iter().map(|program| run(image, program));
            let starts: Result<Vec<_>, Error> = starts.collect();
            let joined = beside.ok().and_then(|thread| thread.join().ok());
            // Without a thread, one after the other.
            (joined.unwrap_or_else(steady), starts)
        });
        let steady = steady?;
        let mut all = starts?.into_iter();
        let first = all.next().unwrap_or_default();
        let mut starts = first.clone();
        for ran in all {
            for (sum, count) in starts.iter_mut().zip(ran) {
                *sum = sum.saturating_add(count);
            }
        }
        Ok(Self {
            first,
            starts,
            steady,
        })
    }
}

impl Counts {
    /// How often each stretch ran in any program.
    fn all(&self) -> Vec<u32> {
        let counts = self.starts.iter().zip(&self.steady);
        counts
            .map(|(starts, steady)| starts.saturating_add(*steady))
            .collect()
    }

    /// The counts of a module whose `stretches` are these.
    fn of_stretches(&self, stretches: &[Option<u32>]) -> Self {
        let of = |counts: &[u32]| {
            let count = |stretch: Option<u32>| counts.get(stretch? as usize).copied();
            let all = stretches.iter().map(|stretch| count(*stretch));
            all.map(Option::unwrap_or_default).collect()
        };
        Self {
            first: of(&self.first),
            starts: of(&self.starts),
            steady: of(&self.steady),
        }
    }

    /// What the one-line program runs must not be mixed with more, and what runs
    /// often must not make detours.
    fn heat(&self, often: u32) -> Vec<Heat> {
        let counts = self.first.iter().zip(&self.starts).zip(&self.steady);
        counts
            .map(|((first, starts), steady)| {
                if *first > 0 || *steady >= often {
                    Heat::Hot
                } else if *starts > 0 {
                    Heat::Near
                } else {
                    Heat::Cold
                }
            })
            .collect()
    }
}

/// How often each stretch runs in `program`, which is our own and ends.
fn run(image: &Image, program: &str) -> Result<Vec<u32>, Error> {
    let limits = Limits {
        deadline: None,
        ..Limits::default()
    };
    // What is counted must not depend on what is drawn.
    let grants = Grants {
        seed: Some(1),
        ..Grants::default()
    };
    let (outcome, counts) = Sandbox::new(image)
        .grants(grants)
        .limits(limits)
        .run_covered(&Program::code(program))?;
    match outcome.status {
        crate::Status::Exit(0) => Ok(counts),
        status => Err(Error::new(
            ErrorKind::Engine,
            format!(
                "a program of ours ended with {status:?}: {}",
                String::from_utf8_lossy(&outcome.stderr)
            ),
        )),
    }
}

/// The stretches at which a module's functions begin.
struct Functions {
    /// The index of the first.
    first: u32,
    stretches: Vec<usize>,
}

impl Functions {
    fn of(wasm: &[u8], first: u32) -> Result<Self, Error> {
        let stretches = dormouse_snapshot::entries(wasm).map_err(failed)?;
        Ok(Self { first, stretches })
    }

    /// The functions for whose first stretch `is` holds.
    fn entered(&self, is: impl Fn(usize) -> bool) -> Vec<u32> {
        (self.first..)
            .zip(&self.stretches)
            .filter(|(_, stretch)| is(**stretch))
            .map(|(index, _)| index)
            .collect()
    }
}
