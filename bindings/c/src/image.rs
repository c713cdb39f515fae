//! Images.

use crate::{
    config::Config,
    error::{Error, catch, free, given},
    program::Program,
    raw,
};
use runtime::{GuestStore, Language, Point};
use std::{
    ffi::{c_char, c_void},
    mem::MaybeUninit,
};

/// A guest, loaded and checked, that any number of runs and sessions start from,
/// in any number of threads. What was started from it keeps what it needs.
pub struct Image(pub(crate) runtime::Image);

fn boxed(image: runtime::Image) -> Box<Image> {
    Box::new(Image(image))
}

/// A WASI program or another Wasm module, binary or text, or the bytes of a
/// snapshot. `name` is what errors call it. The bytes are copied.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_image_new(
    name: *const c_char,
    data: *const c_void,
    length: usize,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Image>> {
    catch(error, || {
        let name = raw::text(name, "the image's name")?;
        let source = raw::bytes(data, length, "the image's data")?;
        Ok(boxed(runtime::Image::wasm(name, source)?))
    })
}

/// The snapshot, bundle or Wasm module (binary or text) in a file. A snapshot is
/// checked to its last byte, and held in memory, unless this installation made it.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_image_open(
    path: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Image>> {
    catch(error, || {
        let path = raw::path(path, "the image's path")?;
        Ok(boxed(runtime::Image::open(path)?))
    })
}

/// The same, of a file that nobody changes while the image, or anything that was
/// started from it, is in use: a resource of an installed app, a file in a
/// read-only file system. A snapshot in it is mapped, read-only and never
/// executable: what no guest has written to is the file's own memory, which the
/// system shares, and can take back. It is checked to its last byte all the same.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_image_map(
    path: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Image>> {
    catch(error, || {
        let path = raw::path(path, "the image's path")?;
        Ok(boxed(runtime::Image::map(path)?))
    })
}

/// A language's own image: "python" or "javascript", from the folder `cache`, or,
/// where that is NULL, from $DORMOUSE_CACHE or the platform's folder for caches.
/// What is not there yet is fetched (by npm) and captured, which takes seconds.
/// On a device that can't do that, open an image that was made elsewhere.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_image_language(
    language: *const c_char,
    cache: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Image>> {
    catch(error, || {
        let language: Language = raw::text(language, "the language")?.parse()?;
        let store = match cache.is_null() {
            true => GuestStore::open_default()?,
            false => GuestStore::at(raw::path(cache, "the cache's path")?),
        };
        Ok(boxed(store.image(language, &mut |_| {})?))
    })
}

/// Runs a program up to a point, and keeps what it is then: runs of that image go on
/// from there. `point` is NULL for where the program says, by calling
/// dormouse.snapshot_point(); otherwise as for the command's option --at, or
/// "init:NAME" for an exported function to be called. `config` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_image_snapshot(
    image: Option<&Image>,
    program: Option<&Program>,
    point: *const c_char,
    config: Option<&Config>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Option<Box<Image>> {
    catch(error, || {
        let image = given(image, "the image")?;
        let program = given(program, "the program")?.get();
        let point = match point.is_null() {
            true => Point::program(),
            false => raw::text(point, "the point")?.parse()?,
        };
        let sandbox = Config::of(config).sandbox(&image.0);
        Ok(boxed(sandbox.snapshot(program, &point)?))
    })
}

/// Writes an image to a file, whole or not at all, for this program's next start,
/// or for other machines: a language's own image, a snapshot, or a module.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_image_save(
    image: Option<&Image>,
    path: *const c_char,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> bool {
    let done = catch(error, || {
        let image = given(image, "the image")?;
        Ok(image.0.save(raw::path(path, "the image's path")?)?)
    });
    done.is_some()
}

/// Frees an image. What was started from it goes on.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_image_free(image: Option<Box<Image>>) {
    free(image);
}
