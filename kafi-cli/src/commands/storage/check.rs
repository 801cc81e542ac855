//! `storage check`: connects to a storage, and says what it is and can do.

use clap::Parser;
use kafi::{Address, Admin, ErrorKind, Json, Result};

use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Connect to a storage, and say what it is and can do
#[derive(Parser)]
pub struct CheckArgs {
    /// The storage
    #[arg(value_name = "ADDRESS")]
    address: String,
}

impl Verb for CheckArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let kafi = context.registry.open_address(&Address::parse_storage(&self.address)?)?;
        let storage = kafi.storage();
        let identity = storage.identity(TIMEOUT)?;
        let mut admin = kafi.admin()?;
        let topics = admin.topics(&[], TIMEOUT)?;
        let server = server(&mut *admin)?;
        let mut names = vec!["storage", "kind", "identity", "topics"];
        names.extend(server.is_some().then_some("server"));
        names.push("capabilities");
        let mut table = Table::new(&names);
        let mut cells = vec![
            Cell::Text(storage.name().to_string()),
            Cell::Text(storage.scheme().to_string()),
            Cell::Text(identity),
            Cell::Number(topics.iter().filter(|topic| !topic.internal).count() as i64),
        ];
        cells.extend(server.map(Cell::Text));
        cells.push(Cell::Text(storage.capabilities().to_string()));
        table.row(cells);
        table.with_names_beside().print(&context.output)?;
        Ok(Exit::Done)
    }
}

/// Which server it is that speaks for the storage, and which API it has, where there is one.
fn server(admin: &mut dyn Admin) -> Result<Option<String>> {
    match admin.operation("server", "", TIMEOUT) {
        Ok(answer) => {
            let answer = Json::parse(answer)?;
            let api = answer["api"].str()?;
            Ok(Some(match answer["server"].str() {
                Ok(server) => format!("{server}, {api}"),
                Err(_) => api.to_string(),
            }))
        }
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}
