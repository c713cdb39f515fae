//! What the mapping promises, mapped and copied alike.

use super::{Contents, Extent, MappedFile, MappedStore, Memories, PAGE, Reservation, Source};
use std::{fs::File, io::Write, sync::Arc};
use wasmi::{Engine, Memory, MemoryType, Store};

/// A file of `pages` pages after `skip` bytes, each filled with its number
/// from 1 on.
fn file(skip: usize, pages: u8) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(&vec![0xff; skip]).expect("room");
    for page in 1..=pages {
        file.write_all(&[page; PAGE as usize]).expect("room");
    }
    file
}

fn extent(guest: u64, file: u64, pages: u64) -> Extent {
    Extent {
        guest: guest * PAGE,
        file,
        len: pages * PAGE,
    }
}

/// Six pages: zeros, 2, 3, zeros, 1, zeros.
fn contents(skip: u64) -> Contents {
    Contents {
        pages: 6,
        maximum: Some(8),
        extents: vec![extent(1, skip + PAGE, 2), extent(4, skip, 1)],
    }
}

const EXPECTED: [u8; 6] = [0, 2, 3, 0, 1, 0];

/// The same memory from each kind of source; whether it is mapped.
fn sources() -> Vec<(Memories, bool)> {
    let mapped = file(0, 3);
    let unaligned = file(12, 3);
    let mut bytes = vec![0; 12];
    for page in 1..=3 {
        bytes.extend([page; PAGE as usize]);
    }
    let memories = |source, skip| Memories::new(source, vec![contents(skip)]).expect("an image");
    vec![
        (memories(Source::File(Arc::new(mapped)), 0), cfg!(unix)),
        (memories(Source::File(Arc::new(unaligned)), 12), false),
        (memories(Source::Bytes(bytes.into()), 12), false),
    ]
}

fn wake(memories: &Memories, reservation: Reservation) -> (MappedStore<()>, Memory) {
    let store = Store::new(&Engine::default(), ());
    let mut store = MappedStore::new(store, reservation);
    let made = store
        .memories(memories, &[MemoryType::new(0, None)])
        .expect("a memory");
    (store, made[0])
}

/// The first and last byte of each page, which must be equal.
fn pages(store: &MappedStore<()>, memory: Memory) -> Vec<u8> {
    memory
        .data(store.store())
        .chunks(PAGE as usize)
        .map(|page| {
            assert_eq!(page.first(), page.last());
            page[0]
        })
        .collect()
}

#[test]
fn memory_is_what_the_image_has() {
    for (memories, is_mapped) in sources() {
        let reservation = Reservation::new(&memories, 1 << 20);
        let (store, memory) = wake(&memories, reservation);
        assert_eq!(pages(&store, memory), EXPECTED);
        assert_eq!(store.is_mapped(), is_mapped);
    }
}

#[test]
fn writes_stay_with_their_instance() {
    for (memories, _) in sources() {
        let (mut store, memory) = wake(&memories, Reservation::new(&memories, 1 << 20));
        memory.data_mut(&mut store).fill(9);
        let (other, same) = wake(&memories, Reservation::new(&memories, 1 << 20));
        assert_eq!(pages(&other, same), EXPECTED);
        assert_eq!(pages(&store, memory), [9; 6]);
    }
}

