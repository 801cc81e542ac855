//! The table of ratios, in Markdown.

use super::measure::Run;

/// What is to be reached.
#[derive(Clone, Copy)]
pub enum Target {
    /// So many times the peer's speed.
    Ratio(f64),
    /// At most so many seconds.
    Seconds(f64),
    /// At most so many times the peer's time, or so many seconds.
    RatioOrSeconds(f64, f64),
    /// At most so many megabytes.
    Megabytes(f64),
}

impl Target {
    fn name(self) -> String {
        match self {
            Self::Ratio(ratio) => format!("≥ {ratio:.2}"),
            Self::Seconds(seconds) => format!("< {seconds:.3} s"),
            Self::RatioOrSeconds(ratio, seconds) => format!("≥ {ratio:.2} or ≤ {seconds:.3} s"),
            Self::Megabytes(megabytes) => format!("< {megabytes:.0} MB"),
        }
    }

    fn is_reached(self, kafi: Run, peer: Option<Run>) -> bool {
        let is_fast = |ratio: f64| peer.is_some_and(|peer| peer.seconds / kafi.seconds >= ratio);
        match self {
            Self::Ratio(ratio) => is_fast(ratio),
            Self::Seconds(seconds) => kafi.seconds < seconds,
            Self::RatioOrSeconds(ratio, seconds) => is_fast(ratio) || kafi.seconds <= seconds,
            Self::Megabytes(megabytes) => kafi.peak_mb < megabytes,
        }
    }
}

/// The head of the table.
pub fn head() {
    println!(
        "| job | load | kafi s | CPU s | MB | peer | peer s | CPU s | MB | ratio | CPU ratio | target | reached |"
    );
    println!("|---|---|--:|--:|--:|---|--:|--:|--:|--:|--:|---|---|");
}

/// One row: Kafi, a peer if there is one, and the target if there is one. A ratio above 1 says that Kafi is faster.
pub fn row(job: &str, load: &str, kafi: Run, peer: Option<(&str, Run)>, target: Option<Target>) {
    println!("{}", line(job, load, kafi, peer, target));
}

fn line(job: &str, load: &str, kafi: Run, peer: Option<(&str, Run)>, target: Option<Target>) -> String {
    let of_peer = match peer {
        Some((name, run)) => {
            let cpu_ratio = measured(if kafi.cpu_seconds > 0.0 { run.cpu_seconds / kafi.cpu_seconds } else { 0.0 }, 2);
            format!("{name} | {:.3} | {} | {:.2} | {cpu_ratio}", run.seconds, used(run), run.seconds / kafi.seconds)
        }
        None => "– |  |  |  |  | ".to_string(),
    };
    let (wanted, reached) = match target {
        Some(target) => (target.name(), if target.is_reached(kafi, peer.map(|(_, run)| run)) { "yes" } else { "no" }),
        None => (String::new(), ""),
    };
    format!("| {job} | {load} | {:.3} | {} | {of_peer} | {wanted} | {reached} |", kafi.seconds, used(kafi))
}

/// CPU seconds and memory.
fn used(run: Run) -> String {
    format!("{} | {}", measured(run.cpu_seconds, 2), measured(run.peak_mb, 0))
}

/// Nothing where nothing was measured.
fn measured(number: f64, digits: usize) -> String {
    if number > 0.0 { format!("{number:.digits$}") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KAFI: Run = Run { seconds: 2.0, cpu_seconds: 1.0, peak_mb: 100.0 };

    #[test]
    fn a_target_is_reached_or_not() {
        let peer = Run { seconds: 3.0, cpu_seconds: 4.0, peak_mb: 0.0 };
        let of = |target| line("cat", "small", KAFI, Some(("kcat", peer)), Some(target));
        assert_eq!(
            of(Target::Ratio(1.0)),
            "| cat | small | 2.000 | 1.00 | 100 | kcat | 3.000 | 4.00 |  | 1.50 | 4.00 | ≥ 1.00 | yes |"
        );
        assert!(of(Target::Ratio(1.6)).ends_with("| no |"));
        assert!(of(Target::Megabytes(100.0)).ends_with("| no |"));
        assert!(of(Target::RatioOrSeconds(2.0, 2.0)).ends_with("| yes |"));
        assert!(of(Target::Seconds(2.0)).ends_with("| no |"));
    }
}
