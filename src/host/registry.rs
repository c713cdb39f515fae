//! Host functions by name, before a run has them.

use super::{HostError, HostErrorKind};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

/// What a host function answers.
pub(super) type Answer = Result<Value, HostError>;

type Function = dyn Fn(Map<String, Value>) -> Answer + Send + Sync;

#[derive(Clone)]
struct Named {
    function: Arc<Function>,
    /// Whether it waits for nothing, neither a server nor a disk.
    is_quick: bool,
}

/// Functions of the host that a guest may call by name, with arguments by name:
/// `dormouse.call("greet", name="x")` in Python, `call("greet", {name: "x"})` in
/// JavaScript; in any WASI program by JSON over `/dev/host`. `Send` and `Sync`;
/// clones share the functions.
///
/// A call runs on the guest's thread, which waits for it. Calls that a guest
/// makes together (`asyncio.gather`, `Promise.all`) are a batch: up to 16 of them
/// run at the same time, on threads of the host's, and several sandboxes may
/// share the functions. So they are `Fn`, `Send` and `Sync`, and keep what
/// changes behind a lock. A deadline doesn't interrupt a call, it is looked at
/// afterwards.
///
/// An error is a [`HostError`], whose kind is the guest's type of exception. One
/// that panics is an error too, and what the panic said stays with the host.
///
#[cfg_attr(feature = "javascript", doc = "```")]
#[cfg_attr(not(feature = "javascript"), doc = "```ignore")]
/// use dormouse::{
///     GuestStore, HostError, HostErrorKind, HostFunctions, Language, Program, Sandbox,
/// };
///
/// #[derive(serde::Deserialize)]
/// struct Greet {
///     name: String,
/// }
///
/// fn greet(args: Greet) -> Result<String, HostError> {
///     match &*args.name {
///         "" => Err(HostError::new(HostErrorKind::Invalid, "who?")),
///         name => Ok(format!("hello, {name}")),
///     }
/// }
///
/// let functions = HostFunctions::new().with("greet", greet);
/// let image = GuestStore::open_default()?.image(Language::JavaScript, &mut |_| {})?;
/// let outcome = Sandbox::new(&image)
///     .functions(functions)
///     .run(Program::code("console.log(call('greet', { name: 'you' }))"))?;
/// assert_eq!(outcome.stdout, b"hello, you\n");
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct HostFunctions {
    named: BTreeMap<Cow<'static, str>, Named>,
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
        self.named.insert(
            name,
            Named {
                function: Arc::new(typed),
                is_quick: false,
            },
        );
        self
    }

    /// Adds a `function` that waits for nothing: in a batch it is not worth a
    /// thread.
    #[must_use]
    pub(super) fn quick(
        mut self,
        name: &'static str,
        function: impl Fn(Map<String, Value>) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let function = Arc::new(function);
        let is_quick = true;
        let named = Named { function, is_quick };
        self.named.insert(Cow::Borrowed(name), named);
        self
    }

    /// Adds all of `others`; those win.
    #[must_use]
    pub(crate) fn and(mut self, others: &Self) -> Self {
        let others = others.named.iter();
        self.named
            .extend(others.map(|(name, named)| (name.clone(), named.clone())));
        self
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(|name| &**name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Function> {
        self.named.get(name).map(|named| &*named.function)
    }

    pub(super) fn is_quick(&self, name: &str) -> bool {
        self.named.get(name).is_none_or(|named| named.is_quick)
    }
}

impl fmt::Debug for HostFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
