//! Capturing members and putting restored ones in their places.

use super::{
    probe::{PROBE, probed},
    way::Way,
    world::{Stop, World},
};
use dormouse_snapshot::{
    CapturedMemory, Entry, Form, Guest, Hot, Instrumented, Point, Reference, Value, mend,
};
use wasmi::{Instance, Nullable, Ref, Store, Val};

/// What an instrumented module exports its start function as.
pub(super) const START: &str = "dormouse:start";

/// Calls of the script after which a member is captured between them.
const BETWEEN: [u64; 4] = [1, 2, 5, 12];

/// How an instance can be captured.
pub(super) struct Captive {
    /// Its module before that was instrumented.
    source: Vec<u8>,
    point: Point,
}

impl Captive {
    /// `source` instrumented.
    fn new(
        source: Vec<u8>,
        point: Point,
    ) -> Result<(Vec<u8>, Option<Self>), dormouse_snapshot::Error> {
        let instrumented = Instrumented::new(&source, &point)?.wasm().to_vec();
        let captive = Self { source, point };
        Ok((instrumented, Some(captive)))
    }
}

/// What is loaded in a module's place, and how that is captured.
type Prepared = Option<(Vec<u8>, Option<Captive>)>;

fn probe(nth: u64) -> Point {
    Point::Import {
        module: PROBE.0.to_owned(),
        name: PROBE.1.to_owned(),
        args: Vec::new(),
        nth,
    }
}

impl World<'_> {
    /// What is to be loaded in the place of `wasm`, if it isn't that.
    pub(super) fn prepared(&mut self, ordinal: usize, wasm: &[u8]) -> Result<Prepared, Stop> {
        if self.known.refused.contains_key(&ordinal) {
            return Ok(None);
        }
        let prepared = match self.way {
            Way::Plain { .. } => return Ok(None),
            Way::Pass(pass) => pass.apply(wasm).map(|bytes| (bytes, None)),
            Way::Woken(_) | Way::Image(_) | Way::Between => {
                mend(wasm).and_then(|wasm| Captive::new(wasm.into_owned(), Point::Idle))
            }
            Way::Amid(first) => {
                let probed = probed(wasm).map_err(Stop::Broken)?;
                mend(&probed).and_then(|wasm| Captive::new(wasm.into_owned(), probe(first)))
            }
        };
        match prepared {
            Ok(prepared) => Ok(Some(prepared)),
            Err(error) if error.is_refusal() => {
                self.known.refused.insert(ordinal, error.to_string());
                Ok(None)
            }
            Err(error) => Err(Stop::Broken(error.to_string())),
        }
    }

    /// Others see the member's state from now on, so it stays where it is.
    pub(super) fn share(&mut self, member: usize) -> Result<(), Stop> {
        let way = self.way;
        let captive = &mut self.members[member].captive;
        if captive.is_some() && matches!(way, Way::Amid(_)) {
            return Err(self.refuse(member, "another module imports from it"));
        }
        *captive = None;
        Ok(())
    }

    /// The script is to begin again without capturing this member.
    fn refuse(&mut self, member: usize, reason: impl Into<String>) -> Stop {
        let ordinal = self.members[member].ordinal;
        self.known.refused.insert(ordinal, reason.into());
        Stop::Again
    }

    /// Captures a member that was just made, where that is the way.
    pub(super) fn capture_started(&mut self, at: usize) -> Result<(), Stop> {
        match self.way {
            _ if self.members[at].captive.is_none() => Ok(()),
            Way::Woken(form) => self.restore(at, None, form, None),
            Way::Image(_) => self.restore(at, None, Form::Image, None),
            _ => Ok(()),
        }
    }

    /// Captures a member that the script is about to call.
    pub(super) fn capture_between(&mut self, at: usize) -> Result<(), Stop> {
        let member = &mut self.members[at];
        member.calls += 1;
        let generation = member.generation;
        let due = BETWEEN.get(generation as usize);
        if self.way != Way::Between || due.is_none_or(|due| member.calls <= *due) {
            return Ok(());
        }
        if generation as usize + 1 == BETWEEN.len() {
            self.restore(at, None, Form::Image, None)
        } else {
            self.restore(at, None, Form::Portable, Some(Point::Idle))
        }
    }

    /// Whether the member is at its point, and has unwound.
    pub(super) fn has_reached(&self, at: usize) -> Result<bool, Stop> {
        let member = &self.members[at];
        match &member.captive {
            Some(Captive {
                point: Point::Import { .. },
                ..
            }) => {
                let unwinding = self.view(at).global("dormouse:unwinding");
                Ok(unwinding == Some(Value::I32(1)))
            }
            _ => Ok(false),
        }
    }

    /// Captures a member with frames on its stack; it was entered through
    /// `entry`, and has unwound with `result`.
    pub(super) fn capture_amid(
        &mut self,
        at: usize,
        entry: &Entry,
        result: &Result<(), wasmi::Error>,
    ) -> Result<(), Stop> {
        if let Err(error) = result {
            let error = error.to_string();
            if error.contains("stack") {
                return Err(self.refuse(at, "the stack was full at the point"));
            }
            return Err(Stop::Broken(format!("unwinding trapped: {error}")));
        }
        match self.way.nth(self.members[at].generation + 1) {
            Some(nth) => self.restore(at, Some(entry), Form::Portable, Some(probe(nth))),
            None => self.restore(at, Some(entry), Form::Image, None),
        }
    }

    fn view(&self, at: usize) -> View<'_> {
        View {
            store: &self.store,
            instance: self.members[at].instance,
        }
    }

    /// Puts an instance that goes on in the place of a member, which can be
    /// captured at `next`, if there is a next time.
    fn restore(
        &mut self,
        at: usize,
        entry: Option<&Entry>,
        form: Form,
        next: Option<Point>,
    ) -> Result<(), Stop> {
        let Some(captive) = self.members[at].captive.take() else {
            return Ok(());
        };
        let failed = |error: dormouse_snapshot::Error| Stop::Broken(error.to_string());
        let instrumented = Instrumented::new(&captive.source, &captive.point).map_err(failed)?;
        let captured = instrumented
            .state(&self.view(at), entry.cloned())
            .and_then(|state| Ok((state.frames(), state.rewrite(form, &Hot::None)?)));
        let (frames, rewritten) = match captured {
            Ok(captured) => captured,
            Err(error) if error.is_refusal() => return Err(self.refuse(at, error.to_string())),
            Err(error) => return Err(failed(error)),
        };
        self.done.restored += 1;
        self.done.frames += frames;
        let (bytes, captive) = match next {
            Some(point) => Captive::new(rewritten.module, point).map_err(failed)?,
            None => (rewritten.module, None),
        };
        let bytes = match self.way {
            Way::Image(pass) => pass.apply(&bytes).map_err(failed)?,
            _ => bytes,
        };
        self.put(at, &bytes, captive, &rewritten.memories)
    }

    fn put(
        &mut self,
        at: usize,
        wasm: &[u8],
        captive: Option<Captive>,
        memories: &[CapturedMemory],
    ) -> Result<(), Stop> {
        let module = self.load_ours(wasm)?;
        let mut imports = std::mem::take(&mut self.members[at].imports);
        self.link_ours(&module, wasm, &mut imports)?;
        let instance = self.instance_with(&module, &imports, memories);
        let member = &mut self.members[at];
        member.imports = imports;
        member.generation += 1;
        member.captive = captive;
        match instance {
            Ok(instance) => member.instance = instance,
            Err(Stop::Link(error)) => return Err(Stop::Broken(error)),
            Err(Stop::Unknown(module, name)) => {
                return Err(Stop::Broken(format!("it imports {module}.{name}")));
            }
            Err(stop) => return Err(stop),
        }
        Ok(())
    }
}

