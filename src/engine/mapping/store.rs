//! A store and the address space that its memories live in.

use super::{Contents, Memories, Reservation, StopWord};
#[cfg(unix)]
use super::{PAGE, reservation::most};
use crate::{Error, ErrorKind};
use std::{ops::Range, sync::Arc};
use wasmi::{
    AsContext, AsContextMut, CallHook, Memory, MemoryType, Store, StoreContext, StoreContextMut,
};

/// A store whose memories may lie in a [`Reservation`]. It can be used like a
/// store, but not taken apart while it lives.
pub(crate) struct MappedStore<T> {
    // First, so that it is dropped before the addresses it uses.
    store: Store<T>,
    reservation: Reservation,
    /// What a guest that is bounded looks at. After the store, as the reservation is.
    stop: Option<Arc<StopWord>>,
    /// The store's memories, once made.
    memories: Vec<Placed>,
    /// Whether it was tried to make them: even a failed attempt may have lent
    /// a space to the store.
    is_used: bool,
}

/// A memory made from an image.
struct Placed {
    memory: Memory,
    /// Of the size that it has when an instance wakes: wasmi's own says what it
    /// began with.
    ty: MemoryType,
    /// Whether it lies in the reservation's space of the same index.
    is_mapped: bool,
}

impl<T> MappedStore<T> {
    pub(crate) fn new(store: Store<T>, reservation: Reservation) -> Self {
        Self {
            store,
            reservation,
            stop: None,
            memories: Vec::new(),
            is_used: false,
        }
    }

    /// The store, to be looked at.
    pub(crate) fn store(&self) -> &Store<T> {
        &self.store
    }

    pub(crate) fn data(&self) -> &T {
        self.store.data()
    }

    pub(crate) fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// Calls `hook` whenever the host calls the guest or the guest the host.
    pub(crate) fn on_call(
        &mut self,
        hook: impl FnMut(&mut T, CallHook) -> Result<(), wasmi::Error> + Send + Sync + 'static,
    ) {
        self.store.call_hook(hook);
    }

    pub(crate) fn reservation(&self) -> &Reservation {
        &self.reservation
    }

    pub(crate) fn into_data(self) -> T {
        self.into_parts().0
    }

    /// Ends the store; the reservation can be given to another one.
    pub(crate) fn into_parts(self) -> (T, Reservation) {
        // The store is gone when this returns.
        let data = self.store.into_data();
        drop(self.stop);
        (data, self.reservation)
    }

    /// Makes the memories `memories`, of the imported types `types`, and puts
    /// the image's contents into them.
    ///
    /// # Errors
    ///
    /// When the store's limiter refuses, a type does not fit, the image can't
    /// be read, or the store has memories already.
    pub(crate) fn memories(
        &mut self,
        memories: &Memories,
        types: &[MemoryType],
    ) -> Result<Vec<Memory>, Error> {
        if self.is_used || types.len() != memories.contents().len() {
            return Err(failed("there are other memories in it", None));
        }
        self.is_used = true;
        for (index, (contents, import)) in memories.contents().iter().zip(types).enumerate() {
            let ty = memory_type(contents, *import)?;
            let placed = match self.make_mapped(index, ty, contents, memories)? {
                Some(memory) => Placed {
                    memory,
                    ty,
                    is_mapped: true,
                },
                None => Placed {
                    memory: self.make_copied(ty, contents, memories)?,
                    ty,
                    is_mapped: false,
                },
            };
            self.memories.push(placed);
        }
        Ok(self.made())
    }

    /// Makes the memory that a bounded guest looks at, which begins with the
    /// [word](Self::stop).
    ///
    /// # Errors
    ///
    /// When there is no address space for it, the store's limiter refuses, or the
    /// store has one.
    pub(crate) fn make_stop(&mut self) -> Result<Memory, Error> {
        if self.stop.is_some() {
            return Err(failed("there is a word to stop it already", None));
        }
        let (word, memory) = StopWord::in_store(&mut self.store)?;
        self.stop = Some(Arc::new(word));
        Ok(memory)
    }

    /// The word that a bounded guest looks at.
    pub(crate) fn stop(&self) -> Option<&Arc<StopWord>> {
        self.stop.as_ref()
    }

