use crate::{
    ErrorKind,
    image::{
        PAGE,
        file::{CapturedMemory, START, is_image, manifest_end, open, read, write},
        manifest::{ClockBase, FORMAT, Frame, Guest, Manifest, OpenFile},
    },
};
use wasmparser::Validator;

/// A module with two imported memories, as the rewriter makes them.
const MODULE: &str = r#"(module
    (import "dormouse" "memory0" (memory 0 64))
    (import "dormouse" "memory1" (memory 0))
    (func (export "_start") (i32.store8 0 (i32.const 0) (i32.load8_u 1 (i32.const 0)))))"#;

fn memory(pages: u64, filled: &[u64]) -> CapturedMemory {
    let mut contents = vec![0; usize::try_from(pages * PAGE).expect("small")];
    for page in filled {
        let at = usize::try_from(page * PAGE).expect("small");
        contents[at + 17] = 1 + u8::try_from(*page).expect("small");
    }
    CapturedMemory {
        pages,
        page_size: PAGE,
        maximum: (pages == 6).then_some(64),
        contents,
    }
}

fn manifest() -> Manifest {
    let guest = Guest {
        name: "test.wat".to_owned(),
        sha256: "00".repeat(32),
    };
    let mut manifest = Manifest::new(guest, "wasi_snapshot_preview1.fd_read:arg0=0");
    manifest.language = Some("python".to_owned());
    manifest.frames = vec![
        Frame {
            function: 7,
            name: Some("read".to_owned()),
        },
        Frame {
            function: 1,
            name: None,
        },
    ];
    manifest.clock = ClockBase { monotonic: 6 };
    manifest.files = vec![OpenFile {
        fd: 3,
        path: "/".to_owned(),
    }];
    manifest.args = vec!["a".to_owned(), "b c".to_owned()];
    manifest.state = serde_json::json!({"z": [1, 2], "a": null});
    manifest
}

fn memories() -> Vec<CapturedMemory> {
    vec![memory(6, &[0, 1, 4]), memory(2, &[])]
}

fn image() -> Vec<u8> {
    let module = wat::parse_str(MODULE).expect("well-formed");
    write(&module, &memories(), &manifest()).expect("it can be written")
}

/// What the image at `bytes` says of its memories, put together.
fn contents(bytes: &[u8]) -> Vec<Vec<u8>> {
    let parts = read(bytes).expect("it is whole");
    let sizes = parts.manifest.memories.iter().map(|memory| memory.pages);
    parts
        .memories
        .iter()
        .zip(sizes)
        .map(|(extents, pages)| {
            let mut memory = vec![0; usize::try_from(pages * PAGE).expect("small")];
            for extent in extents {
                assert_eq!(extent.file % PAGE, 0, "mappable");
                assert_eq!(extent.guest % PAGE, 0, "mappable");
                let [guest, file, len] = [extent.guest, extent.file, extent.len]
                    .map(|n| usize::try_from(n).expect("small"));
                memory[guest..guest + len].copy_from_slice(&bytes[file..file + len]);
            }
            memory
        })
        .collect()
}

#[test]
fn an_image_is_a_valid_module_that_holds_what_was_put_in() {
    let image = image();
    Validator::new().validate_all(&image).expect("valid Wasm");
    let parts = read(&image).expect("it is whole");
    let module = &image[..usize::try_from(parts.module).expect("small")];
    Validator::new()
        .validate_all(module)
        .expect("valid Wasm without its memory");
    let expected: Vec<Vec<u8>> = memories().into_iter().map(|m| m.contents).collect();
    assert!(contents(&image) == expected);

    let mut said = parts.manifest.clone();
    assert_eq!(said.memories[0].stored, [(0, 2), (4, 1)]);
    assert_eq!(said.memories[0].maximum, Some(64));
    assert_eq!(said.memories[1].stored, []);
    assert_eq!(said.memories[1].maximum, None);
    said.memories = Vec::new();
    said.module = 0;
    assert_eq!(said, manifest());
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert!(image() == image());
}

