//! All modules that are served.

use super::{
    guest::{Guest, Loader},
    handler::{Handler, Hit, Settings},
    modules::{self, MAX_FILE},
    report::Report,
};
use std::{fs::File, io::Read, path::Path, sync::Arc};

/// The modules of one `modules.toml`, in its order.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Arc<Handler>>);

impl Table {
    /// Loads all that `file` lists. Nothing comes of it where there is an error.
    pub(crate) fn load(
        file: &Path,
        loader: &Loader,
        settings: &Settings,
    ) -> (Option<Self>, Report) {
        let mut report = Report::new(file);
        let text = match read(file) {
            Ok(text) => text,
            Err(problem) => {
                report.error(None, problem);
                return (None, report);
            }
        };
        let modules = modules::parse(&text, &mut report);
        let handlers = modules
            .into_iter()
            .filter_map(|module| Handler::load(module, loader, settings, &mut report))
            .map(Arc::new)
            .collect();
        let table = Self(handlers);
        let table = (!report.has_errors()).then_some(table);
        if let Some(table) = &table {
            let used: Vec<&Guest> = table.0.iter().map(|handler| &handler.guest).collect();
            loader.keep(&used);
        }
        (table, report)
    }

    /// Who answers `path`: the first that matches.
    pub(crate) fn find(&self, path: &str) -> Option<Hit> {
        self.0.iter().find_map(|handler| handler.find(path))
    }

    pub(crate) fn handlers(&self) -> impl Iterator<Item = &Arc<Handler>> {
        self.0.iter()
    }
}

pub(super) fn read(file: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("it can't be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("it is larger than {MAX_FILE} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("byte {at} is no UTF-8, which TOML is written in")
    })
}
