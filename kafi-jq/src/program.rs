//! Functions that are programs of one's own: messages go in as lines, and lines come out.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Message, Result};

use crate::change::Change;
use crate::message::{with_view, write_envelope};

/// What a program says is read in blocks of this size.
const BLOCK_BYTES: usize = 64 << 10;

/// So many blocks are read ahead.
const BLOCKS_AHEAD: usize = 4;

/// No line is longer.
const LINE_BYTES_MAX: usize = 256 << 20;

/// A program whose input has ended is to end within this time.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// A program that makes none, one, or many messages of each.
///
/// It is given each message as a line of JSON, in the form in which [`Function`](crate::Function)s see it, and answers
/// with as many lines of the same form as it makes messages, and then an empty line. Members that it leaves out are kept.
/// It is started when the first message comes, once, whoever asks; its input ends with the last message.
///
/// ```
/// use kafi_core::{Json, Message};
/// use kafi_jq::Program;
/// // Each line, and an empty one.
/// let program = Program::shell("sed -u 's/\"bla\":123/\"bla\":124/;G'");
/// let made = program.flatmap(Message::new("t", "k", Json::parse(r#"{"bla":123}"#)?))?;
/// assert_eq!(made[0].value.to_string(), r#"{"bla":124}"#);
/// # Ok::<(), kafi_core::Error>(())
/// ```
pub struct Program {
    command: Vec<String>,
    silence_max: Duration,
    state: Mutex<State>,
}

enum State {
    NotStarted,
    Runs(Running),
    /// What it was asked was not answered as it should be: nothing that it says can be trusted any more.
    Failed,
}

/// A program that runs, with a thread that writes to it and one that reads, so that neither waits for the other.
struct Running {
    child: Child,
    /// Closed, where nothing more is asked.
    input: Option<Sender<Vec<u8>>>,
    output: Receiver<io::Result<Vec<u8>>>,
    buffer: Vec<u8>,
    start: usize,
    /// No line ends before this place.
    searched: usize,
    /// Whether it was waited for.
    is_over: bool,
}

impl State {
    /// Nothing more is asked; a program that runs is killed.
    fn fail(&mut self) {
        if let Self::Runs(mut running) = std::mem::replace(self, Self::Failed) {
            running.kill();
        }
    }
}

/// Questions that a program was asked, and answers in the same order. Nobody else asks meanwhile.
pub struct Asked<'p> {
    program: &'p Program,
    state: MutexGuard<'p, State>,
    left: usize,
}

impl Program {
    /// How long a program may say nothing while it is asked something, unless somebody says otherwise.
    pub const SILENCE_MAX: Duration = Duration::from_secs(60);

    /// A command line for `sh`.
    pub fn shell(command: &str) -> Self {
        Self::new(["sh", "-c", command].map(str::to_string).to_vec())
    }

    /// A program with its arguments.
    pub fn new(command: Vec<String>) -> Self {
        Self { command, silence_max: Self::SILENCE_MAX, state: Mutex::new(State::NotStarted) }
    }

    /// The same, which may say nothing for so long while it is asked something. Default: [`Program::SILENCE_MAX`].
    pub fn silence_max(self, silence_max: Duration) -> Self {
        Self { silence_max, ..self }
    }

    /// The messages that it makes of one, for [`Pipe::flatmap`](kafi_core::Pipe::flatmap): none, one, or many. Blocks
    /// until it has answered.
    ///
    /// # Errors
    /// `Function` for a line that is no message; `Unavailable` where it ends, and `Timeout` where it says nothing: then it
    /// answers no more.
    pub fn flatmap(&self, message: Message) -> Result<Vec<Message>> {
        with_view(&message, |view| {
            let mut line = Vec::new();
            write_envelope(view, &mut line);
            line.push(b'\n');
            let mut asked = self.ask(line, 1).map_err(|error| view.located(error))?;
            let (mut made, mut failed) = (Vec::new(), Ok(()));
            while let Some(answer) = asked.answer().map_err(|error| view.located(error))? {
                match Change::answered(&answer, view) {
                    Ok(change) => made.push(change.applied(message.clone())),
                    Err(error) => failed = failed.and(Err(view.located(error))),
                }
            }
            failed.map(|()| made)
        })
    }

