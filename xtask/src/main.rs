//! The tasks of this repository: bench, demo, test, soak, tour, tidy.

mod bench;
mod command;
mod demo;
mod soak;
mod test;
mod tidy;
mod tour;
mod workspace;

use std::env;
use std::process::ExitCode;

/// What a task gives; an error is one or more lines for the person who started it.
type Result<T> = std::result::Result<T, String>;

const HELP: &str = "\
usage: cargo xtask TASK

  bench [--quick] [--runs N]
                    measure kafi beside librdkafka, kcat, ripgrep, Python, and Java; --quick for 2 million messages of 100 bytes only
  demo [MESSAGES]   build kafi and show its main job on a local folder, with a million messages unless you say how many
  test [ARG…]       run all tests, also those on a real Kafka broker, which is installed, started, and stopped; ARG… goes to `cargo test`
  soak [--rounds N] [--seed S] [--only FAULT]
                    kill producers, copies, and a broker at random moments, fill disks, and check that nothing is lost or doubled; docs/soak.md
  tour              run the examples of README.md, and check that they print what it says
  tidy              check the house rules
  help              this text
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["bench", args @ ..] => bench::run(args),
        ["demo"] => demo::build_and_run(demo::MESSAGES),
        ["demo", messages] => {
            demo::build_and_run(messages.parse().map_err(|_| format!("demo: {messages}: not a number of messages"))?)
        }
        ["test", args @ ..] => test::run(args),
        ["soak", args @ ..] => soak::build_and_run(args),
        ["tour"] => tour::build_and_run(),
        ["tidy"] => tidy::run(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        [unknown, ..] => Err(format!("{unknown}: no such task, or too many arguments\n\n{HELP}")),
    }
}