#[test]
fn restoring_drops_writes_again_and_again() {
    for (memories, _) in sources() {
        let (mut store, memory) = wake(&memories, Reservation::new(&memories, 1 << 20));
        for _ in 0..3 {
            memory.data_mut(&mut store).fill(9);
            assert!(store.restore(&memories).expect("the image is there"));
            assert_eq!(pages(&store, memory), EXPECTED);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_written_is_told_and_made_ready() {
    let (memories, _) = sources().remove(0);
    let (mut store, memory) = wake(&memories, Reservation::new(&memories, 0));
    assert_eq!(store.written(&memories), [vec![]]);
    let page = rustix::param::page_size();
    for at in [
        0,
        PAGE as usize,
        PAGE as usize + page,
        5 * PAGE as usize + 7,
    ] {
        memory.data_mut(&mut store)[at] = 9;
    }
    let page = page as u64;
    let written = vec![0..page, PAGE..PAGE + 2 * page, 5 * PAGE..5 * PAGE + page];
    assert_eq!(store.written(&memories), std::slice::from_ref(&written));

    let mut list = written.clone();
    #[expect(clippy::reversed_empty_ranges, reason = "nonsense is ignored")]
    list.extend([9 * PAGE..10 * PAGE, u64::MAX - 1..u64::MAX, 7..3]);
    let memories = memories.with_written(vec![list]);
    let (store, memory) = wake(&memories, Reservation::new(&memories, 0));
    assert_eq!(pages(&store, memory), EXPECTED);
    // Pages of zeros that are made ready don't show.
    assert_eq!(store.written(&memories), [[written[1].clone()]]);
}

/// More pages than an instance keeps, and few: both ways of restoring.
#[test]
fn few_and_many_dirty_pages_are_restored() {
    let file = file(0, 64);
    let contents = Contents {
        pages: 70,
        maximum: None,
        extents: vec![extent(0, 0, 30), extent(33, 30 * PAGE, 34)],
    };
    let memories = Memories::new(Source::File(Arc::new(file)), vec![contents]).expect("an image");
    let (mut store, memory) = wake(&memories, Reservation::new(&memories, 0));
    let fresh = memory.data(store.store()).to_vec();
    for every in [1, 4096, 4096 * 7, 1 << 20, 2, 1 << 16] {
        let bytes = memory.data_mut(&mut store);
        bytes
            .iter_mut()
            .step_by(every)
            .for_each(|byte| *byte ^= 0x55);
        bytes
            .iter_mut()
            .skip(4095)
            .step_by(every)
            .for_each(|byte| *byte ^= 0xaa);
        assert!(store.restore(&memories).expect("the image is there"));
        assert!(memory.data(store.store()) == fresh, "every {every}");
    }
}

#[test]
fn grown_memory_is_zero_and_bounded() {
    for (memories, _) in sources() {
        let (mut store, memory) = wake(&memories, Reservation::new(&memories, 1 << 20));
        assert_eq!(memory.grow(&mut store, 2).ok(), Some(6));
        assert_eq!(pages(&store, memory), [0, 2, 3, 0, 1, 0, 0, 0]);
        assert!(memory.grow(&mut store, 1).is_err(), "the maximum is 8");
        assert!(!store.restore(&memories).expect("the image is there"));
    }
}

#[test]
fn a_reservation_serves_again() {
    for (memories, _) in sources() {
        let mut reservation = Reservation::new(&memories, 1 << 20);
        for _ in 0..3 {
            let (mut store, memory) = wake(&memories, reservation);
            assert_eq!(pages(&store, memory), EXPECTED);
            memory.grow(&mut store, 2).expect("there is room");
            memory.data_mut(&mut store).fill(9);
            ((), reservation) = store.into_parts();
            reservation.renew(&memories);
        }
    }
}

#[test]
fn a_store_has_its_memories_once() {
    for (memories, _) in sources() {
        let (mut store, _) = wake(&memories, Reservation::new(&memories, 1 << 20));
        let again = store.memories(&memories, &[MemoryType::new(0, None)]);
        assert!(again.is_err());
    }
}

#[test]
fn a_reservation_too_small_or_of_another_image_is_not_used() {
    let (memories, _) = sources().remove(0);
    let larger = Contents {
        pages: 40,
        maximum: None,
        extents: vec![],
    };
    let larger = Memories::new(memories.source().clone(), vec![larger]).expect("an image");
    let (store, memory) = wake(&larger, Reservation::new(&memories, 1 << 20));
    assert_eq!(pages(&store, memory), [0; 40]);
    assert!(!store.is_mapped());
}

#[test]
fn a_wide_memory_may_grow_beyond_the_address_space() {
    let (memories, _) = sources().remove(0);
    let contents = Contents {
        maximum: None,
        ..memories.contents()[0].clone()
    };
    let memories = Memories::new(memories.source().clone(), vec![contents]).expect("an image");
    let store = Store::new(&Engine::default(), ());
    let mut store = MappedStore::new(store, Reservation::new(&memories, 1 << 40));
    let made = store
        .memories(&memories, &[MemoryType::new64(0, None)])
        .expect("a memory");
    assert_eq!(pages(&store, made[0]), EXPECTED);
    assert!(!store.is_mapped());
}

#[test]
fn contradictions_are_refused() {
    let file = Arc::new(file(0, 3));
    let refused = |change: fn(&mut Contents)| {
        let mut contents = contents(0);
        change(&mut contents);
        let error = Memories::new(Source::File(Arc::clone(&file)), vec![contents])
            .expect_err("it must be refused");
        assert!(error.to_string().contains("memory 0"), "{error}");
    };
    refused(|contents| contents.pages = u64::MAX);
    refused(|contents| contents.pages = 5 << 47);
    refused(|contents| contents.maximum = Some(5));
    refused(|contents| contents.pages = 4);
    refused(|contents| contents.extents[0].guest += 1);
    refused(|contents| contents.extents[0].len += 1);
    refused(|contents| contents.extents[0].len = 0);
    refused(|contents| contents.extents[0].len = 4 * PAGE);
    refused(|contents| contents.extents[1].file = PAGE * 2 + 1);
    refused(|contents| contents.extents[1].file = u64::MAX);
    refused(|contents| contents.extents[1].guest = u64::MAX / PAGE * PAGE);
    refused(|contents| contents.extents.swap(0, 1));
}

#[test]
fn a_file_is_mapped_from_anywhere_to_anywhere() {
    let file = file(0, 2);
    let len = 2 * PAGE;
    for range in [0..len, 1..len - 1, PAGE - 1..PAGE + 1, PAGE..PAGE, len..len] {
        let mapped = MappedFile::new(&file, range.clone()).expect("inside the file");
        let expected: Vec<u8> = range
            .map(|offset| if offset < PAGE { 1 } else { 2 })
            .collect();
        assert_eq!(*mapped, *expected);
    }
    #[expect(clippy::reversed_empty_ranges, reason = "it must be refused")]
    for range in [0..len + 1, len + 1..len + 1, 2..1, 0..u64::MAX] {
        assert!(MappedFile::new(&file, range).is_err());
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn the_heap_serves_on_in_large_pages() {
    let before = vec![1u8; 100_000];
    super::use_large_pages();
    super::heap::expect_module(1 << 20);
    let after: Vec<Vec<u8>> = (0..200).map(|n| vec![n; 100_000]).collect();
    assert!(before.iter().all(|byte| *byte == 1));
    for (block, n) in after.iter().zip(0..) {
        assert!(block.iter().all(|byte| *byte == n));
    }
}
