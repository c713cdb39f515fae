//! Functions of the host with typed arguments and results, which an untrusted
//! program calls: one at a time, several at a time, and wrongly.
//!
//! ```sh
//! cargo run --release --example functions
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use dormouse::{
    GuestStore, HostError, HostErrorKind, HostFunctions, Language, Output, Program, Sandbox,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

const PROGRAM: &str = r#"
console.log('one:', call('price', { item: 'tea', count: 3 }));

const all = ['tea', 'coffee'].map(item => asyncCall('price', { item, count: 1 }));
console.log('both:', (await Promise.all(all)).map(price => price.cents));

for (const wrong of [{ item: 'gold', count: 1 }, { item: 'tea' }]) {
    try {
        call('price', wrong);
    } catch (error) {
        console.log(error.code + ':', error.message);
    }
}
call('order', { items: { tea: 2, coffee: 1 } });
"#;

/// What `price` is asked. An argument that is missing or of another type never
/// comes here.
#[derive(Deserialize)]
struct Wanted {
    item: String,
    count: u32,
}

#[derive(Serialize)]
struct Price {
    cents: u32,
    currency: &'static str,
}

fn price(wanted: Wanted) -> Result<Price, HostError> {
    // As a database would: calls of one batch wait at the same time.
    thread::sleep(Duration::from_millis(50));
    let each = match &*wanted.item {
        "tea" => 250,
        "coffee" => 300,
        item => {
            let message = format!("there is no {item}");
            return Err(HostError::new(HostErrorKind::NotFound, message));
        }
    };
    Ok(Price {
        cents: each * wanted.count.min(1000),
        currency: "EUR",
    })
}

#[derive(Deserialize)]
struct Order {
    items: BTreeMap<String, u32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let orders = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&orders);
    let functions = HostFunctions::new()
        .with("price", price)
        .with("order", move |order: Order| {
            let mut kept = kept
                .lock()
                .map_err(|_| HostError::from("closed".to_owned()))?;
            kept.push(order.items);
            Ok::<_, HostError>(kept.len())
        });

    let javascript = GuestStore::open_default()?.image(Language::JavaScript, &mut |_| {})?;
    Sandbox::new(&javascript)
        .functions(functions)
        .stdout(Output::callback(|text| {
            print!("guest> {}", String::from_utf8_lossy(text));
        }))
        .stderr(Output::Host)
        .run(Program::script("shop.mjs", PROGRAM))?;
    println!("ordered: {:?}", orders.lock().map_err(|_| "closed")?);
    Ok(())
}
