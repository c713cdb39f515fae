use super::{invalid, small};
use crate::{
    ErrorKind,
    image::{
        PAGE,
        bundle::{find, make},
        opened::{Found, open},
        source::read_range,
        trust::Trust,
    },
};
use std::fs::File;

fn file(dir: &tempfile::TempDir, bytes: &[u8]) -> File {
    let path = dir.path().join("app");
    std::fs::write(&path, bytes).expect("written");
    File::open(path).expect("there")
}

#[test]
fn a_bundle_is_an_executable_with_an_image_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let executable = b"\x7fELF and so on".repeat(9000);
    let options = ["--env".to_owned(), "A=b c".to_owned()];
    let first = make(&file(&dir, &executable), &small("nop"), &options).expect("made");
    assert!(first.starts_with(&executable));
    let on_disk = file(&dir, &first);
    let bundle = find(&on_disk, first.len() as u64)
        .expect("whole")
        .expect("a bundle");
    assert_eq!(bundle.image.start % PAGE, 0);
    assert!(read_range(&on_disk, bundle.image.clone()).expect("there") == small("nop"));
    assert_eq!(bundle.options(&on_disk).expect("there"), options);
    let Found::Image(opened) = open(&dir.path().join("app"), None).expect("whole") else {
        panic!("there is an image in it")
    };
    assert_eq!(opened.trust, Trust::Foreign);

    // A bundle of a bundle has one image, and the same bytes as one of the
    // executable.
    let second = make(&on_disk, &small("nop nop"), &[]).expect("made");
    let direct = make(&file(&dir, &executable), &small("nop nop"), &[]).expect("made");
    assert!(second == direct);
}

#[test]
fn only_valid_images_are_bundled() {
    let dir = tempfile::tempdir().expect("a folder");
    let executable = file(&dir, b"x");
    let error = make(&executable, &invalid(), &[]).expect_err("invalid");
    assert_eq!(error.kind(), ErrorKind::Module);
    let image = small("nop");
    let error = make(&executable, &image[..image.len() - 1], &[]).expect_err("truncated");
    assert_eq!(error.kind(), ErrorKind::Image);
}

#[test]
fn what_is_no_whole_bundle_is_told_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    for bytes in [&b""[..], b"x", &[7; 200]] {
        let found = find(&file(&dir, bytes), bytes.len() as u64).expect("no bundle");
        assert_eq!(found, None);
    }
    let bundle = make(&file(&dir, b"x"), &small("nop"), &[]).expect("made");
    let trailer = bundle.len() - 40;
    for at in trailer..trailer + 24 {
        let mut altered = bundle.clone();
        altered[at] ^= 0x40;
        let error = find(&file(&dir, &altered), altered.len() as u64).expect_err("damaged");
        assert!(error.to_string().contains("trailer"), "{error}");
    }
    for cut in [1, 1000, PAGE as usize] {
        let longer = [&bundle[cut..trailer], &bundle[trailer..]].concat();
        assert!(
            find(&file(&dir, &longer), longer.len() as u64).is_err(),
            "{cut}"
        );
    }
}
