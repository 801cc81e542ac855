//! `user`: users with passwords. A user is addressed as a topic is: STORAGE:USER.

mod create;
mod ls;
mod rm;

use std::str::FromStr;

use kafi::{Address, Error, ErrorKind, Kafi, Result, ScramMechanism, StorageAddress};

use crate::context::Context;
use crate::verb::{Entry, entry};

/// What can be done with users.
pub const USER: Entry = Entry::Verbs {
    name: "user",
    about: "List, make, and delete users with passwords (SCRAM)",
    verbs: &[entry::<ls::LsArgs>("ls"), entry::<create::CreateArgs>("create"), entry::<rm::RmArgs>("rm")],
};

/// Opens the storage of one user.
fn open_user(context: &Context, text: &str) -> Result<(Kafi, StorageAddress, String)> {
    let address = Address::parse(text)?;
    let Some(user) = address.name() else {
        let error = Error::new(ErrorKind::Usage, "read address", "this names a storage, where a user is wanted")
            .with("address", format!("{text:?}"));
        return Err(error.hint(format!("kafi user ls {text} lists its users")));
    };
    Ok((context.registry.open_address(&address.storage)?, address.storage, user))
}

/// Reads the name of a mechanism.
fn mechanism(text: &str) -> std::result::Result<ScramMechanism, String> {
    let known = ScramMechanism::from_str(text).or_else(|error| match text.to_ascii_lowercase().as_str() {
        "sha-256" | "sha256" => Ok(ScramMechanism::Sha256),
        "sha-512" | "sha512" => Ok(ScramMechanism::Sha512),
        _ => Err(error),
    });
    known.map_err(|error| format!("{}: {}", error.message(), error.hint_text().unwrap_or_default()))
}
