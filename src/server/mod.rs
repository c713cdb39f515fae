//! Sandboxes and sessions over HTTP.
//!
//! A [`Server`] answers requests on one address. With an [`Api`] it runs the code
//! that they bring; what is not the API's goes to a gateway, where there is one.
//!
//! ```no_run
//! use dormouse::{GuestStore, Language, server::{Api, Config, Server}};
//! let image = GuestStore::open_default()?.image(Language::Python, &mut |_| {})?;
//! let mut config = Config::default();
//! config.api = Some(Api::new([(Language::Python, image)]));
//! let server = Server::bind(config)?;
//! println!("http://{}", server.address());
//! let report = server.run()?;
//! assert!(report.cut.is_empty(), "all had ended within the grace period");
//! # Ok::<(), dormouse::Error>(())
//! ```
//!
//! Guests run on a bounded number of threads ([`Config::workers`]), each in an
//! instance of its own, woken from its image; a request that finds all of them
//! busy waits in a queue of bounded length ([`Config::queue`]). What a client
//! does not wait for is not run to its end.

mod answer;
mod api;
mod auth;
pub(crate) mod body;
mod config;
mod connections;
pub(crate) mod cut;
mod events;
mod execute;
mod gateway;
pub(crate) mod held;
mod input;
pub(crate) mod logs;
mod metrics;
mod openapi;
pub(crate) mod pool;
pub(crate) mod reply;
pub(crate) mod request;
mod router;
mod run;
mod sessions;
mod signals;
mod tap;
mod tls;

pub use config::{Api, Config};
pub(crate) use gateway::{Answer as GatewayAnswer, Gateway, Host};
pub use run::{Handle, Report, Server};
pub use tls::Tls;
