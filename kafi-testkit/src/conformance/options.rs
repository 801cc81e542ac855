//! The arguments of a run.

use kafi_core::nearest;

/// What to run, and how; the words are those of Rust's own test binaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Runs the cases whose names contain one of these; all, if there are none.
    pub filters: Vec<String>,
    /// Runs none whose name contains one of these.
    pub skip: Vec<String>,
    /// Names have to be equal, not only to contain.
    pub exact: bool,
    /// Only lists the names.
    pub list: bool,
    /// Only takes the ignored cases, which are never run.
    pub ignored: bool,
    /// Writes the files of ignored cases anew, where otherwise a difference is a failure.
    pub bless: bool,
    /// Prints only what failed, and the sums.
    pub quiet: bool,
    /// How many cases run at once; 0 (the default) is four, of which most wait for their storage.
    pub threads: usize,
}

/// What test binaries take and what makes no difference here; those of the second kind have a value.
const WITHOUT_EFFECT: [&str; 5] = ["--nocapture", "--no-capture", "--show-output", "--include-ignored", "--test"];
const WITHOUT_EFFECT_VALUED: [&str; 4] = ["--color", "--format", "--report-time", "-Z"];

/// What has an effect, for the hint about an unknown argument.
const KNOWN: [&str; 7] = ["--exact", "--skip", "--list", "--ignored", "--bless", "--quiet", "--test-threads"];

impl Options {
    /// Reads the arguments of a test binary, without its name.
    ///
    /// # Errors
    /// One line about what is not understood.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with('-') => (name, Some(value.to_string())),
                _ => (argument.as_str(), None),
            };
            let mut valued =
                || value.clone().or_else(|| arguments.next()).ok_or_else(|| format!("{name}: its value is missing"));
            match name {
                "--exact" => options.exact = true,
                "--list" => options.list = true,
                "--ignored" => options.ignored = true,
                "--bless" => options.bless = true,
                "-q" | "--quiet" => options.quiet = true,
                "--skip" => options.skip.push(valued()?),
                "--test-threads" => options.threads = number(&valued()?)?,
                _ if WITHOUT_EFFECT.contains(&name) => {}
                _ if WITHOUT_EFFECT_VALUED.contains(&name) => drop(valued()?),
                _ if name.starts_with('-') => return Err(unknown(name)),
                _ => options.filters.push(argument),
            }
        }
        Ok(options)
    }

    /// Whether a case of this name is meant.
    pub(super) fn takes(&self, name: &str) -> bool {
        let fits = |text: &String| if self.exact { name == text } else { name.contains(text.as_str()) };
        (self.filters.is_empty() || self.filters.iter().any(fits)) && !self.skip.iter().any(fits)
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("--test-threads: {text} is no number of threads"))
}

fn unknown(name: &str) -> String {
    match nearest(name, KNOWN) {
        Some(near) => format!("{name}: no such flag, did you mean {near}?"),
        None => format!("{name}: no such flag; there are {}", KNOWN.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn arguments_are_read_as_test_binaries_do() {
        let options = parse("admin:: --skip a --skip=b --test-threads=3 --nocapture --format terse -q --list").unwrap();
        let expected = Options {
            filters: vec!["admin::".into()],
            skip: vec!["a".into(), "b".into()],
            list: true,
            quiet: true,
            threads: 3,
            ..Options::default()
        };
        assert_eq!(options, expected);
        assert_eq!(parse("--lst").unwrap_err(), "--lst: no such flag, did you mean --list?");
        assert_eq!(parse("--skip").unwrap_err(), "--skip: its value is missing");
        assert_eq!(parse("--test-threads 0").unwrap_err(), "--test-threads: 0 is no number of threads");
    }

    #[test]
    fn filters_choose_cases() {
        let taken = |line: &str| parse(line).unwrap().takes("mem::admin::topics");
        assert!(taken("") && taken("admin") && taken("x mem") && taken("--exact mem::admin::topics"));
        assert!(!taken("x") && !taken("--exact admin") && !taken("--skip topics") && !taken("mem --skip admin"));
    }
}
