//! Images hold what was put in; what is not whole is refused; what this
//! installation did not make is validated.

mod bundle;
#[cfg(unix)]
mod cache;
mod file;
#[cfg(unix)]
mod trust;

use super::{
    file::write,
    manifest::{Guest, Manifest},
};

/// An image of a module without memory whose `_start` has this body.
fn small(body: &str) -> Vec<u8> {
    let module = wat::parse_str(format!("(module (func (export \"_start\") {body}))"));
    image_of(&module.expect("well-formed"))
}

/// An image of `module`, which imports no memory.
fn image_of(module: &[u8]) -> Vec<u8> {
    let guest = Guest {
        name: "small.wat".to_owned(),
        sha256: "00".repeat(32),
    };
    write(module, &[], &Manifest::new(guest, "m.f")).expect("it can be written")
}

/// An image whose digest is right and whose code is not valid: it adds what
/// is not there.
fn invalid() -> Vec<u8> {
    let mut module = wat::parse_str("(module (func (export \"_start\") i32.const 1 drop))")
        .expect("well-formed");
    let drop = module
        .iter()
        .rposition(|byte| *byte == 0x1a)
        .expect("there is one");
    module[drop] = 0x6a;
    image_of(&module)
}
