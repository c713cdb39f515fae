//! What a module calls its functions.

use wasm_encoder::{CustomSection, Module};
use wasmparser::{CustomSectionReader, KnownCustom, Name, Parser, Payload};

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

/// Puts a custom section into `module` as it is.
pub(crate) fn keep(module: &mut Module, section: &CustomSectionReader<'_>) {
    module.section(&CustomSection {
        name: section.name().into(),
        data: section.data().into(),
    });
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

    #[test]
    fn names_that_are_not_well_formed_do_no_harm() {
        let mut wasm =
            wat::parse_str("(module (memory 1) (func $f (export \"f\")))").expect("well-formed");
        // The names of functions, of which there are to be 100 more.
        let at = wasm.windows(4).position(|bytes| bytes == [1, 4, 1, 0]);
        wasm[at.expect("they are there") + 2] = 101;
        let bounded = |wasm: &[u8]| crate::bound(wasm, &[]).map(|bounded| bounded.module);
        for pass in [crate::cover, crate::trace, bounded] {
            let rewritten = pass(&wasm).expect("it is valid");
            crate::valid::validate(&rewritten).expect("so is this");
        }
    }
}
