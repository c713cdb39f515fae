//! The guests this version of Dormouse was built for, from
//! `runtimes/guests.json`.

use crate::{
    Language,
    image::{manifest::Guest, trust::sha256},
};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock};

/// A guest, pinned to the byte.
#[derive(Debug, Deserialize)]
pub(super) struct Pin {
    /// What it is, for people.
    pub(super) name: String,
    /// The npm package that has it.
    pub(super) package: String,
    pub(super) version: String,
    /// SHA-512 of the package's archive, as npm writes it.
    pub(super) integrity: String,
    /// The Wasm file's path inside the package.
    pub(super) file: String,
    /// SHA-256 of the Wasm file, hexadecimal.
    pub(super) sha256: String,
    /// Its length in bytes.
    pub(super) size: u64,
}

impl Pin {
    /// What it is, with its version.
    pub(super) fn full_name(&self) -> String {
        match self.name.ends_with(&self.version) {
            true => self.name.clone(),
            false => format!("{} {}", self.name, self.version),
        }
    }
}

static PINS: LazyLock<BTreeMap<String, Pin>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../runtimes/guests.json"))
        .expect("the file is part of the program and tested")
});

/// The pin of `language`.
pub(super) fn pin(language: Language) -> &'static Pin {
    PINS.get(language.name())
        .expect("every language has a pin, which is tested")
}

/// Which guest of `language` these bytes are.
pub(crate) fn recognize(language: Language, wasm: &[u8]) -> Guest {
    let (pin, sha256) = (pin(language), sha256(wasm));
    let name = if sha256 == pin.sha256 {
        pin.full_name()
    } else {
        language.name().to_owned()
    };
    Guest { name, sha256 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_whole_pin() {
        for language in Language::ALL.iter().copied() {
            let pin = pin(language);
            assert!(pin.integrity.starts_with("sha512-"), "{pin:?}");
            assert_eq!(pin.integrity.len(), "sha512-".len() + 88, "{pin:?}");
            assert_eq!(pin.sha256.len(), 64, "{pin:?}");
            assert!(pin.size > 0 && !pin.file.is_empty() && !pin.version.is_empty());
        }
    }
}
