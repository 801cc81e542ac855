//! What the demo did, in a table.

use std::time::Duration;

/// The steps so far.
#[derive(Default)]
pub struct Report {
    steps: Vec<Step>,
}

struct Step {
    name: &'static str,
    messages: u64,
    bytes: u64,
    seconds: f64,
}

impl Report {
    /// Adds a step, which worked on so many messages with so many bytes.
    pub fn add(&mut self, name: &'static str, messages: u64, bytes: u64, took: Duration) {
        self.steps.push(Step { name, messages, bytes, seconds: took.as_secs_f64() });
    }

    /// Prints all steps.
    pub fn print(&self) {
        println!("\n{:<18}{:>12}{:>10}{:>14}{:>9}", "", "messages", "seconds", "messages/s", "MB/s");
        for Step { name, messages, bytes, seconds } in &self.steps {
            if *messages == 0 {
                println!("{name:<18}{:>12}{seconds:>10.2}", "");
                continue;
            }
            let rate = grouped((*messages as f64 / seconds) as u64);
            println!(
                "{name:<18}{:>12}{seconds:>10.2}{rate:>14}{:>9.0}",
                grouped(*messages),
                *bytes as f64 / seconds / 1e6
            );
        }
    }
}

/// A number with commas between its thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(["0", "999", "1,000", "1,000,000"].map(String::from), [0, 999, 1000, 1_000_000].map(grouped));
    }
}
