//! Guests of our own engine.

use super::How;
use crate::host::Host;
use dormouse::internals::{self, Answer, Code};
use dormouse_snapshot::{CapturedMemory, Guest, Reference};
use std::collections::{BTreeMap, HashMap};
use wasmi::{Extern, FuncType, Nullable, Val, ValType};

/// A memory's bytes, which print short.
#[derive(PartialEq)]
pub(super) struct Contents(Vec<u8>);

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sum = self.0.iter().fold(0u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        write!(f, "{} bytes, {sum:x}", self.0.len())
    }
}

pub(super) struct Running(internals::Guest);

impl Running {
    /// A module's instance or, with `memories`, one that wakes from an image.
    pub(super) fn try_start(
        wasm: &[u8],
        host: Host,
        memories: &[CapturedMemory],
    ) -> Result<Self, (Host, String)> {
        let how = How::of_this();
        if !is_image(wasm) {
            let code = Code::module::<Host>(wasm, how.is_metered()).expect("a valid module");
            return code.start(host).map(Self);
        }
        let module = how.arrange(wasm.to_vec()).expect("it is an image's");
        let code = Code::image::<Host>(&module, memories, how.is_metered(), how.is_own())
            .expect("a valid image");
        if how.is_reset()
            && let Ok(guest) = code.start(host.clone())
        {
            let mut running = Self(guest);
            for (name, item) in running.exports() {
                if item.into_func().is_some() {
                    _ = running.call_shown(&name);
                }
            }
            code.rest(running.0);
        }
        code.start(host).map(Self)
    }

    pub(super) fn call_shown(&mut self, name: &str) -> Result<Vec<String>, String> {
        let results = self.0.call(name, argument)?;
        Ok(results.iter().map(show).collect())
    }

    pub(super) fn host(&self) -> &Host {
        self.0.host()
    }

    pub(super) fn look(&self) -> &impl Guest {
        &self.0
    }

    /// What the guest exports itself.
    fn exports(&self) -> Vec<(String, Extern)> {
        let mut exports = self.0.exports();
        exports.retain(|(name, _)| !name.starts_with("dormouse:"));
        exports
    }

    fn named(&self, is: impl Fn(&Extern) -> bool) -> impl Iterator<Item = String> {
        self.exports()
            .into_iter()
            .filter(move |(_, item)| is(item))
            .map(|(name, _)| name)
    }

    pub(super) fn memories(&self) -> Vec<Contents> {
        self.named(|item| matches!(item, Extern::Memory(_)))
            .filter_map(|name| Some(Contents(self.0.memory(&name)?.to_vec())))
            .collect()
    }

    pub(super) fn globals(&self, hidden: &[String]) -> BTreeMap<String, String> {
        use dormouse_snapshot::Value;
        let names = self.names(hidden);
        self.named(|item| matches!(item, Extern::Global(_)))
            .filter_map(|name| {
                let value = match self.0.global(&name)? {
                    Value::Reference(reference) => name_of(&names, &reference),
                    value => format!("{value:?}"),
                };
                Some((name, value))
            })
            .collect()
    }

    pub(super) fn tables(&self, hidden: &[String]) -> Vec<Vec<String>> {
        let names = self.names(hidden);
        self.named(|item| matches!(item, Extern::Table(_)))
            .filter_map(|name| {
                let table = self.0.table(&name)?;
                let shown = table.iter().map(|reference| name_of(&names, reference));
                Some(shown.collect())
            })
            .collect()
    }

    /// Functions by the names under which they are exported, but for `hidden`
    /// ones, which change as a run is restored.
    fn names(&self, hidden: &[String]) -> HashMap<String, String> {
        let mut names = HashMap::new();
        for (name, item) in self.exports() {
            if !hidden.contains(&name)
                && let Some(func) = item.into_func()
            {
                names.entry(format!("{func:?}")).or_insert(name);
            }
        }
        names
    }
}