    /// Asks so many questions, each of them a line.
    ///
    /// # Errors
    /// Where it cannot be started, has failed before, or has said what nobody asked for.
    pub fn ask(&self, lines: Vec<u8>, count: usize) -> Result<Asked<'_>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::NotStarted = &*state {
            *state = State::Runs(self.start()?);
        }
        let State::Runs(running) = &mut *state else {
            return Err(self.error(ErrorKind::Unavailable, "it has failed before"));
        };
        if running.has_said_more() {
            state.fail();
            let error = self.error(ErrorKind::Unavailable, "it says something that it was not asked");
            return Err(
                error.hint("it answers each line with lines of its own and an empty one, and says nothing else")
            );
        }
        if let Some(input) = &running.input {
            // Where the program has ended there is nobody to write: the missing answers tell.
            let _ended = input.send(lines);
        }
        Ok(Asked { program: self, state, left: count })
    }

    /// Starts it, so that a command that is not there is known early.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, and others of starting a program.
    pub fn begin(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::NotStarted = &*state {
            *state = State::Runs(self.start()?);
        }
        Ok(())
    }

    /// Ends its input, and waits until it has ended, too. Afterwards it answers no more.
    ///
    /// # Errors
    /// `Unavailable` where it ends with anything but success, or does not end for as long as it may say nothing.
    pub fn close(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State::Runs(mut running) = std::mem::replace(&mut *state, State::Failed) else { return Ok(()) };
        match running.end(self.silence_max) {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(self.error(ErrorKind::Unavailable, format!("it ended with {status}"))),
            Err(error) => Err(self.error(ErrorKind::Unavailable, error.to_string())),
        }
    }

    fn start(&self) -> Result<Running> {
        let failed = |error| Error::io("start program", error).with("program", self.name());
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
        // Ctrl-C is for us: what is in hand is still answered.
        let mut child = command.process_group(0).spawn().map_err(failed)?;
        let (stdin, stdout) = (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
        let (input, lines) = channel();
        let (blocks, output) = sync_channel(BLOCKS_AHEAD);
        let thread = |name: &str| thread::Builder::new().name(name.to_string());
        thread("program input").spawn(move || write_lines(stdin, &lines)).map_err(failed)?;
        thread("program output").spawn(move || read_blocks(stdout, &blocks)).map_err(failed)?;
        Ok(Running { child, input: Some(input), output, buffer: Vec::new(), start: 0, searched: 0, is_over: false })
    }

    /// What users typed.
    fn name(&self) -> String {
        match &self.command[..] {
            [sh, flag, command] if sh == "sh" && flag == "-c" => command.clone(),
            command => command.join(" "),
        }
    }

    fn error(&self, kind: ErrorKind, why: impl Into<String>) -> Error {
        Error::new(kind, "run program", why).with("program", self.name())
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("command", &self.command).finish_non_exhaustive()
    }
}

impl Asked<'_> {
    /// The next line of the answer to the oldest question; `None` at its end. Blocks until it is there.
    ///
    /// # Errors
    /// `Unavailable` where the program ends, `Timeout` where it says nothing, `TooLarge` for a line beyond any message.
    pub fn answer(&mut self) -> Result<Option<Vec<u8>>> {
        let State::Runs(running) = &mut *self.state else {
            return Err(self.program.error(ErrorKind::Unavailable, "it has failed before"));
        };
        let error = match running.line(self.program.silence_max) {
            Ok(line) if line.is_empty() => {
                self.left -= 1;
                return Ok(None);
            }
            Ok(line) => return Ok(Some(line)),
            Err(Trouble::Silence) => {
                let why = format!("it says nothing for {} s", self.program.silence_max.as_secs_f64());
                self.program.error(ErrorKind::Timeout, why).hint(
                    "a program answers each line with an empty one behind what it makes, and flushes its output then; --through-timeout lets it think longer",
                )
            }
            Err(Trouble::Ended) => {
                let status = running.end(ENDS_WITHIN);
                let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                self.program.error(ErrorKind::Unavailable, format!("it ended ({how}) before it had answered"))
            }
            Err(Trouble::Read(error)) => Error::io("read from program", error).with("program", self.program.name()),
            Err(Trouble::TooLong) => {
                self.program.error(ErrorKind::TooLarge, format!("it says a line of more than {LINE_BYTES_MAX} bytes"))
            }
        };
        self.state.fail();
        Err(error)
    }
}

impl Drop for Asked<'_> {
    /// What is left unanswered would be taken for answers to other questions.
    fn drop(&mut self) {
        if self.left > 0 {
            self.state.fail();
        }
    }
}

/// Why there is no line.
enum Trouble {
    Silence,
    Ended,
    Read(io::Error),
    TooLong,
}

impl Running {
    /// The next line, without its end.
    fn line(&mut self, silence_max: Duration) -> std::result::Result<Vec<u8>, Trouble> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let end = self.searched + at;
                let line = self.buffer[self.start..end].to_vec();
                self.start = end + 1;
                self.searched = self.start;
                return Ok(line);
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            self.searched = self.buffer.len();
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(Trouble::TooLong);
            }
            match self.output.recv_timeout(silence_max) {
                Ok(block) => self.buffer.extend_from_slice(&block.map_err(Trouble::Read)?),
                Err(RecvTimeoutError::Timeout) => return Err(Trouble::Silence),
                Err(RecvTimeoutError::Disconnected) => return Err(Trouble::Ended),
            }
        }
    }

    /// Whether it has said something, though everything is answered.
    fn has_said_more(&mut self) -> bool {
        self.start < self.buffer.len() || matches!(self.output.try_recv(), Ok(Ok(_)))
    }

    /// Ends its input, and waits until it has ended; what it still says is not heard.
    fn end(&mut self, within: Duration) -> io::Result<std::process::ExitStatus> {
        self.input = None;
        let deadline = Instant::now() + within;
        // While it speaks it has not ended.
        while self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.is_over = true;
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not end"));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Running {
    fn kill(&mut self) {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = killed {
            log::warn!("a program could not be ended: {error}");
        }
        self.is_over = true;
    }
}

impl Drop for Running {
    /// A program that does not end with its input is killed.
    fn drop(&mut self) {
        if !self.is_over && self.end(ENDS_WITHIN).is_err() {
            self.kill();
        }
    }
}

/// Writes lines until nobody has more, or the program does not read any more.
fn write_lines(mut stdin: ChildStdin, lines: &Receiver<Vec<u8>>) {
    while let Ok(lines) = lines.recv() {
        if stdin.write_all(&lines).is_err() {
            return;
        }
    }
}

/// Reads what a program says, until it ends, or nobody listens.
fn read_blocks(mut stdout: ChildStdout, blocks: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = vec![0; BLOCK_BYTES];
        let read = match stdout.read(&mut block) {
            Ok(0) => return,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read,
        };
        let failed = read.is_err();
        let block = read.map(|len| {
            block.truncate(len);
            block
        });
        if blocks.send(block).is_err() || failed {
            return;
        }
    }
}
