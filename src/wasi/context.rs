//! All that WASI knows of one run.

use super::{
    clock::Clock,
    preview0, preview1,
    random::Random,
    root::Root,
    sched::{Sched, clocks},
    stdio::Stdio,
    stdio_file::{InputFile, SinkFile},
};
use crate::{Error, ErrorKind};
use wasmi::Linker;
use wasmi_wasi::{
    WasiCtx,
    wasi_common::{
        Table,
        file::{FileAccessMode, WasiFile},
    },
};

/// Descriptors are numbered from the lowest that is free, and fewer than so
/// many can be open.
const MAX_DESCRIPTORS: u32 = 65_536;

/// The guest's view of its world: arguments, environment, streams, files,
/// clocks and randomness.
pub(crate) struct Context {
    wasi: WasiCtx,
    args: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    clock: Clock,
    random: Random,
    root: Root,
    stdio: Stdio,
    /// Arguments of the `fd_read` that the guest paused in.
    pub(super) paused_read: [i32; 4],
}

impl Context {
    /// A context with `root` as its one preopen, fd 3.
    ///
    /// # Errors
    ///
    /// When the preopen cannot be placed.
    pub(crate) fn new(
        root: Root,
        stdio: Stdio,
        clock: Clock,
        random: Random,
    ) -> Result<Self, Error> {
        let wasi = WasiCtx::new(
            Box::new(random.clone()),
            clocks(&clock),
            Box::new(Sched(clock.clone())),
            Table::new(),
        );
        wasi.set_stdin(Box::new(InputFile(stdio.input.clone())));
        wasi.set_stdout(Box::new(SinkFile(stdio.out.clone())));
        wasi.set_stderr(Box::new(SinkFile(stdio.err.clone())));
        wasi.push_preopened_dir(root.preopen(), "/")
            .map_err(|error| {
                Error::new(
                    ErrorKind::Engine,
                    format!("the root can't be opened: {error}"),
                )
            })?;
        Ok(Self {
            wasi,
            args: Vec::new(),
            env: Vec::new(),
            clock,
            random,
            root,
            stdio,
            paused_read: [0; 4],
        })
    }

    /// What `args_get` and `environ_get` answer; `env` as `NAME=value`.
    pub(crate) fn set_strings(&mut self, args: Vec<Vec<u8>>, env: Vec<Vec<u8>>) {
        self.args = args;
        self.env = env;
    }

    /// Opens `device` as the descriptor `fd`, to be read and written.
    pub(crate) fn open_device(&self, fd: u32, device: Box<dyn WasiFile>) {
        let mode = FileAccessMode::READ | FileAccessMode::WRITE;
        self.wasi.insert_file(fd, device, mode);
    }

    /// What is open beside the standard streams and the root.
    pub(crate) fn open_descriptors(&self) -> Vec<u32> {
        let table = self.wasi.table();
        (4..MAX_DESCRIPTORS)
            .filter(|fd| table.contains_key(*fd))
            .collect()
    }

    /// Arguments of the `fd_read` that the guest paused in last.
    pub(crate) fn paused_read(&self) -> [i32; 4] {
        self.paused_read
    }

    pub(super) fn wasi_mut(&mut self) -> &mut WasiCtx {
        &mut self.wasi
    }

    pub(super) fn args(&self) -> &Vec<Vec<u8>> {
        &self.args
    }

    pub(crate) fn env(&self) -> &Vec<Vec<u8>> {
        &self.env
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn random(&self) -> &Random {
        &self.random
    }

    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    pub(crate) fn stdio(&self) -> &Stdio {
        &self.stdio
    }
}

/// Adds WASI Preview 1 to `linker`, and Preview 0 where it `is_old`, for data of
/// which `get` gives the context.
///
/// # Errors
///
/// Only for a name that is there already.
pub(crate) fn link<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut Context,
    is_old: bool,
) -> Result<(), Error> {
    preview1::link(linker, get)
        .and_then(|()| {
            if is_old {
                preview0::link(linker, get)
            } else {
                Ok(())
            }
        })
        .map_err(|error| Error::new(ErrorKind::Engine, format!("WASI can't be linked: {error}")))
}
