//! `foreach`: a program of one's own gets each message.

use std::io::{ErrorKind as IoErrorKind, Write};
use std::ops::ControlFlow;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use kafi::{
    Batch, EnvelopeWriter, Error, ErrorKind, Failures, Field, Kafi, Place, Program, Progress, ReadOptions, Result,
    Serdes, Settings, TextDecoder, Type, shell,
};

use crate::address::{later_topics, open_topics};
use crate::args::{JqArgs, TakenArgs, open_steps, refused, share_limit, through_steps};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Reading, Stdout, nobody_reads};
use crate::summary::{Reached, Summary, ended};
use crate::verb::Verb;

/// Start a program once, and give it each message as an envelope, a line each
#[derive(Parser)]
pub struct ForeachArgs {
    /// The topics, or globs, on one storage
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<String>,
    /// The program and its arguments. With -g it acknowledges each message by an empty line, and other lines are printed;
    /// what it acknowledged is committed
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<String>,
    /// With -g: how many seconds it may acknowledge nothing before that is an error
    #[arg(long, value_name = "SECONDS", default_value_t = Program::SILENCE_MAX.as_secs(), value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    silence: u64,
    #[command(flatten)]
    taken: TakenArgs,
}

impl Verb for ForeachArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let summary = Summary::start();
        let steps = self.taken.functions.steps(&JqArgs::default(), &context.cancel)?;
        let mut options = self.taken.read.options(context, &self.taken.limit)?;
        share_limit(&steps, &mut options);
        let opened = open_topics(context, &self.addresses)?;
        let [at] = opened.as_slice() else {
            return Err(refused("ADDRESS", "a program gets the topics of one storage").hint("run it for each storage"));
        };
        let failures = self.taken.text.failures.open(context)?;
        let reading = Reading { serdes: self.taken.text.serdes()?, failures: failures.clone(), ..Reading::default() };
        let later_topics = later_topics(&self.addresses, &at.storage)?;
        let options =
            self.taken.read.on(&at.kafi, ReadOptions { progress: Arc::<Progress>::default(), later_topics, ..options });
        let applied = open_steps(&steps, &at.kafi, &reading)?;
        let through = |batch: &mut Batch| applied.as_ref().map_or(Ok(()), |steps| steps.apply(batch));
        let topics =
            shell::TopicsToRead::new(at.kafi.storage(), &at.topics, &options).threads(self.taken.read.threads());
        let topics = topics.leaving_out(&failures);
        let topics = through_steps(topics, applied.as_ref(), &through);
        let mut lines = Lines::open(&at.kafi, &reading, !steps.only_filters())?;
        let mut told = Told::start(self, context)?;
        context.begin_job();
        let mut failed = None;
        let read = shell::cat(topics, |batch| {
            lines.write(batch)?;
            match told.tell(&lines, batch) {
                Ok(asked) => Ok(asked),
                Err(error) => {
                    // What it acknowledged before is done.
                    failed = Some(error);
                    Ok(ControlFlow::Break(()))
                }
            }
        });
        // It may still be at work on what it got.
        let result = told.end();
        let finished = read?;
        if let Some(error) = failed {
            return Err(error);
        }
        result?;
        let exit = ended(context, &[Reached { storage: None, positions: &finished.reached }]);
        summary.count("read", lines.count + failures.count()).skipped(failures.count()).say(context);
        Ok(self.taken.text.failures.exit(&failures, exit))
    }

    fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }
}

/// The envelopes of a batch, a line each.
struct Lines {
    texts: TextDecoder,
    writer: EnvelopeWriter,
    failures: Failures,
    text: Vec<u8>,
    /// How many messages they are in all.
    count: u64,
}

impl Lines {
    fn open(kafi: &Kafi, reading: &Reading, are_text: bool) -> Result<Self> {
        let type_of = |field| kafi.place().type_or(reading.serdes.of_field(field), field, Type::Auto);
        let writer = EnvelopeWriter::new(type_of(Field::Key)?, type_of(Field::Value)?);
        let texts = match are_text {
            // Functions made text of them.
            true => TextDecoder::open(
                &Place::new(kafi.place().storage.clone(), Settings::default()),
                &Serdes::of(Type::Bytes),
            )?,
            false => TextDecoder::open(kafi.place(), &reading.serdes)?,
        };
        Ok(Self { texts, writer, failures: reading.failures.clone(), text: Vec::new(), count: 0 })
    }