#[test]
fn an_image_of_an_image_has_one_set_of_sections() {
    let image = image();
    let module = &image[..usize::try_from(read(&image).expect("whole").module).expect("small")];
    assert!(write(module, &memories(), &manifest()).expect("written") == image);
    assert!(write(&image, &memories(), &manifest()).expect("written") == image);
}

#[test]
fn no_memory_takes_no_padding() {
    let module = wat::parse_str("(module (func (export \"_start\")))").expect("well-formed");
    let image = write(&module, &[], &manifest()).expect("written");
    assert!(image.len() < 2000, "{}", image.len());
    assert_eq!(read(&image).expect("whole").memories.len(), 0);
}

#[test]
fn the_start_is_enough_to_open() {
    let image = image();
    assert!(is_image(&image[..START]));
    let end = usize::try_from(manifest_end(&image[..START]).expect("an image")).expect("small");
    let opened = open(&image[..end], image.len() as u64).expect("whole");
    assert_eq!(opened, read(&image).expect("whole"));
}

#[test]
fn what_is_cut_anywhere_is_refused() {
    let image = image();
    let module_end = read(&image).expect("whole").module;
    let near = usize::try_from(module_end + 100).expect("small");
    let boundaries = (0..near).chain((near..image.len()).step_by(4093));
    let tail = image.len() - 100..image.len();
    for end in boundaries.chain(tail) {
        let error = read(&image[..end]).expect_err("it is cut");
        assert_eq!(error.kind(), ErrorKind::Image);
        let text = error.to_string();
        assert!(
            text.contains("truncated") || text.contains("no Dormouse image"),
            "{end}: {text}"
        );
    }
    let mut longer = image.clone();
    longer.push(0);
    let text = read(&longer).expect_err("too long").to_string();
    assert!(
        text.contains("added to") && text.contains("make it again"),
        "{text}"
    );
}

/// A generator of numbers; the same ones in each run.
fn numbers(mut state: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        usize::try_from((state >> 33) % below as u64).expect("below")
    }
}

#[test]
fn what_is_altered_anywhere_is_refused() {
    let image = image();
    let module_end = usize::try_from(read(&image).expect("whole").module).expect("small");
    let mut number = numbers(1);
    let anywhere: Vec<usize> = (0..60).map(|_| number(image.len())).collect();
    for at in (0..module_end + 30).chain(anywhere) {
        let mut altered = image.clone();
        altered[at] ^= 1 << number(8);
        let error = read(&altered).expect_err("it was altered");
        assert_eq!(error.kind(), ErrorKind::Image, "{at}: {error}");
    }
}

/// Also with a digest that is right, as a hostile writer makes it.
#[test]
fn what_contradicts_itself_is_refused_whatever_its_digest() {
    let image = image();
    let end = usize::try_from(manifest_end(&image).expect("an image")).expect("small");
    let text = String::from_utf8_lossy(&image[32..end]).into_owned();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        forge(&image, &text.replace(from, to))
    };
    read(&with("test.wat", "tesT.wat")).expect("a name is free");
    let huge = u64::MAX.to_string();
    for (from, to) in [
        ("\"pages\":6", "\"pages\":4"),
        ("\"pages\":6", &format!("\"pages\":{huge}")),
        ("\"maximum\":64", "\"maximum\":5"),
        ("[[0,2],[4,1]]", "[[4,1],[0,2]]"),
        ("[[0,2],[4,1]]", "[[0,2],[1,1]]"),
        ("[[0,2],[4,1]]", "[[0,3],[4,0]]"),
        ("[[0,2],[4,1]]", &format!("[[0,{huge}],[4,{huge}]]")),
        ("[[0,2],[4,1]]", &format!("[[{huge},1],[4,1]]")),
        ("[[0,2],[4,1]]", "[[0,2],[4,2]]"),
        ("[[0,2],[4,1]]", "[[0,2]]"),
        ("[[0,2],[4,1]]", "[[0,-2]]"),
        ("\"module\":", "\"module\":9"),
        ("\"module\":", &format!("\"module\":{huge},\"m\":")),
        ("\"module\":", "\"module\":0,\"m\":"),
        ("\"guest\":", "\"host\":"),
        ("{", "["),
    ] {
        let error = read(&with(from, to)).expect_err(to);
        assert_eq!(error.kind(), ErrorKind::Image, "{to}: {error}");
    }
}

