//! Guests of our own engine.

use super::How;
use crate::{
    host::{Contents, Host},
    values::{self, argument, show},
};
use dormouse::internals::{self, Answer, Code};
use dormouse_snapshot::{CapturedMemory, Guest, Reference};
use std::collections::{BTreeMap, HashMap};
use wasmi::{Extern, FuncType, Val, ValType};

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
        // Where code is split, stubs stand for functions.
        Reference::Function(_) if How::of_this().is_arranged() => "a function".to_owned(),
        reference => values::name_of(names, reference),
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
        self.said.extend(args.iter().map(values::told));
        let mut answer = self.answer();
        results
            .iter()
            .map(|result| {
                let bits = answer.bits();
                values::given(result, args, bits).map_or(Answer::Thing(bits), Answer::Value)
            })
            .collect()
    }
}
