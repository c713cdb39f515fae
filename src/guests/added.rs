//! Guests that the user added, in place of the pinned ones.

use super::{GuestStore, guest_error};
use crate::{Error, Language, image::trust::sha256};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, io};

/// A guest that the user added, as `added.json` remembers it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Added {
    pub(super) sha256: String,
    pub(super) size: u64,
    /// Where it came from, for people.
    pub(super) from: String,
}

impl GuestStore {
    pub(super) fn load_added(&self, language: Language, added: &Added) -> Result<Vec<u8>, Error> {
        let path = self.path_of(&added.sha256);
        let again = format!(
            "add it again with: dormouse guest add {language} FILE (it came from {}), or go back \
             to the pinned one with: dormouse guest remove {language}",
            added.from
        );
        let wasm = fs::read(&path)
            .map_err(|error| guest_error(format!("{}: {error}; {again}", path.display())))?;
        if sha256(&wasm) != added.sha256 {
            return Err(guest_error(format!(
                "{} was altered; {again}",
                path.display()
            )));
        }
        Ok(wasm)
    }

    pub(super) fn added(&self) -> Result<BTreeMap<String, Added>, Error> {
        let path = self.folder.join("added.json");
        match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json).map_err(|error| {
                guest_error(format!("{}: {error}; remove that file", path.display()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(self.not_usable(&error)),
        }
    }

    pub(super) fn write_added(&self, all: &BTreeMap<String, Added>) -> Result<(), Error> {
        let json = serde_json::to_vec_pretty(all)
            .map_err(|error| guest_error(format!("added.json: {error}")))?;
        self.place(&self.folder.join("added.json"), &json)
    }
}