#[test]
fn hostile_bytes_never_panic() {
    let image = image();
    let end = usize::try_from(manifest_end(&image).expect("an image")).expect("small");
    let mut number = numbers(2);
    for _ in 0..3000 {
        let mut json = image[32..end].to_vec();
        for _ in 0..=number(4) {
            let at = number(json.len());
            json[at] = b"0123456789[]{},:\"-e.\xff\0"[number(22)];
        }
        let forged = forge(&image, &String::from_utf8_lossy(&json));
        if let Ok(parts) = read(&forged) {
            for extent in parts.memories.iter().flatten() {
                assert!(extent.file + extent.len <= forged.len() as u64);
            }
        }
    }
}

#[test]
fn other_versions_are_named_with_the_way_out() {
    let image = image();
    let end = usize::try_from(manifest_end(&image).expect("an image")).expect("small");
    let json = String::from_utf8_lossy(&image[32..end]).into_owned();
    let version = |format: u32, rest: &str| {
        let start = format!("{{\"format\":{format},\"tool\":\"9.9.9\"{rest}");
        read(&forge(&image, &start))
            .expect_err("refused")
            .to_string()
    };
    let new = version(FORMAT + 1, "}");
    assert!(
        new.contains("9.9.9") && new.contains("update Dormouse"),
        "{new}"
    );
    let old = version(FORMAT - 1, ",\"guest\":5}");
    assert!(
        old.contains("9.9.9") && old.contains("make it again"),
        "{old}"
    );
    // What a later minor version adds is no reason to refuse.
    read(&forge(&image, &json.replacen('{', "{\"later\":[1],", 1))).expect("read");
    let control =
        read(&forge(&image, "{\"format\":99,\"tool\":\"\\u001b[2J\"}")).expect_err("refused");
    assert!(!control.to_string().contains('\x1b'), "{control}");
}

#[test]
fn what_can_not_be_an_image_is_not_written() {
    let module = wat::parse_str(MODULE).expect("well-formed");
    let refused = |module: &[u8], memories: &[CapturedMemory]| {
        write(module, memories, &manifest())
            .expect_err("refused")
            .to_string()
    };
    assert!(refused(&module, &[memory(1, &[])]).contains("2 memories, but 1"));
    assert!(refused(b"junk", &[]).contains("not a Wasm module"));
    assert!(refused(&module[..module.len() - 1], &memories()).contains("beyond the end"));
    let mut odd = memories();
    odd[0].pages = 7;
    assert!(refused(&module, &odd).contains("7 pages"));
    odd = memories();
    odd[0].page_size = 1;
    assert!(refused(&module, &odd).contains("pages of 1 bytes"));
}

/// `image` with another manifest and the digest that is right then.
fn forge(image: &[u8], json: &str) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let end = usize::try_from(manifest_end(image).expect("an image")).expect("small");
    let opened = read(image).expect("whole");
    let module = &image[end..usize::try_from(opened.module).expect("small")];
    let first = opened.memories[0][0].file;
    let pages = &image[usize::try_from(first).expect("small")..image.len() - 54];

    let mut forged = b"\0asm\x01\0\0\0".to_vec();
    let mut section = |name: &str, content: &[u8], pad: bool| {
        let mut body = vec![u8::try_from(name.len()).expect("short")];
        body.extend_from_slice(name.as_bytes());
        let before = forged.len() + 6 + body.len();
        if pad {
            body.resize(body.len() + before.next_multiple_of(65536) - before, 0);
        }
        body.extend_from_slice(content);
        forged.push(0);
        let size = body.len();
        for index in 0..5 {
            let more = if index < 4 { 0x80 } else { 0 };
            forged.push(u8::try_from(size >> (7 * index) & 0x7f).expect("seven bits") | more);
        }
        forged.extend(body);
        if name == "dormouse.manifest" {
            forged.extend_from_slice(module);
        }
        Sha256::digest(&forged).to_vec()
    };
    section("dormouse.manifest", json.as_bytes(), false);
    let digest = section("dormouse.memory", pages, true);
    section("dormouse.digest", &digest, false);
    forged
}
