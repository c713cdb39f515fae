//! The API, described for programs.

use crate::Language;
use serde_json::{Value, json};

/// All of it but for which languages are served.
const DOCUMENT: &str = include_str!("openapi.json");

/// What is served where these languages are.
pub(crate) fn describe(served: &[Language]) -> Value {
    // It is our own, and a test reads it.
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let all = served.iter().flat_map(|language| names(*language));
    let names: Vec<Value> = all.map(|name| json!(name)).chain([Value::Null]).collect();
    for schema in ["Code", "Opening"] {
        let at = format!("/components/schemas/{schema}/properties/lang");
        if let Some(Value::Object(lang)) = document.pointer_mut(&at) {
            lang.insert("enum".to_owned(), json!(names));
            lang.insert("examples".to_owned(), json!(names[..1]));
        }
    }
    if let Some(version) = document.pointer_mut("/info/version") {
        *version = json!(env!("CARGO_PKG_VERSION"));
    }
    document
}

/// What a request may call it.
fn names(language: Language) -> [&'static str; 2] {
    match language {
        #[cfg(feature = "python")]
        Language::Python => ["python", "py"],
        #[cfg(feature = "javascript")]
        Language::JavaScript => ["javascript", "js"],
    }
}

#[test]
fn the_languages_served_are_in_it() {
    let document = describe(&[Language::JavaScript]);
    let lang = |schema| &document["components"]["schemas"][schema]["properties"]["lang"]["enum"];
    assert_eq!(*lang("Code"), json!(["javascript", "js", null]));
    assert_eq!(lang("Code"), lang("Opening"));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}