    /// The memories that were made.
    pub(crate) fn made(&self) -> Vec<Memory> {
        self.memories.iter().map(|placed| placed.memory).collect()
    }

    /// Whether the memories that were made are what [`memories`](Self::memories)
    /// makes for the imported types `types`.
    pub(crate) fn has_made(&self, memories: &Memories, types: &[MemoryType]) -> bool {
        let contents = memories.contents();
        self.memories.len() == contents.len()
            && types.len() == contents.len()
            && self.memories.iter().zip(contents.iter().zip(types)).all(
                |(placed, (contents, import))| {
                    memory_type(contents, *import).ok() == Some(placed.ty)
                },
            )
    }

    /// Whether all memories are mapped rather than copied.
    pub(crate) fn is_mapped(&self) -> bool {
        self.memories.iter().all(|placed| placed.is_mapped)
    }

    /// Brings the memories back to what the image has; `false` where one has
    /// grown, which can't be undone.
    ///
    /// # Errors
    ///
    /// When the image can't be read or mapped any more.
    pub(crate) fn restore(&mut self, memories: &Memories) -> Result<bool, Error> {
        let grown = self
            .memories
            .iter()
            .zip(memories.contents())
            .any(|(placed, contents)| placed.memory.size(&self.store) != contents.pages);
        if grown || self.memories.len() != memories.contents().len() {
            return Ok(false);
        }
        for index in 0..self.memories.len() {
            let contents = &memories.contents()[index];
            if self.memories[index].is_mapped {
                self.remap(index, contents, memories)?;
            } else {
                let bytes = self.memories[index].memory.data_mut(&mut self.store);
                bytes.fill(0);
                copy(bytes, contents, memories)?;
            }
        }
        Ok(true)
    }

