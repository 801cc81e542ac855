//! A password, which is no argument: others see the arguments of a process, and shells remember them.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::{env, fs};

use clap::Args;
use kafi::{Error, ErrorKind, Result};

use crate::output::stderr;
use crate::output::terminal::without_echo;

/// No password is longer.
const BYTES_MAX: u64 = 4096;

/// Where a password comes from.
#[derive(Args)]
pub struct PasswordArgs {
    /// Read the password from this file, or stdin (-): its first line [default: it is asked for on the terminal]
    #[arg(long, value_name = "FILE", conflicts_with = "password_env", value_hint = clap::ValueHint::FilePath)]
    password_file: Option<PathBuf>,
    /// Read the password from this environment variable
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
}

impl PasswordArgs {
    /// The password of a user.
    ///
    /// # Errors
    /// `Usage` where there is none, or nobody can be asked; what reading a file fails with.
    pub fn password(&self, operation: &'static str, user: &str) -> Result<String> {
        let refuse = |why: String| Error::new(ErrorKind::Usage, operation, why).with("user", user);
        let password = match (&self.password_file, &self.password_env) {
            (Some(path), _) if path.as_os_str() == "-" => first_line(io::stdin().lock(), "stdin")?,
            (Some(path), _) => {
                let name = path.display().to_string();
                let file = fs::File::open(path).map_err(|error| Error::io("read", error).with("file", &name))?;
                first_line(io::BufReader::new(file), &name)?
            }
            (None, Some(name)) => env::var(name)
                .map_err(|_| refuse("the environment variable is not set".into()).with("variable", name))?,
            (None, None) if io::stdin().is_terminal() => {
                let password = asked(&format!("password of {user}: "))?;
                if asked("once more: ")? != password {
                    return Err(refuse("the two passwords differ".into()));
                }
                password
            }
            (None, None) => {
                return Err(refuse("nobody can be asked for the password here".into())
                    .hint("--password-file FILE and --password-env NAME say where it is"));
            }
        };
        if password.is_empty() { Err(refuse("the password is empty".into())) } else { Ok(password) }
    }
}

fn first_line(input: impl BufRead, name: &str) -> Result<String> {
    let mut line = String::new();
    input.take(BYTES_MAX).read_line(&mut line).map_err(|error| Error::io("read", error).with("file", name))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_string())
}

/// What is typed, which is not shown.
fn asked(question: &str) -> Result<String> {
    stderr::put(question);
    let line = without_echo(|| first_line(io::stdin().lock(), "stdin"));
    stderr::put("\n");
    line
}
