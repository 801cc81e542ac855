//! Microservices over topics, wherever these live.
//!
//! A handler is a plain function. What it takes says what is read of a message ([`Value`](kafi_core::Value),
//! [`Json<T>`], [`Bytes`], [`Key<T>`], [`Headers`], [`Meta`], [`State<S>`]), and what it returns is what is published:
//! nothing, one output, many, or an error.
//!
//! ```
//! use kafi_app::App;
//! use kafi_core::{Json, Result, Value, json};
//! # use kafi_shell::Kafi;
//! # use std::sync::Arc;
//! # let storage = Kafi::new(Arc::new(kafi_fs::open_memory("mem")), Default::default());
//! # storage.touch("foo")?;
//! # storage.touch("bar")?;
//! # storage.produce("foo", [("k", json!({"number": 41}))])?;
//!
//! fn add_one(input: Value) -> Result<(Json, String)> {
//!     let number = input["number"].int()?;
//!     Ok((json!({"result": number + 1}), number.to_string()))
//! }
//!
//! let app = App::new("myapp", &storage).process("foo", "bar", "json", "json", add_one);
//! let done = app.run_to_end()?;
//! assert_eq!((done.processed, storage.cat("bar")?[0].value["result"].int()?), (1, 42));
//! # Ok::<(), kafi_core::Error>(())
//! ```
//!
//! What a route does beside that is said on it ([`Route`]): in which order and how many at once, how often what fails is
//! tried again, and what becomes of it then.
//!
//! With the feature `file` an app can be read from a file of YAML, whose handlers are functions in jq (`AppFile`).
//! What became of dead letters, also those of others, is read by [`Letter`], and they are put back by [`replay`].
//!
//! An offset is committed only after every output of its message, and of all before it, is delivered; what is done
//! beyond that is kept beside the offset. So nothing is lost when a process dies, and little is done twice.

#![deny(missing_docs)]

mod app;
mod engine;
mod extract;
#[cfg(feature = "file")]
mod file;
mod handler;
mod hooks;
mod input;
mod letters;
mod output;
mod policy;
mod route;
pub mod testing;

pub use app::App;
pub use engine::Done;
pub use extract::{Batch, Bytes, FromInput, FromKey, Headers, Json, Key, Meta, State};
#[cfg(feature = "file")]
pub use file::AppFile;
pub use handler::Handler;
pub use input::Input;
pub use letters::{Letter, LetterWish, Replay, Replayed, replay};
pub use output::{IntoOutputs, Output, Outputs};
pub use policy::{Breaker, OnError, Order, Retries};
pub use route::{PublishTo, Route, TypeName};
