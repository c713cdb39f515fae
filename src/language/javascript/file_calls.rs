//! The functions behind `std`'s files and `os`. They answer a negative error
//! number where they fail.

use super::{
    answer::Answer,
    call::{Call, Failure},
    stream::{Fail, MAX_READ, Stream},
};
use crate::{
    engine::Stop,
    wasi::{Errno, OpenHow, Opened, Root},
};
use std::{
    io::SeekFrom,
    time::{SystemTime, UNIX_EPOCH},
};
use wasmi_wasi::wasi_common::file::{FileType, Filestat};

/// Bytes of a path: DESIGN's default.
const MAX_PATH: usize = 4096;

/// Bits of `open`'s second argument, as `files.js` has them.
const READ: i64 = 1;
const WRITE: i64 = 2;
const APPEND: i64 = 4;
const CREATE: i64 = 8;
const EXCLUSIVE: i64 = 16;
const TRUNCATE: i64 = 32;

/// Numbers that `stat` writes, as `os.js` names them.
const STAT_NUMBERS: usize = 12;

/// The answer for a failed operation; a limit goes up.
fn failed(fail: Fail) -> Result<Answer, Failure> {
    match fail {
        Fail::Errno(errno) => Ok(Answer::Number(-f64::from(errno))),
        Fail::Stop(stop) => Err(Failure::Stop(stop)),
    }
}

fn answer<T>(result: Result<T, Fail>, to: impl FnOnce(T) -> Answer) -> Result<Answer, Failure> {
    result.map(to).or_else(failed)
}

fn count(count: usize) -> Answer {
    Answer::Number(count as f64)
}

fn zero(_: ()) -> Answer {
    Answer::Number(0.0)
}

/// The open file that argument 0 names.
fn with_stream<T>(
    call: &mut Call<'_>,
    operation: impl FnOnce(&mut Stream) -> Result<T, Fail>,
) -> Result<Result<T, Fail>, Failure> {
    let fd = call.integer(0)?;
    Ok(call.data().streams.get(fd).and_then(operation))
}

/// A file and a text, or a buffer with offset and length. Answers the bytes
/// written.
pub(super) fn write(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let fd = call.integer(0)?;
    let written = if call.is_string(1)? {
        call.with_text(1, |bytes, state| {
            let stream = state.language::<super::Data>().streams.get(fd)?;
            // Lone surrogates are no UTF-8.
            match std::str::from_utf8(bytes) {
                Ok(_) => stream.write(bytes),
                Err(_) => stream.write(String::from_utf8_lossy(bytes).as_bytes()),
            }
            .map(|()| bytes.len())
        })?
    } else {
        let range = call.bytes(1)?;
        let (bytes, state) = call.memory(range)?;
        let stream = state.language::<super::Data>().streams.get(fd);
        stream
            .and_then(|stream| stream.write(bytes))
            .map(|()| bytes.len())
    };
    answer(written, count)
}

/// A file and a string or another value whose text is plain: that and a line's
/// end. Answers undefined for any other value.
pub(super) fn line(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let fd = call.integer(0)?;
    let mut text = match call.plain(1)? {
        Some(text) => text,
        None if call.is_string(1)? => call.text(1)?,
        None => return Ok(Answer::Undefined),
    };
    text.push('\n');
    let written = call
        .data()
        .streams
        .get(fd)
        .and_then(|stream| stream.write(text.as_bytes()));
    answer(written, zero)
}

/// A file and a part of a buffer. Answers the bytes read.
pub(super) fn read(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let fd = call.integer(0)?;
    let range = call.bytes(1)?;
    let (bytes, state) = call.memory(range)?;
    let stream = state.language::<super::Data>().streams.get(fd);
    answer(stream.and_then(|stream| stream.read(bytes)), count)
}

pub(super) fn getline(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let line = with_stream(call, Stream::line)?;
    answer(line, |line| line.map_or(Answer::Null, into_text))
}

