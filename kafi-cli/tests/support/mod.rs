//! Runs the binary as a person does: a shell in a folder of its own, an environment that holds nothing else, and
//! transcripts of what is typed and seen.

pub mod messages;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What is waited for comes within this time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder to run in, with a home and an environment of its own.
pub struct Sandbox {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Sandbox {
    /// An empty folder; times are two hours ahead of UTC.
    pub fn new() -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_kafi")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().display().to_string();
        let environment = [
            ("PATH", path),
            ("HOME", home),
            ("TZ", "Etc/GMT-2".into()),
            ("LC_ALL", "C.UTF-8".into()),
            ("TERM", "xterm-256color".into()),
        ];
        Self { folder, environment: environment.map(|(name, value)| (name.to_string(), value)).to_vec() }
    }

    /// A path within the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders that it needs.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// What a shell does with this line.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["-c", line])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// Runs a line to its end.
    pub fn run(&self, line: &str) -> Output {
        self.shell(line).output().unwrap()
    }

    /// Runs a line that reads `stdin`.
    pub fn run_with(&self, line: &str, stdin: &[u8]) -> Output {
        let mut child =
            self.shell(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // A command may end before it has read everything.
            scope.spawn(move || drop(input.write_all(stdin)));
            child.wait_with_output().unwrap()
        })
    }

    /// The stdout of a line that is to succeed and to say nothing else.
    pub fn bytes(&self, line: &str) -> Vec<u8> {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", seen(&output));
        output.stdout
    }

    /// The same as text.
    pub fn text(&self, line: &str) -> String {
        String::from_utf8(self.bytes(line)).unwrap()
    }

    /// Starts a command whose output goes to files of the folder, without a shell around it, so that it can be sent
    /// signals.
    pub fn start(&self, arguments: &[&str], stdin: Stdio, stdout: &str, stderr: &str) -> Running {
        let file = |name: &str| fs::File::create(self.path(name)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kafi"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().envs(self.environment.iter().cloned());
        Running(command.stdin(stdin).stdout(file(stdout)).stderr(file(stderr)).spawn().unwrap())
    }

    /// Waits until a file holds `text`.
    pub fn wait_for(&self, file: &str, text: &str) {
        let holds = || fs::read(self.path(file)).is_ok_and(|content| String::from_utf8_lossy(&content).contains(text));
        wait_until(&format!("{text:?} in {file}"), holds);
    }

    /// A file's content.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Compares a transcript with what really happens: lines with `$ ` are typed, and what follows is seen: stdout as
    /// it is, stderr behind `! `, an exit code other than 0 behind `? `. Durations are shown as 0; a last line without
    /// its end is followed by `⌁`.
    pub fn check(&self, transcript: &str) {
        let mut actual = String::new();
        for line in transcript.trim_start_matches('\n').lines() {
            let typed = line.trim_start();
            if let Some(command) = typed.strip_prefix("$ ") {
                writeln!(actual, "$ {command}").unwrap();
                actual.push_str(&seen(&self.run(command)).replace(&self.folder.path().display().to_string(), "DIR"));
            }
        }
        let expected: String =
            transcript.trim_start_matches('\n').lines().map(|line| format!("{}\n", line.trim_start())).collect();
        assert!(actual.trim_end() == expected.trim_end(), "--- expected\n{expected}\n--- actual\n{actual}");
    }
}

/// What a person sees of a command: stdout, then stderr, then the exit code.
pub fn seen(output: &Output) -> String {
    let mut seen = visible(&output.stdout);
    if !output.stdout.is_empty() && !output.stdout.ends_with(b"\n") {
        seen.push_str("⌁\n");
    }
    for line in visible(&output.stderr).lines() {
        writeln!(seen, "! {}", without_durations(line)).unwrap();
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => writeln!(seen, "? {code}").unwrap(),
        None => writeln!(seen, "? {}", output.status).unwrap(),
    }
    seen
}

/// Text as it is, controls and what is not UTF-8 as `\xNN`.
fn visible(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => text.push('\n'),
                c if c.is_control() => write!(text, "\\x{:02x}", c as u32).unwrap(),
                c => text.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| write!(text, "\\x{byte:02x}").unwrap());
    }
    text
}

fn without_durations(line: &str) -> String {
    let number_ends = |text: &str| text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    for (before, after, instead) in [(" in ", " s", "0.0"), ("\"seconds\":", "}", "0.0")] {
        if let Some(at) = line.rfind(before) {
            let number = &line[at + before.len()..];
            let rest = &number[number_ends(number)..];
            if rest == after {
                return format!("{}{before}{instead}{after}", &line[..at]);
            }
        }
    }
    line.to_string()
}

/// Waits for a condition that is sure to come.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that ends with its test at the latest.
pub struct Running(pub Child);

impl Running {
    /// Sends it what Ctrl-C sends.
    pub fn interrupt(&self) {
        // The shell's own `kill`: small systems have no other.
        assert!(Command::new("bash").args(["-c", &format!("kill -INT {}", self.0.id())]).status().unwrap().success());
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Its exit code; it is about to end.
    pub fn exit_code(&mut self) -> i32 {
        wait_until("the end of a process", || self.has_ended());
        self.0.wait().unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}
