//! What somebody makes of an image.

use super::{
    Original,
    parts::{Parts, seal},
};
use arbitrary::{Arbitrary, Result, Unstructured};
use serde_json::{Value, json};
use std::sync::OnceLock;
use wasm_smith::{Config, Module};

/// Changes to one image.
const MOST_CHANGES: usize = 6;

/// Bytes of a file: a page more than ours.
const MOST_BYTES: usize = 1 << 19;

/// A change that is made before the digest.
#[derive(Debug, Arbitrary)]
enum Change<'a> {
    /// An entry of the manifest becomes something else.
    Entry { which: u8, to: Nasty },
    /// So does something of one of its memories.
    Memory { which: u8, field: u8, to: Nasty },
    /// There is another memory, or one less.
    Memories { one_more: bool },
    /// The manifest's text.
    Text { at: u16, bytes: &'a [u8] },
    /// The module, in one place.
    Module { at: u16, bytes: &'a [u8] },
    /// A section of the module is there twice, or goes.
    Section { at: u8, twice: bool },
    /// Another section comes last.
    Custom { name: u8, bytes: &'a [u8] },
    /// Another module, from the bytes.
    Smith(&'a [u8]),
    /// Pages.
    Pages { more: bool },
    /// The pages' contents.
    Content { at: u16, bytes: &'a [u8] },
    /// The manifest says how long the module is.
    Fit,
}

/// A change to the file, after that.
#[derive(Debug, Arbitrary)]
enum Damage<'a> {
    Put { at: u32, bytes: &'a [u8] },
    Cut { at: u32 },
    Insert { at: u32, bytes: &'a [u8] },
    Remove { at: u32, count: u16 },
    Move { from: u32, to: u32, count: u16 },
}

/// A value that is seldom meant.
#[derive(Debug, Arbitrary)]
enum Nasty {
    Null,
    Truth(bool),
    Small(u8),
    Number(u64),
    Negative(i64),
    Float(f64),
    Power(u8),
    Text(String),
    Word(u8),
    List(Vec<u8>),
    Runs(Vec<(u16, u16)>),
    WideRuns(Vec<(u64, u64)>),
    Deep(u8),
    Long(u16),
    Gone,
}

const WORDS: [&str; 8] = [
    "python",
    "javascript",
    "wasm",
    "",
    "init:prepare",
    "/",
    "rwc",
    "\u{0}",
];

impl Nasty {
    /// Nothing, where there is to be no such entry.
    fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Truth(truth) => json!(truth),
            Self::Small(number) => json!(number),
            Self::Number(number) => json!(number),
            Self::Negative(number) => json!(number),
            Self::Float(number) => json!(number),
            Self::Power(power) => {
                let power = 1u64 << (power & 63);
                json!(power.wrapping_sub(power & 1))
            }
            Self::Text(text) => json!(text),
            Self::Word(word) => json!(WORDS[usize::from(*word) % WORDS.len()]),
            Self::List(list) => json!(list),
            Self::Runs(runs) => json!(runs),
            Self::WideRuns(runs) => json!(runs),
            Self::Deep(depth) => (0..*depth).fold(Value::Null, |value, _| json!([value])),
            Self::Long(count) => json!(vec![0; usize::from(*count)]),
            Self::Gone => return None,
        })
    }
}

const ENTRIES: [&str; 16] = [
    "format", "tool", "language", "guest", "point", "frames", "clock", "files", "args", "program",
    "mounts", "state", "in_place", "module", "memories", "unknown",
];

const FIELDS: [&str; 3] = ["pages", "maximum", "stored"];

const SECTIONS: [&str; 6] = [
    "dormouse.cold",
    "dormouse.manifest",
    "dormouse.memory",
    "dormouse.digest",
    "name",
    "",
];

/// An image that is not what it was.
pub(super) struct Altered {
    pub(super) bytes: Vec<u8>,
    /// Whether the digest is right.
    pub(super) is_sealed: bool,
    /// Whether it is to be tried as a file.
    pub(super) is_file: bool,
    /// What a bundle of it ends with.
    pub(super) bundle: Option<Vec<u8>>,
}

impl Altered {
    pub(super) fn new(original: &Original, bytes: &[u8]) -> Result<Self> {
        let mut source = Unstructured::new(bytes);
        let kind: u8 = source.arbitrary()?;
        let is_sealed = kind & 1 == 0;
        let mut file = if is_sealed {
            let mut parts = original.parts.clone();
            for _ in 0..kind >> 5 {
                change(&mut parts, &source.arbitrary()?);
            }
            parts.assemble(true)
        } else {
            original.bytes.clone()
        };
        for _ in 0..usize::from(kind >> 2 & 7) % (MOST_CHANGES + 1) {
            damage(&mut file, &source.arbitrary()?);
        }
        if is_sealed && source.arbitrary()? {
            seal(&mut file);
        }
        let mut bundle = None;
        if kind & 2 != 0 && source.arbitrary()? {
            bundle = Some(trailer(file.len(), &mut source)?);
        }
        Ok(Self {
            bytes: file,
            is_sealed,
            is_file: kind & 2 != 0,
            bundle,
        })
    }
}

/// The end of a bundle of an image of `length` bytes behind one page; its numbers
/// may be wrong.
fn trailer(length: usize, source: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let options: &[u8] = if source.arbitrary()? {
        source.arbitrary()?
    } else {
        b"[]"
    };
    let mut numbers = [
        super::parts::PAGE as u64,
        length as u64,
        options.len() as u64,
    ];
    if source.arbitrary()? {
        let at = source.choose_index(numbers.len())?;
        numbers[at] = source.arbitrary()?;
    }
    let mut trailer = options.to_vec();
    trailer.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    trailer.extend_from_slice(b"dormouse bundle\n");
    Ok(trailer)
}

fn change(parts: &mut Parts, change: &Change<'_>) {
    if !matches!(change, Change::Text { .. }) {
        parts.json = None;
    }
    match change {
        Change::Entry { which, to } => {
            let name = ENTRIES[usize::from(*which) % ENTRIES.len()];
            set(&mut parts.manifest, name, to);
        }
        Change::Memory { which, field, to } => {
            let Some(memories) = memories(parts).filter(|memories| !memories.is_empty()) else {
                return;
            };
            let at = usize::from(*which) % memories.len();
            set(
                &mut memories[at],
                FIELDS[usize::from(*field) % FIELDS.len()],
                to,
            );
        }
        Change::Memories { one_more } => {
            let Some(memories) = memories(parts) else {
                return;
            };
            if *one_more {
                memories.push(json!({ "pages": 1 }));
            } else {
                memories.pop();
            }
        }
        Change::Text { at, bytes } => {
            let mut json = match parts.json.take() {
                Some(json) => json,
                None => serde_json::to_vec(&parts.manifest).expect("JSON"),
            };
            put(&mut json, usize::from(*at), bytes);
            parts.json = Some(json);
        }
        Change::Module { at, bytes } => put(&mut parts.module, usize::from(*at), bytes),
        Change::Section { at, twice } => section(&mut parts.module, usize::from(*at), *twice),
        Change::Custom { name, bytes } => {
            let name = SECTIONS[usize::from(*name) % SECTIONS.len()];
            let mut content = vec![name.len() as u8];
            content.extend_from_slice(name.as_bytes());
            content.extend_from_slice(bytes);
            parts.module.push(0);
            leb(content.len(), &mut parts.module);
            parts.module.extend(content);
        }
        Change::Smith(bytes) => {
            if let Some(module) = smith(bytes) {
                parts.module = module.get(8..).unwrap_or_default().to_vec();
                fit(parts);
            }
        }
        Change::Pages { more } => {
            let page = super::parts::PAGE;
            let length = parts.pages.len();
            let length = if *more {
                length + page
            } else {
                length.saturating_sub(page)
            };
            parts.pages.resize(length.min(MOST_BYTES), 1);
        }
        Change::Content { at, bytes } => put(&mut parts.pages, usize::from(*at), bytes),
        Change::Fit => fit(parts),
    }
}

/// Has the manifest say how long the module is.
fn fit(parts: &mut Parts) {
    let length = parts.module.len();
    if let Some(entry) = parts.manifest.get_mut("module") {
        *entry = json!(length);
    }
}

fn memories(parts: &mut Parts) -> Option<&mut Vec<Value>> {
    parts.manifest.get_mut("memories")?.as_array_mut()
}

fn set(object: &mut Value, name: &str, to: &Nasty) {
    let Some(object) = object.as_object_mut() else {
        return;
    };
    match to.value() {
        Some(value) => _ = object.insert(name.to_owned(), value),
        None => _ = object.remove(name),
    }
}

/// Writes `bytes` over what is at `at`, as far as there is something.
fn put(target: &mut [u8], at: usize, bytes: &[u8]) {
    if target.is_empty() {
        return;
    }
    let at = at % target.len();
    let count = bytes.len().min(target.len() - at);
    target[at..at + count].copy_from_slice(&bytes[..count]);
}

/// Doubles or leaves out a section, as far as these can be told apart.
fn section(module: &mut Vec<u8>, at: usize, twice: bool) {
    let mut whole = b"\0asm\x01\0\0\0".to_vec();
    whole.extend_from_slice(module);
    let mut starts = vec![8];
    for payload in wasmparser::Parser::new(0).parse_all(&whole) {
        match payload.map(|payload| payload.as_section()) {
            Ok(Some((_, range))) => starts.push(range.end as usize),
            Ok(None) => {}
            Err(_) => break,
        }
    }
    let at = at % starts.len();
    let Some(end) = starts.get(at + 1) else {
        return;
    };
    let range = starts[at] - 8..end - 8;
    let section = module[range.clone()].to_vec();
    if twice {
        module.extend(section);
    } else {
        module.drain(range);
    }
}

fn leb(mut value: usize, to: &mut Vec<u8>) {
    while value > 0x7f {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// A module that imports what an image's does.
fn smith(bytes: &[u8]) -> Option<Vec<u8>> {
    static IMPORTS: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    let (imports, exports) = IMPORTS.get_or_init(|| {
        let imports = wat::parse_str(include_str!("imports.wat")).expect("well-formed");
        let exports = "(module (memory (export \"memory\") 1) (func (export \"_start\")))";
        (imports, wat::parse_str(exports).expect("well-formed"))
    });
    let mut source = Unstructured::new(bytes);
    let config = Config {
        available_imports: Some(imports.clone()),
        exports: Some(exports.clone()),
        exceptions_enabled: false,
        gc_enabled: source.ratio(1, 20).ok()?,
        threads_enabled: false,
        max_memories: 3,
        max_instructions: 200,
        max_memory32_bytes: 8 << 16,
        max_memory64_bytes: 8 << 16,
        ..Config::default()
    };
    Some(Module::new(config, &mut source).ok()?.to_bytes())
}

fn damage(file: &mut Vec<u8>, damage: &Damage<'_>) {
    let length = file.len();
    let within = |at: u32| at as usize % (length + 1);
    match damage {
        Damage::Put { at, bytes } => put(file, *at as usize, bytes),
        Damage::Cut { at } => file.truncate(within(*at)),
        Damage::Insert { at, bytes } => {
            let at = within(*at);
            file.splice(at..at, bytes.iter().copied());
        }
        Damage::Remove { at, count } => {
            let at = within(*at);
            file.drain(at..length.min(at + usize::from(*count)));
        }
        Damage::Move { from, to, count } => {
            let (from, to) = (within(*from), within(*to));
            let moved = file[from..length.min(from + usize::from(*count))].to_vec();
            put(file, to, &moved);
        }
    }
}
