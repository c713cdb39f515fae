//! Running a script: modules, and assertions about them.

use super::{
    values::{argument, matches},
    way::Way,
    world::{Done, Known, Log, Stop, World},
};
use dormouse::conformance::Engine;
use std::collections::{BTreeMap, HashMap, HashSet};
use wasmi::{Extern, Val};
use wast::{QuoteWat, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

/// How often a script may begin again.
const ATTEMPTS: usize = 500;

/// Why nothing is done with a module.
const LEFT_OUT: &str = "its module was left out";

/// What came of a script.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) passed: usize,
    /// By line, and what went wrong.
    pub(super) failed: Vec<(usize, String)>,
    /// How many, by reason.
    pub(super) skipped: BTreeMap<String, usize>,
    /// Modules that were left as they are, by reason.
    pub(super) refused: Vec<String>,
    pub(super) done: Done,
    /// What the host was told.
    pub(super) log: Log,
}

/// What came of a directive that didn't pass.
enum Not {
    Passed(String),
    Done(String),
    Again,
}

impl From<Stop> for Not {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Again => Self::Again,
            Stop::Unsupported(_) => Self::Done("of another proposal".to_owned()),
            Stop::Trap(error) => Self::Passed(format!("it trapped: {error}")),
            Stop::Unknown(module, name) => {
                Self::Passed(format!("there is no {module}.{name} to import"))
            }
            Stop::Link(error) => Self::Passed(format!("it does not link: {error}")),
            Stop::Load(error) => Self::Passed(format!("it does not load: {error}")),
            Stop::Broken(error) => Self::Passed(format!("broken: {error}")),
        }
    }
}

fn failed<T>(why: impl Into<String>) -> Result<T, Not> {
    Err(Not::Passed(why.into()))
}

/// Runs the script `text` in this way.
pub(super) fn run(text: &str, way: Way) -> Result<Outcome, String> {
    let metered = way == Way::Plain { metered: true };
    let mut known = Known {
        engine: Engine::new(metered),
        refused: BTreeMap::new(),
    };
    for _ in 0..ATTEMPTS {
        if let Some(mut outcome) = attempt(text, way, &mut known)? {
            outcome.refused = known.refused.into_values().collect();
            return Ok(outcome);
        }
    }
    Err(format!("it began again {ATTEMPTS} times"))
}

/// `None` if it has to begin again.
fn attempt(text: &str, way: Way, known: &mut Known) -> Result<Option<Outcome>, String> {
    let mut lexer = wast::lexer::Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer).map_err(|e| e.to_string())?;
    let wast: wast::Wast<'_> = wast::parser::parse(&buffer).map_err(|e| e.to_string())?;
    let mut script = Script {
        world: World::new(way, known),
        ids: HashMap::new(),
        definitions: HashMap::new(),
        lost: HashSet::new(),
        current: None,
    };
    let mut outcome = Outcome::default();
    for directive in wast.directives {
        let (line, _) = directive.span().linecol_in(text);
        match script.directive(directive) {
            Ok(()) => outcome.passed += 1,
            Err(Not::Again) => return Ok(None),
            Err(Not::Passed(why)) => outcome.failed.push((line + 1, why)),
            Err(Not::Done(why)) => *outcome.skipped.entry(why).or_default() += 1,
        }
    }
    outcome.done = script.world.done.clone();
    outcome.log = script.world.store.into_data();
    Ok(Some(outcome))
}

struct Script<'k> {
    world: World<'k>,
    /// Instances by the names that the script gives them; nothing if there is
    /// none because of what isn't supported.
    ids: HashMap<String, Option<usize>>,
    definitions: HashMap<Option<String>, Vec<u8>>,
    /// Names that modules which were left out would have been registered by.
    lost: HashSet<String>,
    current: Option<usize>,
}