    /// What of each memory's initial part has been written to, for
    /// [`Memories::with_written`]. Empty where the system doesn't tell.
    #[cfg_attr(
        not(any(test, feature = "bench")),
        allow(dead_code, reason = "images don't say yet what runs write to")
    )]
    #[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
    pub(crate) fn written(&self, memories: &Memories) -> Vec<Vec<Range<u64>>> {
        self.memories
            .iter()
            .zip(memories.contents())
            .map(|(placed, contents)| match placed.is_mapped {
                #[cfg(target_os = "linux")]
                true => {
                    let base = placed.memory.data_ptr(&self.store).addr();
                    let pages = usize_of(contents.bytes())
                        .ok()
                        .and_then(|len| super::pagemap::own_pages(base, len).ok());
                    let mut pages = pages.unwrap_or_default();
                    let bytes = placed.memory.data(&self.store);
                    pages.retain(|page| !is_zero_still(bytes, *page, contents));
                    ranges(&pages)
                }
                _ => Vec::new(),
            })
            .collect()
    }

    /// A memory that wasmi allocates and we copy to.
    fn make_copied(
        &mut self,
        ty: MemoryType,
        contents: &Contents,
        memories: &Memories,
    ) -> Result<Memory, Error> {
        let memory = Memory::new(&mut self.store, ty).map_err(refused)?;
        copy(memory.data_mut(&mut self.store), contents, memories)?;
        Ok(memory)
    }

    /// A memory in the reservation; `None` where it has no room for it.
    #[cfg(unix)]
    fn make_mapped(
        &mut self,
        index: usize,
        ty: MemoryType,
        contents: &Contents,
        memories: &Memories,
    ) -> Result<Option<Memory>, Error> {
        let absolute = if ty.is_64() { u64::MAX } else { 1 << 32 };
        let needed = most(ty.maximum(), self.reservation.limit())
            .min(absolute)
            .max(contents.bytes());
        let Some(Some(space)) = self.reservation.spaces.get_mut(index) else {
            return Ok(None);
        };
        if needed > space.len() as u64 {
            return Ok(None);
        }
        // SAFETY: this value keeps the space as long as the store, which it
        // drops first, and makes one memory per space and store, as `memories`
        // checks.
        let bytes = unsafe { space.bytes() };
        let first = Self::make_ready(space, 0..contents.pages.min(STEP))?;
        let memory = Memory::new_static(&mut self.store, sized(ty, first.end)?, bytes);
        let memory = memory.map_err(refused)?;
        let mut filled = first;
        loop {
            let Some(Some(space)) = self.reservation.spaces.get_mut(index) else {
                return Err(failed("its space is gone", None));
            };
            let range = usize_of(filled.start * PAGE)?..usize_of(filled.end * PAGE)?;
            // SAFETY: `&mut self` keeps everybody from the store's memories.
            unsafe { space.put_zeros(range).map_err(unmapped)? };
            if filled.end == contents.pages {
                break;
            }
            let next = filled.end..contents.pages.min(filled.end + STEP);
            filled = Self::make_ready(space, next)?;
            let more = filled.end - filled.start;
            memory.grow(&mut self.store, more).map_err(refused)?;
        }
        self.lay(index, contents, memories)?;
        Ok(Some(memory))
    }

    /// Makes the Wasm pages `pages` of `space` cheap to fill; the same.
    #[cfg(unix)]
    fn make_ready(space: &mut super::space::Space, pages: Range<u64>) -> Result<Range<u64>, Error> {
        super::zeros::make_ready(
            space,
            usize_of(pages.start * PAGE)?..usize_of(pages.end * PAGE)?,
        );
        Ok(pages)
    }

    #[cfg(not(unix))]
    fn make_mapped(
        &mut self,
        _index: usize,
        _ty: MemoryType,
        _contents: &Contents,
        _memories: &Memories,
    ) -> Result<Option<Memory>, Error> {
        Ok(None)
    }

    /// Undoes what was written to a memory that has not grown.
    #[cfg(unix)]
    fn remap(
        &mut self,
        index: usize,
        contents: &Contents,
        memories: &Memories,
    ) -> Result<(), Error> {
        #[cfg(target_os = "linux")]
        {
            let memory = self.memories[index].memory;
            if rewind(memory.data_mut(&mut self.store), contents, memories).is_some() {
                return Ok(());
            }
            if let Some(Some(space)) = self.reservation.spaces.get_mut(index) {
                let initial = 0..usize_of(contents.bytes())?;
                // SAFETY: `&mut self` keeps everybody from the store's memories.
                if unsafe { space.discard(initial) } {
                    return Ok(());
                }
            }
        }
        if let Some(Some(space)) = self.reservation.spaces.get_mut(index) {
            // SAFETY: `&mut self` keeps everybody from the store's memories.
            unsafe {
                space
                    .put_zeros(0..usize_of(contents.bytes())?)
                    .map_err(unmapped)?
            };
        }
        self.lay(index, contents, memories)
    }

    #[cfg(not(unix))]
    fn remap(&mut self, _: usize, _: &Contents, _: &Memories) -> Result<(), Error> {
        Ok(())
    }

    /// Maps what the image has over a memory's initial part, which is zeros.
    #[cfg(unix)]
    fn lay(&mut self, index: usize, contents: &Contents, memories: &Memories) -> Result<(), Error> {
        let (Some(Some(space)), super::Source::File(file)) =
            (self.reservation.spaces.get_mut(index), memories.source())
        else {
            return Err(failed("it is not in a file", None));
        };
        for extent in &contents.extents {
            let start = usize_of(extent.guest)?;
            let range = start..start + usize_of(extent.len)?;
            // SAFETY: `&mut self` keeps everybody from the store's memories, and
            // `Memories::new` checked the file's length.
            let laid = unsafe { space.put_file(range, file, extent.file, false) };
            laid.map_err(unmapped)?;
        }
        #[cfg(target_os = "linux")]
        for range in memories.written(index) {
            space.populate(usize_of(range.start)?..usize_of(range.end)?);
        }
        Ok(())
    }
}

impl<T> AsContext for MappedStore<T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        self.store.as_context()
    }
}

impl<T> AsContextMut for MappedStore<T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.store.as_context_mut()
    }
}

/// Whether a page of zeros was at most read.
#[cfg(target_os = "linux")]
#[cfg_attr(
    not(any(test, feature = "bench")),
    allow(dead_code, reason = "images don't say yet what runs write to")
)]
fn is_zero_still(bytes: &[u8], page: usize, contents: &Contents) -> bool {
    let end = page + rustix::param::page_size();
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    contents.locate(page as u64).is_none() && bytes.get(page..end).is_some_and(is_zero)
}

