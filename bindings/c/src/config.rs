//! What runs may reach, and what bounds them.

use crate::{
    error::{Error, catch, free},
    import::Given,
    output::{Stream, Streams, To},
    raw,
};
use runtime::{Grants, HostFunctions, Kv, Limits, Mount, MountMode, Sandbox, Stdin};
use std::{
    ffi::{c_char, c_void},
    mem::MaybeUninit,
    path::PathBuf,
    ptr::NonNull,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What guests may reach (nothing, at first), what bounds them, and where their
/// streams lead. A run, session or instance takes what is in it when it starts:
/// one of them may serve many, in any number of threads, and be changed between.
#[derive(Default)]
pub struct Config(Mutex<Settings>);

/// What there is in a configuration.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) functions: HostFunctions,
    pub(crate) stdin: Vec<u8>,
    pub(crate) streams: Streams,
    pub(crate) imports: Vec<Given>,
}

/// What a guest may do below a mount.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub enum Mode {
    /// Read and list.
    Read = 0,
    /// Also change and remove what exists.
    Write = 1,
    /// Also create and rename.
    Create = 2,
}

impl Config {
    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in `config`, or the defaults without one.
    pub(crate) fn of(config: Option<&Self>) -> Settings {
        config.map_or_else(Settings::default, |config| config.settings().clone())
    }
}

impl Settings {
    /// A sandbox of `image` under these.
    pub(crate) fn sandbox(self, image: &runtime::Image) -> Sandbox {
        Sandbox::new(image)
            .stdout(self.streams.output(Stream::Stdout))
            .stderr(self.streams.output(Stream::Stderr))
            .grants(self.grants)
            .limits(self.limits)
            .functions(self.functions)
            .stdin(Stdin::Bytes(self.stdin))
    }
}

/// Changes a configuration; whether that was possible.
pub(crate) fn change(
    config: Option<NonNull<Config>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
    how: impl FnOnce(&mut Settings) -> Result<(), Error>,
) -> bool {
    let done = catch(error, || {
        let mut settings = raw::handle(config, "the configuration")?.settings();
        let mut next = settings.clone();
        how(&mut next)?;
        let before = std::mem::replace(&mut *settings, next);
        // What that releases may use the configuration.
        drop(settings);
        drop(before);
        Ok(())
    });
    done.is_some()
}

/// Grants nothing, with the default limits: 30 seconds, 256 MiB of memory, 64 MiB
/// of output. Stdin is empty, output is captured.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_new() -> Option<Box<Config>> {
    Some(Box::default())
}

/// Gives the guest the folder or file `host` at the absolute path `guest`. `mode`
/// is a dormouse_mode. The folder is looked for when a run starts.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_mount(
    config: Option<NonNull<Config>>,
    guest: *const c_char,
    host: *const c_char,
    mode: i32,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        let mode = match mode {
            mode if mode == Mode::Read as i32 => MountMode::ReadOnly,
            mode if mode == Mode::Write as i32 => MountMode::ReadWrite,
            mode if mode == Mode::Create as i32 => MountMode::ReadWriteCreate,
            _ => return Err(Error::argument(format!("there is no mode {mode}"))),
        };
        settings.grants.mounts.push(Mount {
            guest: raw::text(guest, "the guest's path")?.to_owned(),
            host: raw::path(host, "the host's path")?,
            mode,
        });
        Ok(())
    })
}

/// Sets an environment variable of the guest.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_env(
    config: Option<NonNull<Config>>,
    name: *const c_char,
    value: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        let name = raw::text(name, "the variable's name")?.to_owned();
        let value = raw::text(value, "the variable's value")?.to_owned();
        settings.grants.env.push((name, value));
        Ok(())
    })
}

/// Lets the guest keep values by key: in the file `path`, for later runs; or,
/// where that is NULL, in memory, for as long as the run or session lasts.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_kv(
    config: Option<NonNull<Config>>,
    path: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        settings.grants.kv = match path.is_null() {
            true => Kv::Memory,
            false => Kv::File(raw::path(path, "the path")?),
        };
        Ok(())
    })
}

/// Lets the guest send HTTP requests to a host and its subdomains, or to an IP
/// address; with ":PORT" on that port alone.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_allow_host(
    config: Option<NonNull<Config>>,
    host: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        let host = raw::text(host, "the host")?.to_owned();
        settings.grants.hosts.push(host);
        Ok(())
    })
}

/// Shows Python a folder to find modules in.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_packages(
    config: Option<NonNull<Config>>,
    folder: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        let folder: PathBuf = raw::path(folder, "the folder")?;
        settings.grants.packages.folder = Some(folder);
        Ok(())
    })
}

/// Makes clocks and randomness the same for each run with this seed.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_seed(
    config: Option<NonNull<Config>>,
    seed: u64,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        settings.grants.seed = Some(seed);
        Ok(())
    })
}

/// Bounds the time that a guest may take, in milliseconds; 0 for no limit. Of a
/// session or an instance, each piece of code, and each call, has it anew.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_timeout(
    config: Option<NonNull<Config>>,
    milliseconds: u64,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        settings.limits.deadline = unless_zero(milliseconds).map(Duration::from_millis);
        Ok(())
    })
}

/// Bounds the bytes that a guest's memory may hold.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_memory(
    config: Option<NonNull<Config>>,
    bytes: u64,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        settings.limits.memory = bytes;
        Ok(())
    })
}

/// Bounds the bytes that a guest may write to stdout and stderr together; 0 for
/// no limit.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_max_output(
    config: Option<NonNull<Config>>,
    bytes: u64,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        settings.limits.output = unless_zero(bytes);
        Ok(())
    })
}

/// Bounds the Wasm instructions, about, that a guest may run, the same for each
/// run; 0 to not count them, which is faster.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_fuel(
    config: Option<NonNull<Config>>,
    fuel: u64,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        settings.limits.fuel = unless_zero(fuel);
        Ok(())
    })
}

/// What the guest reads from its stdin. The bytes are copied.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_stdin(
    config: Option<NonNull<Config>>,
    data: *const c_void,
    length: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        settings.stdin = raw::bytes(data, length, "stdin")?.to_vec();
        Ok(())
    })
}

/// Where one of the guest's streams goes. `stream` is a dormouse_stream, `to` a
/// dormouse_to.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_output(
    config: Option<NonNull<Config>>,
    stream: i32,
    to: i32,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    change(config, error, |settings| {
        let (stream, to) = (Stream::of(stream)?, To::of(to)?);
        settings.streams.lead(stream, to.into());
        Ok(())
    })
}

/// Frees a configuration. What runs under it goes on.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_config_free(config: Option<Box<Config>>) {
    free(config);
}

fn unless_zero(value: u64) -> Option<u64> {
    (value > 0).then_some(value)
}