/// What capturing sees of an instance.
struct View<'s> {
    store: &'s Store<super::world::Log>,
    instance: Instance,
}

impl Guest for View<'_> {
    fn global(&self, name: &str) -> Option<Value> {
        let value = self.instance.get_global(self.store, name)?.get(self.store);
        Some(match value {
            Val::I32(value) => Value::I32(value),
            Val::I64(value) => Value::I64(value),
            Val::F32(value) => Value::F32(value.to_bits()),
            Val::F64(value) => Value::F64(value.to_bits()),
            Val::V128(value) => Value::V128(value.as_u128()),
            Val::FuncRef(reference) => Value::Reference(function(&reference)),
            Val::ExternRef(reference) => Value::Reference(external(reference.is_null())),
        })
    }

    fn memory(&self, name: &str) -> Option<&[u8]> {
        let memory = self.instance.get_memory(self.store, name)?;
        Some(memory.data(self.store))
    }

    fn table(&self, name: &str) -> Option<Vec<Reference>> {
        let table = self.instance.get_table(self.store, name)?;
        (0..table.size(self.store))
            .map(|index| {
                Some(match table.get(self.store, index)? {
                    Ref::Func(reference) => function(&reference),
                    Ref::Extern(reference) => external(reference.is_null()),
                })
            })
            .collect()
    }
}

fn function(reference: &Nullable<wasmi::Func>) -> Reference {
    match reference {
        Nullable::Null => Reference::Null,
        Nullable::Val(function) => Reference::Function(format!("{function:?}")),
    }
}

fn external(is_null: bool) -> Reference {
    if is_null {
        Reference::Null
    } else {
        Reference::Extern
    }
}
