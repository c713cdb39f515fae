//! Linear memory that is mapped from an image: the only place with `unsafe`.
//!
//! wasmi takes a memory's bytes from the host as a `&'static mut [u8]`, fills
//! its initial part with zeros, and from then on reads and writes only inside
//! what the memory has grown to. Under that address range we put what we like:
//!
//! 1. A [`Reservation`] is address space for every memory of one instance, as
//!    large as it may ever grow. Nothing backs it until it is touched. To make
//!    wasmi's fill cheap, one small file of zeros lies under all of the initial
//!    part, again and again, so that the fill stays in the processor's cache.
//! 2. [`MappedStore::memories`] makes the wasmi memories, then lays the image's
//!    [`Extent`]s over them, private and copy-on-write, and fresh zero pages
//!    over the rest. Clean pages stay in the page cache, shared by every
//!    instance of every process.
//! 3. [`MappedStore::restore`] rewrites the pages that a run has dirtied, or
//!    drops them where they are many.
//!
//! [`MappedFile`], [`Trusted`], [`use_large_pages`] and `refuse_executable` are here for
//! their `unsafe`.
//!
//! Where that can't be (no `mmap`, an image that lies in memory or unaligned,
//! address space that is short), the reservation is empty, wasmi allocates, and
//! the image is copied.
//!
//! # Safety
//!
//! The `'static` that wasmi asks for is a lie that [`MappedStore`] makes good:
//! it owns the store and the reservation, never hands out either, not even
//! `&mut Store` (which could be swapped out), and drops the store first. Bytes
//! are only borrowed from wasmi's memories through the store, so holding
//! `&mut MappedStore` proves that nobody looks while pages are exchanged.

mod contents;
// Where there is `lockdown`.
#[cfg(all(
    feature = "cli",
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
))]
mod executable;
mod file;
#[cfg(feature = "cli")]
mod heap;
#[cfg(target_os = "linux")]
mod pagemap;
mod reservation;
#[cfg(unix)]
mod space;
mod stop;
mod store;
mod trusted;
#[cfg(unix)]
mod zeros;

#[cfg(test)]
mod tests;

pub(crate) use contents::{Contents, Extent, Memories, Source};
#[cfg(all(
    feature = "cli",
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
))]
pub(crate) use executable::{can_refuse_executable, refuse_executable};
pub(crate) use file::MappedFile;
#[cfg(feature = "cli")]
pub use heap::Heap;
#[cfg(feature = "cli")]
pub(crate) use heap::{keep_all, use_large_pages};
pub(crate) use reservation::Reservation;
#[cfg(all(feature = "cli", target_os = "linux"))]
pub(crate) use space::can_reserve;
pub(crate) use stop::StopWord;
pub(crate) use store::MappedStore;
pub(crate) use trusted::{Trusted, module_unchecked};

/// Bytes of a Wasm page.
pub(crate) const PAGE: u64 = 64 << 10;
