//! Where the lines of a file begin.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The place of each so many lines is kept; what lies between is counted off.
const LINES_PER_MARK: u64 = 1024;

/// The lines of a file, as far as they were counted. The file may grow; if it shrinks, it is counted anew.
#[derive(Debug)]
pub(crate) struct Lines {
    path: PathBuf,
    /// Where the lines 0, 1024, 2048, … begin.
    marks: Vec<u64>,
    /// How many whole lines were counted, and how many bytes they take.
    lines: u64,
    bytes: u64,
}

impl Lines {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, marks: vec![0], lines: 0, bytes: 0 }
    }

    /// How many lines there are. Counts only what came since the last time.
    pub(crate) fn count(&mut self) -> io::Result<u64> {
        let file = File::open(&self.path)?;
        if file.metadata()?.len() < self.bytes {
            *self = Self::new(std::mem::take(&mut self.path));
        }
        let mut reader = at(file, self.bytes)?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let bytes = reader.read_until(b'\n', &mut line)? as u64;
            if line.last() != Some(&b'\n') {
                return Ok(self.lines + u64::from(is_whole(&line)));
            }
            self.bytes += bytes;
            self.lines += 1;
            if self.lines.is_multiple_of(LINES_PER_MARK) {
                self.marks.push(self.bytes);
            }
        }
    }

    /// The file, read from the beginning of this line on.
    pub(crate) fn read_from(&mut self, line: u64) -> io::Result<BufReader<File>> {
        self.count()?;
        let mark = usize::try_from(line / LINES_PER_MARK).unwrap_or(usize::MAX).min(self.marks.len() - 1);
        let mut reader = at(File::open(&self.path)?, self.marks[mark])?;
        for _ in mark as u64 * LINES_PER_MARK..line {
            skip_line(&mut reader)?;
        }
        Ok(reader)
    }
}

/// Whether a line without a line break is all there: an object that is not finished does not end with its brace, or has
/// one too few.
pub(crate) fn is_whole(line: &[u8]) -> bool {
    line.trim_ascii_end().ends_with(b"}") && std::str::from_utf8(line).is_ok_and(|text| kafi_core::Json::parse(text).is_ok())
}

fn at(mut file: File, byte: u64) -> io::Result<BufReader<File>> {
    file.seek(SeekFrom::Start(byte))?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let (taken, is_over) = (end.map_or(buffer.len(), |end| end + 1), end.is_some() || buffer.is_empty());
        reader.consume(taken);
        if is_over {
            return Ok(());
        }
    }
}

/// The topics of a folder, sorted: its files that end in `.jsonl`.
pub(crate) fn topics_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut topics = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_topic = path.extension().is_some_and(|ending| ending == "jsonl") && path.is_file();
        topics.extend(path.file_stem().and_then(|name| name.to_str()).filter(|_| is_topic).map(String::from));
    }
    topics.sort();
    Ok(topics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("kafi-jsonl-{}-{name}", std::process::id()))
    }

    #[test]
    fn lines_are_found_wherever_they_are() {
        let path = file("found");
        let text: String = (0..5_000).map(|line| format!("{{\"line\":{line}}}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let mut lines = Lines::new(path.clone());
        assert_eq!((lines.count().unwrap(), lines.marks.len()), (5_000, 5));
        for wanted in [0, 1, 1_023, 1_024, 1_025, 4_999, 5_000] {
            let mut line = String::new();
            lines.read_from(wanted).unwrap().read_line(&mut line).unwrap();
            assert_eq!(line, if wanted < 5_000 { format!("{{\"line\":{wanted}}}\n") } else { String::new() });
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_may_grow_and_be_replaced() {
        let path = file("grows");
        std::fs::write(&path, "{}\n{\"a\":").unwrap();
        let mut lines = Lines::new(path.clone());
        assert_eq!(lines.count().unwrap(), 1, "half an object is none");
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{}}").unwrap();
        assert_eq!(lines.count().unwrap(), 2, "a whole one is, without its line break, too");
        std::fs::write(&path, "{}\n").unwrap();
        assert_eq!(lines.count().unwrap(), 1);
        std::fs::remove_file(path).unwrap();
    }
}
