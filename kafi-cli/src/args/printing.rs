//! What every command takes that prints messages.

use clap::Args;
use kafi::{Error, ErrorKind, Result};

use crate::output::{OutputOptions, Printing, Reading};

/// How messages are printed.
#[derive(Args)]
#[command(next_help_heading = "Printing")]
pub struct PrintArgs {
    /// Print by a format: %t %p %o %T %k %v %s %h %K %S %R %%, %k{hex}, %v{base64}, %d{%F %T}, \n \t \xNN
    #[arg(short = 'F', long, value_name = "FORMAT", allow_hyphen_values = true, conflicts_with = "key_delimiter")]
    format: Option<String>,
    #[command(flatten)]
    others: KeyValueArgs,
}

/// How messages are printed, without the format, whose short form is taken in `grep`.
#[derive(Args)]
#[command(next_help_heading = "Printing")]
pub struct KeyValueArgs {
    /// Print the key, this delimiter, and the value
    #[arg(short = 'K', value_name = "DELIMITER", allow_hyphen_values = true)]
    key_delimiter: Option<String>,
    /// Print this behind each message instead of a line's end
    #[arg(short = 'D', value_name = "DELIMITER", allow_hyphen_values = true, conflicts_with = "format")]
    delimiter: Option<String>,
    /// Print null as NULL
    #[arg(short = 'Z')]
    null: bool,
}

impl PrintArgs {
    /// Whether anything was said of how messages are printed.
    pub fn is_said(&self) -> bool {
        let KeyValueArgs { key_delimiter, delimiter, null } = &self.others;
        self.format.is_some() || key_delimiter.is_some() || delimiter.is_some() || *null
    }

    /// What the arguments mean for messages that are read so.
    ///
    /// # Errors
    /// As for [`KeyValueArgs::printing`].
    pub fn printing<'a>(&'a self, output: &OutputOptions, reading: &'a Reading) -> Result<Printing<'a>> {
        self.others.printing(self.format.as_deref(), output, reading)
    }
}

impl KeyValueArgs {
    /// What the arguments mean for messages that are read so, with this format.
    ///
    /// # Errors
    /// `Usage` for a format or a delimiter together with `--json`.
    pub fn printing<'a>(
        &'a self,
        format: Option<&'a str>,
        output: &OutputOptions,
        reading: &'a Reading,
    ) -> Result<Printing<'a>> {
        if output.json && (format.is_some() || self.key_delimiter.is_some() || self.delimiter.is_some()) {
            return Err(Error::new(
                ErrorKind::Usage,
                "read arguments",
                "--json prints one envelope a line, which -F, -K, and -D cannot change",
            ));
        }
        Ok(Printing {
            format,
            key_delimiter: self.key_delimiter.as_deref(),
            delimiter: self.delimiter.as_deref(),
            null: self.null,
            reading,
        })
    }
}
