//! How everything that is printed looks.

/// How everything that is printed looks.
#[derive(Clone, Copy, Debug)]
pub struct OutputOptions {
    /// Print JSON.
    pub json: bool,
    /// Print times in UTC.
    pub utc: bool,
    /// Print colours to stdout.
    pub color: bool,
    /// Whether stdout is a terminal, where data is made fit to be looked at.
    pub terminal: bool,
}