fn into_text(bytes: Vec<u8>) -> Answer {
    Answer::Text(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// A byte; -1 at the end of the file; an error's number, negated, less one.
pub(super) fn get_byte(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let mut byte = [0];
    match with_stream(call, |stream| stream.read(&mut byte))? {
        Ok(0) => Ok(Answer::Number(-1.0)),
        Ok(_) => Ok(Answer::Number(f64::from(byte[0]))),
        Err(Fail::Errno(errno)) => Ok(Answer::Number(-f64::from(errno) - 1.0)),
        Err(Fail::Stop(stop)) => Err(stop.into()),
    }
}

pub(super) fn put_byte(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let byte = call.integer(1)? as u8;
    let written = with_stream(call, |stream| stream.write(&[byte]))?;
    answer(written, zero)
}

/// A file and how many bytes at most; negative for all.
pub(super) fn read_text(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let rest = rest(call)?;
    answer(rest, into_text)
}

/// The same, as an `ArrayBuffer`.
pub(super) fn read_bytes(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let rest = rest(call)?;
    answer(rest, Answer::Bytes)
}

fn rest(call: &mut Call<'_>) -> Result<Result<Vec<u8>, Fail>, Failure> {
    let limit = usize::try_from(call.integer(1)?).ok();
    with_stream(call, |stream| stream.rest(limit))
}

/// A path and how to open it. Answers the file's number.
pub(super) fn open(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let bits = call.integer(1)?;
    let how = OpenHow {
        read: bits & READ != 0,
        write: bits & WRITE != 0,
        append: bits & APPEND != 0,
        create: bits & CREATE != 0,
        exclusive: bits & EXCLUSIVE != 0,
        truncate: bits & TRUNCATE != 0,
        directory: false,
        follow: true,
    };
    let opened = match path(call, 0)? {
        Ok(path) => open_path(call, &path, how),
        Err(fail) => Err(fail),
    };
    answer(opened, count)
}

fn open_path(call: &mut Call<'_>, path: &str, how: OpenHow) -> Result<usize, Fail> {
    match root(call).open(path, how)? {
        Opened::File(file) => call.data().streams.add(file),
        Opened::Dir => Err(Errno::Isdir.into()),
    }
}

pub(super) fn close(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let fd = call.integer(0)?;
    let closed = call.data().streams.close(fd);
    answer(closed, zero)
}

pub(super) fn flush(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let flushed = with_stream(call, Stream::flush)?;
    answer(flushed, zero)
}

/// Passes on what every open file still holds.
pub(super) fn flush_all(call: &mut Call<'_>) -> Result<(), Stop> {
    call.data().streams.flush()
}

/// A file, an offset, and what it counts from: 0 start, 1 here, 2 end.
pub(super) fn seek(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let offset = call.integer(1)?;
    let to = match call.integer(2)? {
        0 => u64::try_from(offset).ok().map(SeekFrom::Start),
        1 => Some(SeekFrom::Current(offset)),
        2 => Some(SeekFrom::End(offset)),
        _ => None,
    };
    let at = with_stream(call, |stream| stream.seek(to.ok_or(Errno::Inval)?))?;
    answer(at, |at| Answer::Number(at as f64))
}

pub(super) fn eof(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let eof = with_stream(call, |stream| Ok(stream.eof))?;
    answer(eof, Answer::Bool)
}

/// 1 if an operation failed, else 0.
pub(super) fn error(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let failed = with_stream(call, |stream| Ok(stream.failed))?;
    answer(failed, |failed| Answer::Number(f64::from(u8::from(failed))))
}

pub(super) fn clear_error(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let cleared = with_stream(call, |stream| {
        stream.eof = false;
        stream.failed = false;
        Ok(())
    })?;
    answer(cleared, zero)
}

pub(super) fn isatty(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let terminal = with_stream(call, |stream| Ok(stream.is_terminal()))?;
    Ok(Answer::Bool(terminal.unwrap_or(false)))
}

/// A path, and whether an `ArrayBuffer` is wanted rather than a text.
pub(super) fn load(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let binary = call.boolean(1)?;
    let bytes = match path(call, 0)? {
        Ok(path) => read_file(&root(call), &path),
        Err(fail) => Err(fail),
    };
    answer(bytes, if binary { Answer::Bytes } else { into_text })
}

/// All of a file.
pub(super) fn read_file(root: &Root, path: &str) -> Result<Vec<u8>, Fail> {
    let how = OpenHow {
        read: true,
        follow: true,
        ..OpenHow::default()
    };
    let Opened::File(file) = root.open(path, how)? else {
        return Err(Errno::Isdir.into());
    };
    let size = usize::try_from(file.stat()?.size).unwrap_or(usize::MAX);
    if size > MAX_READ {
        return Err(Errno::Fbig.into());
    }
    let mut bytes = vec![0; size];
    let mut len = 0;
    loop {
        // One more than is left tells the end from a file that has grown.
        if len == bytes.len() {
            bytes.resize(len + 4096, 0);
        }
        match file.read(&mut bytes[len..])? {
            0 => break,
            count => len += count,
        }
        if len > MAX_READ {
            return Err(Errno::Fbig.into());
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// Path argument `index`, made absolute.
fn path(call: &mut Call<'_>, index: usize) -> Result<Result<String, Fail>, Failure> {
    let path = call.text(index)?;
    if path.is_empty() {
        return Ok(Err(Errno::Noent.into()));
    }
    if path.len() > MAX_PATH {
        return Ok(Err(Errno::Nametoolong.into()));
    }
    Ok(Ok(call.data().resolve(&path)))
}

fn root(call: &mut Call<'_>) -> Root {
    call.state().wasi().root().clone()
}

/// Runs `operation` on the path in argument 0.
fn on_path<T>(
    call: &mut Call<'_>,
    operation: impl FnOnce(&Root, &str) -> Result<T, Errno>,
) -> Result<Result<T, Fail>, Failure> {
    let path = path(call, 0)?;
    let root = root(call);
    Ok(path.and_then(|path| Ok(operation(&root, &path)?)))
}

/// A path, whether to follow a link, and a buffer for the numbers.
pub(super) fn stat(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let follow = call.boolean(1)?;
    let stat = match on_path(call, |root, path| root.stat(path, follow))? {
        Ok(stat) => stat,
        Err(fail) => return failed(fail),
    };
    let range = call.buffer(2)?;
    let (bytes, _) = call.memory(range)?;
    for (place, number) in bytes.chunks_exact_mut(8).zip(numbers(&stat)) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    Ok(Answer::Number(0.0))
}

fn numbers(stat: &Filestat) -> [f64; STAT_NUMBERS] {
    let kind = match stat.filetype {
        FileType::Directory => 0o040_755,
        FileType::CharacterDevice => 0o020_644,
        FileType::BlockDevice => 0o060_644,
        FileType::SymbolicLink => 0o120_777,
        FileType::SocketDgram | FileType::SocketStream => 0o140_644,
        FileType::Pipe => 0o010_644,
        FileType::RegularFile | FileType::Unknown => 0o100_644,
    };
    [
        stat.device_id as f64,
        stat.inode as f64,
        f64::from(kind),
        stat.nlink as f64,
        0.0,
        0.0,
        0.0,
        stat.size as f64,
        stat.size.div_ceil(512) as f64,
        milliseconds(stat.atim),
        milliseconds(stat.mtim),
        milliseconds(stat.ctim),
    ]
}

/// Since 1970; whole ones, as QuickJS has them.
fn milliseconds(time: Option<SystemTime>) -> f64 {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0.0, |since| since.as_millis() as f64)
}

/// Names, separated by NUL, without `.` and `..`.
pub(super) fn readdir(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let entries = on_path(call, |root, path| root.read_dir(path))?;
    answer(entries, |entries| {
        let mut names: Vec<String> = entries
            .into_iter()
            .map(|entry| entry.name)
            .filter(|name| name != "." && name != "..")
            .collect();
        names.sort_unstable();
        Answer::Text(names.join("\0"))
    })
}

pub(super) fn readlink(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let target = on_path(call, Root::read_link)?;
    answer(target, Answer::Text)
}

/// The path without `.`, `..` and repeated slashes, if something is there.
pub(super) fn realpath(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let found = on_path(call, |root, path| {
        root.stat(path, true)?;
        Ok(super::modules::tidy(path))
    })?;
    answer(found, Answer::Text)
}

pub(super) fn mkdir(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let made = on_path(call, Root::create_dir)?;
    answer(made, zero)
}

/// A file or an empty folder.
pub(super) fn remove(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let removed = on_path(call, |root, path| match root.stat(path, false)?.filetype {
        FileType::Directory => root.remove_dir(path),
        _ => root.remove_file(path),
    })?;
    answer(removed, zero)
}

pub(super) fn rename(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let to = match path(call, 1)? {
        Ok(to) => to,
        Err(fail) => return failed(fail),
    };
    let renamed = on_path(call, |root, from| root.rename(from, &to))?;
    answer(renamed, zero)
}

pub(super) fn getcwd(call: &mut Call<'_>) -> Result<Answer, Failure> {
    Ok(Answer::Text(call.data().cwd().to_owned()))
}

pub(super) fn chdir(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let found = on_path(call, |root, path| match root.stat(path, true)?.filetype {
        FileType::Directory => Ok(super::modules::tidy(path)),
        _ => Err(Errno::Notdir),
    })?;
    let moved = found.map(|path| call.data().cwd = Some(path));
    answer(moved, zero)
}
