//! What is to be run.

use std::path::PathBuf;

/// One program: what to run, under which name, with which arguments.
///
/// ```
/// use dormouse::Program;
/// let one_liner = Program::code("print('hello')").args(["x", "y"]);
/// let script = Program::script("main.py", "import sys; print(sys.argv)");
/// let wasi = Program::start("cowsay").args(["moo"]);
/// let export = Program::invoke("add", ["5", "7"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub(crate) entry: Entry,
    pub(crate) name: String,
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) host_path: Option<PathBuf>,
}

/// Where a program begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Source text given directly (`-c`).
    Code(Vec<u8>),
    /// Source text of a file with the program's name.
    Script(Vec<u8>),
    /// Nothing yet: a session, which runs source text piece by piece.
    Session,
    /// A copy of a session.
    Copy,
    /// A Python module found by the guest (`-m`).
    Module(String),
    /// A Wasm module's `_start`, or `_initialize` alone.
    Start,
    /// An export of a Wasm module, with arguments as text.
    Invoke { function: String, args: Vec<String> },
}

impl Program {
    /// Source text in the image's language.
    pub fn code(source: impl Into<Vec<u8>>) -> Self {
        Self::new(Entry::Code(source.into()), "-c")
    }

    /// Source text of a file called `name`: tracebacks and the guest's own
    /// `argv` use that name.
    pub fn script(name: impl Into<String>, source: impl Into<Vec<u8>>) -> Self {
        Self::new(Entry::Script(source.into()), name)
    }

    /// The Python module `name`, run as `python -m` does.
    pub fn module(name: impl Into<String>) -> Self {
        let name = name.into();
        Self::new(Entry::Module(name.clone()), name)
    }

    /// A session.
    pub(crate) fn session() -> Self {
        Self::new(Entry::Session, "-c")
    }

    /// A copy of one.
    pub(crate) fn copy() -> Self {
        Self::new(Entry::Copy, "-c")
    }

    /// A Wasm program, from its `_start`; `name` is its `argv[0]`.
    pub fn start(name: impl Into<String>) -> Self {
        Self::new(Entry::Start, name)
    }

    /// A Wasm module's exported `function`, after its `_initialize` if it has
    /// one. Arguments are read by the function's signature.
    pub fn invoke<A: Into<String>>(
        function: impl Into<String>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        let function = function.into();
        let args = args.into_iter().map(Into::into).collect();
        Self::new(
            Entry::Invoke {
                function: function.clone(),
                args,
            },
            function,
        )
    }

    fn new(entry: Entry, name: impl Into<String>) -> Self {
        Self {
            entry,
            name: name.into(),
            args: Vec::new(),
            host_path: None,
        }
    }

    /// The guest's arguments, after the program's name. They need not be
    /// UTF-8.
    #[must_use]
    pub fn args<A: Into<Vec<u8>>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Where the script lies on the host. If that is inside a mount, the
    /// guest sees the script there, and can import its neighbours.
    #[must_use]
    pub fn host_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.host_path = Some(path.into());
        self
    }
}