/// Whether a module goes on from an image's memories, of which it may have none.
fn is_image(wasm: &[u8]) -> bool {
    use wasmparser::{Parser, Payload};
    !Parser::new(0).parse_all(wasm).any(
        |payload| matches!(payload, Ok(Payload::MemorySection(section)) if section.count() > 0),
    )
}

fn name_of(names: &HashMap<String, String>, reference: &Reference) -> String {
    match reference {
        Reference::Null => "null".to_owned(),
        Reference::Extern => "extern".to_owned(),
        // Where code is split, stubs stand for functions.
        Reference::Function(_) if How::of_this().is_arranged() => "a function".to_owned(),
        Reference::Function(function) => names.get(function).map_or("?", String::as_str).to_owned(),
    }
}

fn argument(ty: ValType) -> Val {
    match ty {
        ValType::I32 => Val::I32(5),
        ValType::I64 => Val::I64(6),
        ValType::F32 => Val::F32(7.5.into()),
        ValType::F64 => Val::F64(8.5.into()),
        ty => Val::default_for_ty(ty),
    }
}

/// A value, bit by bit.
fn show(value: &Val) -> String {
    match value {
        Val::F32(value) => format!("f32 {:x}", value.to_bits()),
        Val::F64(value) => format!("f64 {:x}", value.to_bits()),
        Val::FuncRef(reference) => format!("funcref, null: {}", reference.is_null()),
        Val::ExternRef(reference) => format!("externref, null: {}", reference.is_null()),
        other => format!("{other:?}"),
    }
}

/// As in the tests of the crate: see there.
impl internals::Host for Host {
    const MODULE: &'static str = "any";

    fn functions() -> Vec<(&'static str, FuncType)> {
        use ValType::{ExternRef, F32, F64, FuncRef, I32, I64, V128};
        let types: [(&str, &[ValType], &[ValType]); 8] = [
            ("a", &[], &[]),
            ("b", &[], &[I32]),
            ("c", &[I32], &[I32]),
            ("d", &[I64, F32], &[F64, I32]),
            ("e", &[V128], &[V128]),
            ("f", &[FuncRef], &[FuncRef]),
            ("g", &[ExternRef, I32], &[ExternRef]),
            ("h", &[I32, I32, I64, F64], &[I64, F32]),
        ];
        types
            .map(|(name, params, results)| {
                let ty = FuncType::new(params.iter().copied(), results.iter().copied());
                (name, ty)
            })
            .into()
    }

    fn call(&mut self, args: &[Val], results: &[Val]) -> Vec<Answer> {
        for arg in args {
            self.said.push(match arg {
                Val::I32(value) => i64::from(*value),
                Val::I64(value) => *value,
                Val::F32(value) => i64::from(value.to_bits()),
                Val::F64(value) => value.to_bits().cast_signed(),
                Val::V128(value) => (value.as_u128() ^ (value.as_u128() >> 64)) as i64,
                Val::FuncRef(reference) => i64::from(reference.is_null()),
                Val::ExternRef(reference) => i64::from(reference.is_null()),
            });
        }
        let mut answer = self.answer();
        results
            .iter()
            .map(|result| {
                let bits = answer.bits();
                Answer::Value(match result {
                    Val::I32(_) => Val::I32(bits as i32),
                    Val::I64(_) => Val::I64(bits.cast_signed()),
                    Val::F32(_) => Val::F32(wasmi::F32::from_bits(bits as u32)),
                    Val::F64(_) => Val::F64(wasmi::F64::from_bits(bits)),
                    Val::V128(_) => Val::V128(wasmi::V128::from(u128::from(bits) << 37)),
                    Val::FuncRef(_) => args
                        .iter()
                        .find(|arg| matches!(arg, Val::FuncRef(_)))
                        .cloned()
                        .unwrap_or(Val::FuncRef(Nullable::Null)),
                    Val::ExternRef(_) if bits.is_multiple_of(32) => return Answer::Thing(bits),
                    Val::ExternRef(_) => Val::ExternRef(Nullable::Null),
                })
            })
            .collect()
    }
}