impl Script<'_> {
    fn directive(&mut self, directive: WastDirective<'_>) -> Result<(), Not> {
        match directive {
            WastDirective::Module(mut module) => {
                let id = module.name().map(|id| id.name().to_owned());
                let made = encoded(&mut module).and_then(|wasm| self.instantiate(&wasm));
                self.name(id, made)
            }
            WastDirective::ModuleDefinition(mut module) => {
                let id = module.name().map(|id| id.name().to_owned());
                let wasm = encoded(&mut module)?;
                self.world.load(&wasm)?;
                self.definitions.insert(id, wasm.clone());
                self.definitions.insert(None, wasm);
                Ok(())
            }
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                let definition = module.map(|id| id.name().to_owned());
                let made = match self.definitions.get(&definition).cloned() {
                    Some(wasm) => self.instantiate(&wasm),
                    None => Err(Not::Done(LEFT_OUT.to_owned())),
                };
                self.name(instance.map(|id| id.name().to_owned()), made)
            }
            WastDirective::Register { name, module, .. } => {
                let member = self.member(module.map(|id| id.name()));
                if member.is_err() {
                    self.lost.insert(name.to_owned());
                }
                let member = member?;
                self.world.registered.insert(name.to_owned(), member);
                Ok(())
            }
            WastDirective::AssertMalformed { module, .. }
            | WastDirective::AssertInvalid { module, .. } => self.assert_refused(module),
            WastDirective::AssertUnlinkable { module, .. } => self.assert_unlinkable(module),
            WastDirective::Invoke(invoke) => match self.invoke(&invoke)? {
                Ok(_) => Ok(()),
                Err(trap) => failed(format!("it trapped: {trap}")),
            },
            WastDirective::AssertReturn { exec, results, .. } => {
                let actual = self.execute(exec)?;
                self.assert_results(&actual, &results)
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let result = self.execute(exec);
                self.assert_trap(result, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let result = self.invoke(&call);
                self.assert_trap(result, message)
            }
            _ => Err(Not::Done("of another proposal".to_owned())),
        }
    }

    fn instantiate(&mut self, wasm: &[u8]) -> Result<usize, Not> {
        let made = self.world.instantiate(wasm, false);
        if let Err(Stop::Unknown(module, _)) = &made
            && self.lost.contains(module)
        {
            return Err(Not::Done(LEFT_OUT.to_owned()));
        }
        Ok(made?)
    }

    /// The instance `made` is the current one, and has this name.
    fn name(&mut self, id: Option<String>, made: Result<usize, Not>) -> Result<(), Not> {
        self.current = made.as_ref().ok().copied();
        if let Some(id) = id {
            self.ids.insert(id, self.current);
        }
        made.map(|_| ())
    }

    fn member(&self, id: Option<&str>) -> Result<usize, Not> {
        let found = match id {
            Some(id) => self.ids.get(id).copied().flatten(),
            None => self.current,
        };
        found.ok_or_else(|| Not::Done(LEFT_OUT.to_owned()))
    }

    fn assert_refused(&mut self, mut module: QuoteWat<'_>) -> Result<(), Not> {
        let Ok(wasm) = module.encode() else {
            return Ok(());
        };
        match self.world.load(&wasm) {
            Err(Stop::Load(_) | Stop::Unsupported(_)) => Ok(()),
            Err(stop) => Err(stop.into()),
            Ok(_) => failed("it loads, though it should not"),
        }
    }

    fn assert_unlinkable(&mut self, mut module: Wat<'_>) -> Result<(), Not> {
        let wasm = module.encode().map_err(|e| Not::Passed(e.to_string()))?;
        match self.world.instantiate(&wasm, true) {
            Err(Stop::Link(_) | Stop::Unknown(..)) => Ok(()),
            Err(stop) => Err(stop.into()),
            Ok(_) => failed("it links, though it should not"),
        }
    }

    fn execute(&mut self, execute: WastExecute<'_>) -> Result<Result<Vec<Val>, String>, Not> {
        match execute {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(mut module) => {
                let wasm = module.encode().map_err(|e| Not::Passed(e.to_string()))?;
                match self.world.instantiate(&wasm, true) {
                    Ok(_) => Ok(Ok(Vec::new())),
                    Err(Stop::Trap(error)) => Ok(Err(error.to_string())),
                    Err(stop) => Err(stop.into()),
                }
            }
            WastExecute::Get { module, global, .. } => {
                let member = self.member(module.map(|id| id.name()))?;
                match self.world.export(member, global) {
                    Some(Extern::Global(global)) => Ok(Ok(vec![global.get(&self.world.store)])),
                    _ => failed(format!("there is no global {global:?}")),
                }
            }
        }
    }

    /// Results, or how it trapped.
    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Result<Vec<Val>, String>, Not> {
        let member = self.member(invoke.module.map(|id| id.name()))?;
        let mut args = Vec::new();
        for arg in &invoke.args {
            let WastArg::Core(arg) = arg else {
                return Err(Not::Done("of another proposal".to_owned()));
            };
            match argument(&mut self.world.store, arg) {
                Some(value) => args.push(value),
                None => return Err(Not::Done("of another proposal".to_owned())),
            }
        }
        self.world.capture_between(member)?;
        match self.world.invoke(member, invoke.name, &args) {
            Ok(results) => Ok(Ok(results)),
            Err(Stop::Trap(error)) => Ok(Err(error.to_string())),
            Err(stop) => Err(stop.into()),
        }
    }

    fn assert_results(
        &self,
        actual: &Result<Vec<Val>, String>,
        expected: &[WastRet<'_>],
    ) -> Result<(), Not> {
        let actual = match actual {
            Ok(actual) => actual,
            Err(trap) => return failed(format!("it trapped: {trap}")),
        };
        let fits = |(actual, expected): (&Val, &WastRet<'_>)| {
            let WastRet::Core(expected) = expected else {
                return false;
            };
            matches(&self.world.store, actual, expected)
        };
        if actual.len() == expected.len() && actual.iter().zip(expected).all(fits) {
            return Ok(());
        }
        failed(format!("it gave {actual:?}, not {expected:?}"))
    }

    fn assert_trap(
        &self,
        result: Result<Result<Vec<Val>, String>, Not>,
        message: &str,
    ) -> Result<(), Not> {
        match result? {
            Err(trap) if trap.contains(message) => Ok(()),
            Err(trap) => failed(format!("it trapped with {trap:?}, not {message:?}")),
            Ok(values) => failed(format!("it gave {values:?} instead of a trap: {message}")),
        }
    }
}

fn encoded(module: &mut QuoteWat<'_>) -> Result<Vec<u8>, Not> {
    module
        .encode()
        .map_err(|error| Not::Passed(format!("its text is wrong: {error}")))
}
