//! Functions that are programs of one's own: messages go in as lines, and lines come out.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kafi_core::{Cancel, Error, ErrorKind, Message, Result};

use crate::change::Change;
use crate::limits::{Limits, Runaway};
use crate::message::{with_view, write_envelope};

/// What a program says is read in blocks of this size.
const BLOCK_BYTES: usize = 64 << 10;

/// So many blocks are read ahead.
const BLOCKS_AHEAD: usize = 4;

/// A program whose input has ended is to end within this time.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Whoever asked to stop waits no longer than this for an answer, or for the end of a program.
const CANCELLED_MAX: Duration = Duration::from_secs(1);

/// The wish to stop is looked at so often.
const LOOK: Duration = Duration::from_millis(50);

/// A program that makes none, one, or many messages of each.
///
/// It is given each message as a line of JSON, in the form in which [`Function`](crate::Function)s see it, and answers
/// with as many lines of the same form as it makes messages, and then an empty line. Members that it leaves out are kept.
/// An answer may be as long as what a function makes of a message: see [`Limits`].
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
    limits: Limits,
    cancel: Cancel,
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
    cancel: Cancel,
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
    answer: Answer,
}

/// What was heard of an answer, and how long the rest of it is waited for.
struct Answer {
    patience: Duration,
    lines: usize,
    bytes: usize,
}

impl Program {
    /// How long a program may be waited for until it has answered a message, unless somebody says otherwise.
    pub const SILENCE_MAX: Duration = Duration::from_secs(60);

    /// A command line for `sh`.
    pub fn shell(command: &str) -> Self {
        Self::new(["sh", "-c", command].map(str::to_string).to_vec())
    }

    /// A program with its arguments.
    pub fn new(command: Vec<String>) -> Self {
        Self {
            command,
            silence_max: Self::SILENCE_MAX,
            limits: Limits::default(),
            cancel: Cancel::new(),
            state: Mutex::new(State::NotStarted),
        }
    }

    /// The same, which is waited for so long until it has answered a message. Default: [`Program::SILENCE_MAX`].
    pub fn silence_max(self, silence_max: Duration) -> Self {
        Self { silence_max, ..self }
    }