/// Neighbouring pages joined.
#[cfg(target_os = "linux")]
#[cfg_attr(
    not(any(test, feature = "bench")),
    allow(dead_code, reason = "images don't say yet what runs write to")
)]
fn ranges(pages: &[usize]) -> Vec<Range<u64>> {
    let size = rustix::param::page_size() as u64;
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for start in pages.iter().map(|page| *page as u64) {
        match ranges.last_mut() {
            Some(last) if last.end == start => last.end = start + size,
            _ => ranges.push(start..start + size),
        }
    }
    ranges
}

/// Pages that an instance may keep for the next run, written back to what they
/// were: that costs a tenth of dropping a page and faulting it in again, but
/// they count as the instance's memory while it rests. 3 MiB of 4 KiB pages.
#[cfg(target_os = "linux")]
const MAX_KEPT: usize = 768;

/// Writes back what differs from the image, page by page. `None` where that
/// can't be done, or is too much to keep; what was written back already does
/// no harm.
#[cfg(target_os = "linux")]
fn rewind(bytes: &mut [u8], contents: &Contents, memories: &Memories) -> Option<()> {
    let pristine = memories.pristine()?;
    let own = super::pagemap::own_pages(bytes.as_ptr().addr(), bytes.len()).ok()?;
    if own.len() > MAX_KEPT {
        return None;
    }
    let size = rustix::param::page_size();
    for start in own {
        let page = bytes.get_mut(start..start + size)?;
        match contents.locate(start as u64) {
            Some(at) => {
                let at = usize::try_from(at).ok()?;
                page.copy_from_slice(pristine.get(at..at + size)?);
            }
            // Zeros that were only read are the system's one page of zeros,
            // which writing would replace.
            None if page.iter().any(|byte| *byte != 0) => page.fill(0),
            None => {}
        }
    }
    Some(())
}

/// Wasm pages that wasmi fills with zeros at a time. What lies under the fill is
/// mapped many times, and the system counts it as resident as often: with all 24 MB
/// of Python's at once, that was two thirds of the process' peak.
#[cfg(unix)]
const STEP: u64 = 64;

/// A memory that begins with `pages`, otherwise of the type `ty`.
#[cfg(unix)]
fn sized(ty: MemoryType, pages: u64) -> Result<MemoryType, Error> {
    let mut builder = MemoryType::builder();
    builder.memory64(ty.is_64()).min(pages).max(ty.maximum());
    builder.build().map_err(refused)
}

#[cfg(unix)]
fn unmapped(error: rustix::io::Errno) -> Error {
    failed("it can't be mapped", Some(error.into()))
}

/// The type of a memory that is imported as `import`.
fn memory_type(contents: &Contents, import: MemoryType) -> Result<MemoryType, Error> {
    let mut builder = MemoryType::builder();
    builder
        .memory64(import.is_64())
        .min(contents.pages)
        .max(contents.maximum.or(import.maximum()));
    builder.build().map_err(refused)
}

/// Copies what the image has into `bytes`, which are zero.
fn copy(bytes: &mut [u8], contents: &Contents, memories: &Memories) -> Result<(), Error> {
    for extent in &contents.extents {
        let start = usize_of(extent.guest)?;
        let len = usize_of(extent.len)?;
        let Some(target) = bytes.get_mut(start..start + len) else {
            return Err(failed("it is larger than the memory", None));
        };
        let read = memories.source().read(extent.file, target);
        read.map_err(|error| failed("it can't be read", Some(error)))?;
    }
    Ok(())
}

fn usize_of(bytes: u64) -> Result<usize, Error> {
    usize::try_from(bytes).map_err(|_| failed("it does not fit this machine", None))
}

fn refused(error: impl Into<wasmi::Error>) -> Error {
    let error = error.into();
    Error::new(
        ErrorKind::Engine,
        format!("the image's memory can't be made: {error}"),
    )
}

fn failed(problem: &str, error: Option<std::io::Error>) -> Error {
    let message = match &error {
        Some(error) => format!("the image's memory can't be restored: {problem}: {error}"),
        None => format!("the image's memory can't be restored: {problem}"),
    };
    Error::new(ErrorKind::Io, message)
}
