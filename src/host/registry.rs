//! Host functions by name, before a run has them.

use super::{HostError, HostErrorKind};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

/// What a host function answers.
pub(super) type Answer = Result<Value, HostError>;

type Function = dyn Fn(Map<String, Value>) -> Answer + Send + Sync;

/// Functions of the host that a guest may call by name, with arguments by name:
/// `dormouse.call("greet", name="x")` in Python, `call("greet", {name: "x"})` in
/// JavaScript. Clones share the functions.
///
/// ```
/// use dormouse::{HostError, HostFunctions};
///
/// #[derive(serde::Deserialize)]
/// struct Greet {
///     name: String,
/// }
///
/// let functions = HostFunctions::new()
///     .with("greet", |args: Greet| Ok::<_, HostError>(format!("hello, {}", args.name)));
/// assert_eq!(functions.names().collect::<Vec<_>>(), ["greet"]);
/// ```
#[derive(Clone, Default)]
pub struct HostFunctions {
    named: BTreeMap<Cow<'static, str>, Arc<Function>>,
}

impl HostFunctions {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `function`; a second one of the same name replaces the first, and
    /// one with a built-in function's name replaces that.
    ///
    /// What the guest passes is read as an `A` (a struct with a field per
    /// argument; [`serde_json::Map`] for any), and what doesn't fit is refused.
    /// Several calls may run at the same time, on threads of the host's; one
    /// that panics fails.
    #[must_use]
    pub fn with<A, R>(
        mut self,
        name: impl Into<Cow<'static, str>>,
        function: impl Fn(A) -> Result<R, HostError> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned,
        R: Serialize,
    {
        let name = name.into();
        let typed = move |args: Map<String, Value>| {
            let args = serde_json::from_value(Value::Object(args))
                .map_err(|error| HostError::new(HostErrorKind::Invalid, error.to_string()))?;
            serde_json::to_value(function(args)?).map_err(|error| {
                HostError::from(format!("internal: failed to marshal response: {error}"))
            })
        };
        self.named.insert(name, Arc::new(typed));
        self
    }

    /// Adds all of `others`; those win.
    #[must_use]
    pub(crate) fn and(mut self, others: &Self) -> Self {
        let others = others.named.iter();
        self.named
            .extend(others.map(|(name, function)| (name.clone(), Arc::clone(function))));
        self
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(|name| &**name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Function> {
        self.named.get(name).map(|function| &**function)
    }
}

impl fmt::Debug for HostFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
