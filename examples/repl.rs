//! A prompt on a session, in forty lines.
//!
//! ```sh
//! cargo run --release --example repl -- javascript
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use dormouse::{GuestStore, Language, Output, Sandbox, Status};
use std::{error::Error, io::Write};

fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or("python".to_owned());
    let language: Language = name.parse()?;
    let image = GuestStore::open_default()?.image(language, &mut |_| {})?;
    let session = Sandbox::new(&image)
        .stdout(Output::Host)
        .stderr(Output::Host)
        .session()?;
    let mut code = String::new();
    ask(">>> ")?;
    for line in std::io::stdin().lines() {
        code.push_str(&line?);
        if session.check_complete(&code)? {
            let outcome = session.run_repl(&std::mem::take(&mut code))?;
            if let Status::Limit(limit) = outcome.status {
                println!("stopped by its {limit} limit");
            }
            if !session.is_open() {
                return Ok(());
            }
            ask(">>> ")?;
        } else {
            code.push('\n');
            ask("... ")?;
        }
    }
    Ok(())
}

fn ask(prompt: &str) -> std::io::Result<()> {
    print!("{prompt}");
    std::io::stdout().flush()
}
