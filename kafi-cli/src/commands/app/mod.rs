//! `app`: microservices from files of YAML.

mod check;
mod run;

use std::fs;
use std::path::Path;

use kafi::app::{App, AppFile};
use kafi::{Error, Result};

use crate::context::Context;
use crate::verb::{Entry, entry};

/// What can be done with apps.
pub const APP: Entry = Entry::Verbs {
    name: "app",
    about: "Run microservices that are described in files of YAML",
    verbs: &[entry::<run::RunArgs>("run"), entry::<check::CheckArgs>("check")],
};

/// Reads an app; its storages are opened, and not spoken to.
fn read(context: &Context, path: &Path) -> Result<(AppFile, App)> {
    let in_file = |error: Error| error.with("file", path.display());
    let text = fs::read_to_string(path).map_err(|error| in_file(Error::io("read app", error)))?;
    let file = AppFile::parse(&text).map_err(in_file)?;
    let app = file.app(|storage| context.registry.open(storage).map(|kafi| kafi.place().clone())).map_err(in_file)?;
    Ok((file, app))
}
