//! What a guest is given to begin with, as its language has it.

use crate::{
    Grants, Language, Program,
    host::{Device, Exchange, Functions},
    wasi::{Beginning, Root},
};
use std::sync::Arc;

/// What is known of a run before it starts.
pub(crate) struct Start<'a> {
    pub(crate) functions: &'a Arc<Functions>,
    pub(crate) program: &'a Program,
    pub(crate) grants: &'a Grants,
    /// Where the program lies in the guest's files, if it does.
    pub(crate) guest_path: Option<String>,
    /// Whether lines are to be written when they end.
    pub(crate) is_terminal: bool,
    /// Whether the guest runs only to be captured.
    pub(crate) capturing: bool,
    /// Whether it goes on from a snapshot.
    pub(crate) wakes: bool,
    /// Where its program begins, if it is seeded.
    pub(crate) beginning: Option<Beginning>,
}

/// What the guest is given.
pub(crate) struct Given {
    pub(crate) root: Root,
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) env: Vec<Vec<u8>>,
    /// A device that it has open already, and its descriptor.
    pub(crate) channel: Option<(u32, Device)>,
    /// What a session is held by, over that channel.
    pub(crate) exchange: Option<Arc<Exchange>>,
    /// What the host's side of the language has to know.
    pub(crate) guest_path: Option<String>,
    pub(crate) beginning: Option<Beginning>,
}

impl Start<'_> {
    /// What a guest of `language` is given, with `root` for its files.
    pub(crate) fn give(self, language: Option<Language>, root: Root) -> Given {
        let nothing = Given {
            root,
            args: Vec::new(),
            env: Vec::new(),
            channel: None,
            exchange: None,
            guest_path: None,
            beginning: None,
        };
        match language {
            #[cfg(feature = "python")]
            Some(Language::Python) => self.give_python(nothing),
            #[cfg(feature = "javascript")]
            Some(Language::JavaScript) => Given {
                env: environment(self.grants),
                guest_path: self.guest_path,
                beginning: self.beginning,
                ..nothing
            },
            None => {
                let name = self.program.name.clone().into_bytes();
                let args = self.program.args.iter().cloned();
                Given {
                    args: std::iter::once(name).chain(args).collect(),
                    env: environment(self.grants),
                    ..nothing
                }
            }
        }
    }

    #[cfg(feature = "python")]
    fn give_python(self, nothing: Given) -> Given {
        use super::python;
        let channel = || (python::CHANNEL, Device::new(Arc::clone(self.functions)));
        // Before there is a channel to say it.
        let exchange = python::tell(
            self.functions,
            self.program,
            self.grants,
            self.guest_path,
            self.is_terminal,
            self.capturing,
            self.beginning,
        );
        Given {
            args: python::args(self.capturing),
            channel: self.wakes.then(channel),
            exchange,
            root: python::with_files(nothing.root),
            ..nothing
        }
    }
}

/// `NAME=value`, the last of a name.
fn environment(grants: &Grants) -> Vec<Vec<u8>> {
    let is_last = |index: usize, name: &str| {
        grants.env[index + 1..]
            .iter()
            .all(|(other, _)| other != name)
    };
    grants
        .env
        .iter()
        .enumerate()
        .filter(|(index, (name, _))| is_last(*index, name))
        .map(|(_, (name, value))| format!("{name}={value}").into_bytes())
        .collect()
}
