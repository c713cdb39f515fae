//! What a module calls its functions.

use wasmparser::{KnownCustom, Name, Parser, Payload};

/// The name of function `index` (imports counted first) in the module's name
/// section; else the name under which it is exported; else nothing.
pub fn function_name(wasm: &[u8], index: u32) -> Option<String> {
    let mut exported = None;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.ok()? {
            Payload::ExportSection(section) => {
                exported = section
                    .into_iter()
                    .filter_map(Result::ok)
                    .filter(|export| export.kind == wasmparser::ExternalKind::Func)
                    .find_map(|export| (export.index == index).then(|| export.name.to_owned()));
            }
            Payload::CustomSection(section) => {
                let KnownCustom::Name(names) = section.as_known() else {
                    continue;
                };
                for name in names.into_iter().filter_map(Result::ok) {
                    let Name::Function(map) = name else { continue };
                    let found = map
                        .into_iter()
                        .filter_map(Result::ok)
                        .find_map(|naming| (naming.index == index).then(|| naming.name.to_owned()));
                    if found.is_some() {
                        return found;
                    }
                }
            }
            _ => {}
        }
    }
    exported
}

#[cfg(test)]
mod tests {
    use super::function_name;

    #[test]
    fn names_come_from_the_name_section_then_from_exports() {
        let wasm = wat::parse_str(
            r#"(module (import "m" "f" (func)) (func $inner (export "outer")) (func (export "e")) (func))"#,
        )
        .expect("well-formed");
        assert_eq!(function_name(&wasm, 1).as_deref(), Some("inner"));
        assert_eq!(function_name(&wasm, 2).as_deref(), Some("e"));
        assert_eq!(function_name(&wasm, 3), None);
        assert_eq!(function_name(b"junk", 0), None);
    }
}
