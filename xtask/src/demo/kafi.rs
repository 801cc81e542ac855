//! The binary under demonstration: each command line is printed, its stderr (progress and summary) goes to the
//! terminal.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::{Result, command};

/// Runs `kafi` in one folder.
pub struct Kafi<'a> {
    program: &'a Path,
    folder: &'a Path,
}

impl<'a> Kafi<'a> {
    /// The binary at `program`, run in `folder`.
    pub fn new(program: &'a Path, folder: &'a Path) -> Self {
        Self { program, folder }
    }

    /// Runs it for a person to see.
    pub fn run(&self, args: &[&str]) -> Result<()> {
        command::print(&line(args));
        let child = spawn(args, &mut self.command(args))?;
        finish(args, child, Ok(()))
    }

    /// Runs it with the stdin that `write` writes.
    pub fn feed(&self, args: &[&str], write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        command::print(&line(args));
        let mut child = spawn(args, self.command(args).stdin(Stdio::piped()))?;
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let written = write(&mut stdin);
        drop(stdin);
        finish(args, child, written)
    }

    /// Runs it and hands its stdout to `read`.
    pub fn read(&self, args: &[&str], read: impl FnOnce(&mut dyn Read) -> io::Result<()>) -> Result<()> {
        command::print(&line(args));
        let (child, mut stdout) = self.start(args)?;
        let done = read(&mut stdout);
        drop(stdout);
        finish(args, child, done)
    }

    /// Starts it, without a word, to read its stdout.
    pub fn start(&self, args: &[&str]) -> Result<(Child, ChildStdout)> {
        let mut child = spawn(args, self.command(args).stdout(Stdio::piped()))?;
        let stdout = child.stdout.take().expect("stdout is a pipe");
        Ok((child, stdout))
    }

    /// The settings of the one who runs the demo must not change it.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command
            .args(args)
            .current_dir(self.folder)
            .env_remove("KAFI_HOME")
            .env_remove("KAFI_STORAGE")
            .stdin(Stdio::null());
        command
    }
}

/// Waits for the end. That the program failed is said first: a broken pipe is only its consequence.
pub fn finish(args: &[&str], mut child: Child, piped: io::Result<()>) -> Result<()> {
    let status = child.wait().map_err(|error| format!("{}: {error}", line(args)))?;
    command::check(&line(args), status)?;
    piped.map_err(|error| format!("{}: {error}", line(args)))
}

/// The command line as one types it.
pub fn line(args: &[&str]) -> String {
    let quoted = args.iter().map(|arg| if arg.contains('"') { format!("'{arg}'") } else { (*arg).to_string() });
    format!("kafi {}", quoted.collect::<Vec<_>>().join(" "))
}

fn spawn(args: &[&str], command: &mut Command) -> Result<Child> {
    command.spawn().map_err(|error| format!("{}: {}: {error}", line(args), command.get_program().display()))
}
