//! Copies of a guest between two calls, or in one that waits for its host.

use super::{Instance, wake::mutable_globals};
use crate::{Error, ErrorKind};
use wasmi::{Memory, Val};

/// Bytes that are compared at a time: a page that is the image's in both stays
/// so in the copy.
const PART: usize = 4096;

impl Instance {
    /// Gives this instance, a new one of the same module, the memory and the
    /// globals of `other`. Tables and code are the same in all instances of the
    /// modules that this is for.
    ///
    /// # Errors
    ///
    /// When it has not as much memory, or is of another kind.
    pub(crate) fn copy_from(&mut self, other: &Self) -> Result<(), Error> {
        let theirs = other.memories();
        for (memory, its) in self.memories().into_iter().zip(theirs) {
            let missing = its
                .size(&other.store)
                .checked_sub(memory.size(&self.store))
                .ok_or_else(|| failed("it has less memory than a new one"))?;
            memory
                .grow(&mut self.store, missing)
                .map_err(|error| failed(&error.to_string()))?;
            let bytes = memory.data_mut(&mut self.store).chunks_mut(PART);
            for (part, its) in bytes.zip(its.data(&other.store).chunks(PART)) {
                if part != its {
                    part.copy_from_slice(its);
                }
            }
        }
        let mine = mutable_globals(&self.instance, &self.store);
        let theirs = mutable_globals(&other.instance, &other.store);
        for ((global, _), (_, value)) in mine.into_iter().zip(theirs) {
            global
                .set(&mut self.store, value)
                .map_err(|error| failed(&error.to_string()))?;
        }
        Ok(())
    }

    /// The value of the exported global `name`.
    pub(crate) fn global_value(&self, name: &str) -> Option<Val> {
        let global = self.instance.get_global(&self.store, name)?;
        Some(global.get(&self.store))
    }

    fn memories(&self) -> Vec<Memory> {
        let made = self.store.made();
        if !made.is_empty() {
            return made;
        }
        let exported = self.instance.get_memory(&self.store, "memory");
        exported.into_iter().collect()
    }
}

fn failed(problem: &str) -> Error {
    Error::new(
        ErrorKind::Engine,
        format!("the session can't be copied: {problem}"),
    )
}
