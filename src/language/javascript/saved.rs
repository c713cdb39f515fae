//! What the host must know of a prepared engine to wake a copy of its memory.

use super::{cells, exports::Exports, point::Paused, program::Engine};
use crate::{Error, ErrorKind, instance::Instance};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The meaning of [`Saved`] and of the names by which the guest calls the host.
/// It changes with either, so that an image is not woken by a host that would
/// take it for something else.
const REVISION: u32 = 2;

/// Handles in the engine's memory that a run begins with. Plain data: they
/// mean the same in every copy of that memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handles {
    pub(super) start: i32,
    pub(super) tick: i32,
    pub(super) report: i32,
    pub(super) session: i32,
    pub(super) flush: i32,
    pub(super) undefined: i32,
    /// Eight bytes for what the engine gives by address.
    pub(super) scratch: i32,
    /// Where `cells.rs` finds what it shares with the runtime.
    pub(super) cells: i32,
}

/// Upper halves of values as the engine represents them.
const TAG_UNDEFINED: u64 = 3;
const TAG_OBJECT: u64 = 0xffff_ffff;

/// [`Engine`] without what belongs to one store.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    revision: u32,
    handles: Handles,
    /// The program that waits in it, if it is not the engine alone.
    #[serde(default)]
    program: Option<Paused>,
}

impl Engine {
    /// What [`Engine::restored`] wants, to be kept with the captured memory.
    pub(crate) fn saved(&self) -> Value {
        let handles = serde_json::to_value(self.handles).unwrap_or_default();
        serde_json::json!({ "revision": REVISION, "handles": handles })
    }

    /// The same with a program that waits in the engine's memory.
    pub(super) fn saved_with(&self, program: &Paused) -> Value {
        let mut saved = self.saved();
        saved["program"] = serde_json::to_value(program).unwrap_or_default();
        saved
    }

    /// The program that waits in the engine's memory, if there is one.
    ///
    /// # Errors
    ///
    /// When `saved` is not from [`Engine::saved`].
    pub(super) fn paused(saved: &Value) -> Result<Option<Paused>, Error> {
        let saved = Saved::deserialize(saved).map_err(wrong)?;
        Ok(saved.program)
    }

    /// The prepared engine in `instance`, whose memory and globals are a copy
    /// of those that it was captured from.
    ///
    /// # Errors
    ///
    /// When `saved` is not from [`Engine::saved`], is from another version of
    /// it, or does not fit the instance.
    pub(crate) fn restored(instance: &Instance, saved: &Value) -> Result<Self, Error> {
        let revision = saved.get("revision").and_then(Value::as_u64);
        if revision != Some(u64::from(REVISION)) {
            return Err(wrong(match revision {
                Some(other) => format!(
                    "its runtime has revision {other}, this version of Dormouse has {REVISION}"
                ),
                None => "it says nothing of the runtime in it".to_owned(),
            }));
        }
        let Saved { handles, .. } = Saved::deserialize(saved).map_err(wrong)?;
        let exports = Exports::new(instance.store(), instance.raw())?;
        let tag = |handle| Some(exports.read_u64(instance.store(), handle)? >> 32);
        let functions = [
            handles.start,
            handles.tick,
            handles.report,
            handles.session,
            handles.flush,
        ];
        if functions.map(tag) != [Some(TAG_OBJECT); 5]
            || tag(handles.undefined) != Some(TAG_UNDEFINED)
            || tag(handles.scratch).is_none()
            || exports
                .slice(instance.store(), handles.cells, cells::SIZE)
                .is_none()
        {
            return Err(wrong("its memory does not hold the runtime"));
        }
        Ok(Self { exports, handles })
    }
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Module,
        format!("the JavaScript image can't be woken: {what}; make it anew"),
    )
}
