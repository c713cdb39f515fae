#![no_main]

libfuzzer_sys::fuzz_target!(
    init: dormouse_fuzz::prepare_languages(),
    |bytes: &[u8]| dormouse_fuzz::languages(bytes)
);