    /// Those of this batch, from which messages are taken that cannot be decoded.
    fn write(&mut self, batch: &mut Batch) -> Result<()> {
        self.text.clear();
        let Self { texts, writer, failures, text, count } = self;
        let mut failed = Ok(());
        batch.retain_at(|batch, index| {
            let (record, noted) = (batch.get(index), batch.schemas_of(index));
            let shown = failed.is_ok().then(|| texts.show(record));
            match shown {
                None => false,
                Some(Ok((shown, [key, value]))) => {
                    writer.write_decoded(shown, [key.as_ref().or(noted[0]), value.as_ref().or(noted[1])], text);
                    text.push(b'\n');
                    *count += 1;
                    true
                }
                Some(Err(error)) => {
                    failed = failures.take(&record, error);
                    false
                }
            }
        });
        failed
    }
}

/// The program that is told.
enum Told {
    /// It acknowledges each message.
    Answers(Box<Program>, Stdout),
    /// It only reads.
    Reads(String, Child, Option<ChildStdin>),
}

impl Told {
    fn start(args: &ForeachArgs, context: &Context) -> Result<Self> {
        if args.taken.read.joins() {
            let program = Program::new(args.command.clone()).silence_max(Duration::from_secs(args.silence));
            let program = program.cancelled_by(&context.cancel);
            program.begin()?;
            return Ok(Self::Answers(Box::new(program), Stdout::open()?));
        }
        let name = args.command.join(" ");
        let child = Command::new(&args.command[0]).args(&args.command[1..]).stdin(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| Error::io("start program", error).with("program", &name))?;
        let stdin = child.stdin.take();
        Ok(Self::Reads(name, child, stdin))
    }

    /// Tells it of a batch. Where it acknowledges only some of it, these are left in the batch.
    fn tell(&mut self, lines: &Lines, batch: &mut Batch) -> Result<ControlFlow<()>> {
        match self {
            Self::Answers(program, stdout) => {
                let (mut acknowledged, count) = (0, batch.len());
                let heard = program.ask(lines.text.clone(), count).and_then(|mut asked| {
                    while acknowledged < count {
                        // What it prints is not to wait for what it says next.
                        if !asked.is_ready() && !stdout.flush()? {
                            return Err(nobody_reads());
                        }
                        match asked.answer()? {
                            None => acknowledged += 1,
                            Some(line) => {
                                stdout.buffer().extend_from_slice(&line);
                                stdout.buffer().push(b'\n');
                            }
                        }
                    }
                    Ok(())
                });
                let is_read = stdout.flush()?;
                if heard.is_err() {
                    batch.truncate(acknowledged);
                }
                heard.map_err(|error| match error.kind() {
                    ErrorKind::Timeout => error.hint(
                        "a program acknowledges each line with an empty one, and flushes its output then; --silence lets it take longer",
                    ),
                    _ => error,
                })?;
                if is_read { Ok(ControlFlow::Continue(())) } else { Err(nobody_reads()) }
            }
            Self::Reads(name, _, stdin) => match stdin.as_mut().map(|stdin| stdin.write_all(&lines.text)) {
                None | Some(Ok(())) => Ok(ControlFlow::Continue(())),
                // It has read enough.
                Some(Err(error)) if error.kind() == IoErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
                Some(Err(error)) => Err(Error::io("write to program", error).with("program", &*name)),
            },
        }
    }

    /// Ends its input, and waits for its end.
    fn end(self) -> Result<()> {
        match self {
            Self::Answers(program, _) => program.close(),
            Self::Reads(name, mut child, stdin) => {
                drop(stdin);
                let status =
                    child.wait().map_err(|error| Error::io("wait for program", error).with("program", &name))?;
                check(&name, status)
            }
        }
    }
}

fn check(name: &str, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unavailable, "run program", format!("it ended with {status}")).with("program", name))
}