    /// The same, which is given up a second after `cancel` was asked, where it does not answer.
    pub fn cancelled_by(self, cancel: &Cancel) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }

    /// The messages that it makes of one, for [`Pipe::flatmap`](kafi_core::Pipe::flatmap): none, one, or many. Blocks
    /// until it has answered.
    ///
    /// # Errors
    /// `Function` for a line that is no message, and where it makes too much of one; `Unavailable` where it ends,
    /// `Timeout` where it does not answer, and `Cancelled` where it is to stop before: then it answers no more.
    pub fn flatmap(&self, message: Message) -> Result<Vec<Message>> {
        with_view(&message, |view| {
            let mut line = Vec::new();
            write_envelope(view, &mut line);
            line.push(b'\n');
            let message_bytes = line.len();
            let mut asked = self.ask(line, 1).map_err(|error| view.located(error))?;
            let (mut made, mut failed) = (Vec::new(), Ok(()));
            while let Some(answer) = asked.answer().map_err(|error| view.located(error))? {
                match Change::answered(&answer, view) {
                    // Each of them holds what stays of the message.
                    Ok(_) if made.len() * message_bytes > self.limits.bytes_max => {
                        return Err(view.located(Runaway::Bytes.error(&self.limits)));
                    }
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
        Ok(Asked { program: self, state, left: count, answer: Answer::new(self.silence_max) })
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
    /// `Unavailable` where it ends with anything but success, or does not end within the time of an answer.
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
        let cancel = self.cancel.clone();
        Ok(Running {
            child,
            input: Some(input),
            output,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            is_over: false,
            cancel,
        })
    }

    /// What users typed.
    fn name(&self) -> String {
        match &self.command[..] {
            [sh, flag, command] if sh == "sh" && flag == "-c" => command.clone(),
            command => command.join(" "),
        }
    }

    /// What it says of trouble with an answer.
    fn failure(&self, trouble: Trouble, running: &mut Running) -> Error {
        match trouble {
            Trouble::Silence { has_begun } => {
                let seconds = self.silence_max.as_secs_f64();
                let why = match has_begun {
                    true => format!("it has not ended its answer after {seconds} s"),
                    false => format!("it says nothing for {seconds} s"),
                };
                self.error(ErrorKind::Timeout, why).hint(
                    "a program answers each line with an empty one behind what it makes, and flushes its output then; --through-timeout lets it think longer",
                )
            }
            Trouble::Stopped => self.error(ErrorKind::Cancelled, "it had not answered when it was to stop"),
            Trouble::Ended => {
                let status = running.end(ENDS_WITHIN);
                let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                self.error(ErrorKind::Unavailable, format!("it ended ({how}) before it had answered"))
            }
            Trouble::Read(error) => Error::io("read from program", error).with("program", self.name()),
            Trouble::RunsAway(runaway) => self.error(ErrorKind::Function, runaway.why(&self.limits)),
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
    /// `Unavailable` where the program ends, `Timeout` where its answer does not, `Cancelled` where it is to stop before,
    /// `Function` where the answer is longer than what may be made of a message.
    pub fn answer(&mut self) -> Result<Option<Vec<u8>>> {
        let Self { program, state, left, answer } = self;
        let State::Runs(running) = &mut **state else {
            return Err(program.error(ErrorKind::Unavailable, "it has failed before"));
        };
        let error = match running.line(answer, &program.limits) {
            Ok(line) if line.is_empty() => {
                *left -= 1;
                *answer = Answer::new(program.silence_max);
                return Ok(None);
            }
            Ok(line) => return Ok(Some(line)),
            Err(trouble) => program.failure(trouble, running),
        };
        state.fail();
        Err(error)
    }

    /// Whether the next line is there already.
    pub fn is_ready(&self) -> bool {
        matches!(&*self.state, State::Runs(running) if memchr::memchr(b'\n', &running.buffer[running.searched..]).is_some())
    }
}

impl Answer {
    fn new(patience: Duration) -> Self {
        Self { patience, lines: 0, bytes: 0 }
    }

    /// Takes note of a line.
    fn take(&mut self, bytes: usize, limits: &Limits) -> std::result::Result<(), Trouble> {
        if self.lines == limits.outputs_max {
            return Err(Trouble::RunsAway(Runaway::Outputs));
        }
        self.lines += 1;
        self.bytes += bytes;
        if self.bytes > limits.bytes_max { Err(Trouble::RunsAway(Runaway::Bytes)) } else { Ok(()) }
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
    /// It was waited for long enough.
    Silence {
        /// Whether it has said some of its answer.
        has_begun: bool,
    },
    /// Somebody asked to stop.
    Stopped,
    Ended,
    Read(io::Error),
    RunsAway(Runaway),
}

impl Running {
    /// The next line of an answer, without its end.
    fn line(&mut self, answer: &mut Answer, limits: &Limits) -> std::result::Result<Vec<u8>, Trouble> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let end = self.searched + at;
                let line = self.buffer[self.start..end].to_vec();
                self.start = end + 1;
                self.searched = self.start;
                if !line.is_empty() {
                    answer.take(line.len(), limits)?;
                }
                return Ok(line);
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            self.searched = self.buffer.len();
            if self.buffer.len() > limits.bytes_max {
                return Err(Trouble::RunsAway(Runaway::Bytes));
            }
            let block = self.block(answer)?;
            self.buffer.extend_from_slice(&block);
        }
    }

    /// More of what it says. Only the time counts in which it is waited for.
    fn block(&mut self, answer: &mut Answer) -> std::result::Result<Vec<u8>, Trouble> {
        loop {
            let is_cancelled = self.cancel.is_cancelled();
            if is_cancelled {
                answer.patience = answer.patience.min(CANCELLED_MAX);
            }
            let begun = Instant::now();
            let received = self.output.recv_timeout(answer.patience.min(LOOK));
            answer.patience = answer.patience.saturating_sub(begun.elapsed());
            match received {
                Ok(block) => return block.map_err(Trouble::Read),
                Err(RecvTimeoutError::Disconnected) => return Err(Trouble::Ended),
                Err(RecvTimeoutError::Timeout) if !answer.patience.is_zero() => {}
                Err(RecvTimeoutError::Timeout) if is_cancelled => return Err(Trouble::Stopped),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Trouble::Silence { has_begun: answer.lines > 0 || !self.buffer.is_empty() });
                }
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
        let (begun, cancel) = (Instant::now(), self.cancel.clone());
        let is_over = || begun.elapsed() >= if cancel.is_cancelled() { within.min(CANCELLED_MAX) } else { within };
        // While it speaks it has not ended.
        while !is_over() && !matches!(self.output.recv_timeout(LOOK), Err(RecvTimeoutError::Disconnected)) {}
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.is_over = true;
                return Ok(status);
            }
            if is_over() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use kafi_core::Json;

    /// What a program says of a message of some hundred bytes, with limits that are soon reached.
    fn failure(program: Program) -> Error {
        let limits = Limits { outputs_max: 100, bytes_max: 10_000, ..Limits::default() };
        let value = Json::parse(format!("[\"{}\"]", "x".repeat(200))).unwrap();
        Program { limits, ..program }.flatmap(Message::new("t", "k", value)).unwrap_err()
    }

    #[test]
    fn an_answer_without_end_is_an_error_that_names_the_message() {
        for (command, why) in [
            ("yes x", "it makes more than 100 values of one message"),
            // What stays of the message counts for each.
            ("yes {}", "it makes more than 10000 bytes of one message"),
            (
                r#"yes '{"key":"a key of some more bytes, so that a hundred of them, a line each, are too many of them"}'"#,
                "it makes more than 10000 bytes of one message",
            ),
            (r"yes | tr -d '\n'", "it makes more than 10000 bytes of one message"),
        ] {
            let error = failure(Program::shell(command));
            assert_eq!((error.kind(), error.message()), (ErrorKind::Function, why), "{command}");
            assert!(error.context().any(|pair| pair == ("topic", "t")), "{command}: {error}");
        }
    }

    #[test]
    fn an_answer_is_waited_for_as_a_whole() {
        let dribbles = Program::shell("read -r line; while echo {}; do sleep 0.05; done");
        let error = failure(dribbles.silence_max(Duration::from_millis(300)));
        assert_eq!((error.kind(), error.message()), (ErrorKind::Timeout, "it has not ended its answer after 0.3 s"));
        let error = failure(Program::shell("sleep 100").silence_max(Duration::from_millis(10)));
        assert_eq!((error.kind(), error.message()), (ErrorKind::Timeout, "it says nothing for 0.01 s"));
    }

    #[test]
    fn nobody_who_asked_to_stop_waits_for_an_answer() {
        let cancel = Cancel::new();
        cancel.cancel();
        let error = failure(Program::shell("sleep 100").cancelled_by(&cancel));
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    }
}
