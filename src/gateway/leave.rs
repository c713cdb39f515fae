//! What a process that is locked down must be left for the gateway.

use super::{handler, modules, report::Report, serve::Setup, table};
use crate::{
    Error,
    lockdown::{Lockdown, Reach},
};

impl Setup {
    /// Leaves what the modules that are listed now need, and makes ready what they
    /// need of the cache. What is wrong with the list is left for
    /// [`Served::load`](super::Served::load) to say.
    ///
    /// # Errors
    ///
    /// When a module's grants can't be served by a process that is locked down.
    pub(crate) fn leave(&self, lockdown: &mut Lockdown) -> Result<(), Error> {
        lockdown.reach(&self.file, Reach::Read);
        // Where it can't be made, the first to write to it says so.
        let logs = &self.settings.log_folder;
        let _ = std::fs::create_dir_all(logs);
        lockdown.reach(logs, Reach::Create);
        let Ok(text) = table::read(&self.file) else {
            return Ok(());
        };
        for module in modules::parse(&text, &mut Report::new(&self.file)) {
            let path = module.reference.value.path();
            lockdown.reach(path, Reach::Read);
            self.loader.prepare(path);
            lockdown.add(&handler::grants(&module, &self.settings))?;
        }
        Ok(())
    }
}
