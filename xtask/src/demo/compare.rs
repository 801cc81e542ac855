//! Compares two topics byte by byte, in the form that holds every field of every message.

use std::io::{self, Read};
use std::iter::Sum;
use std::ops::Add;

use super::kafi::{Kafi, finish, line};
use crate::{Result, command};

const BUFFER_BYTES: usize = 1 << 20;

/// How much was compared, and found equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// The messages of each side.
    pub messages: u64,
    /// The bytes of JSON of each side.
    pub bytes: u64,
}

impl Add for Compared {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { messages: self.messages + other.messages, bytes: self.bytes + other.bytes }
    }
}

impl Sum for Compared {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// Compares one partition of two topics: only within a partition is there an order to compare in.
pub fn partition(kafi: &Kafi<'_>, partition: u32, left: &str, right: &str) -> Result<Compared> {
    let partition = partition.to_string();
    let left = ["cat", left, "--json", "-p", &partition];
    let right = ["cat", right, "--json", "-p", &partition];
    command::print(&format!("cmp <({}) <({})", line(&left), line(&right)));
    let (left_child, mut left_stdout) = kafi.start(&left)?;
    let (right_child, mut right_stdout) = kafi.start(&right)?;
    let compared = streams(&mut left_stdout, &mut right_stdout);
    drop((left_stdout, right_stdout));
    // Where they differ, reading stopped early, and both may rightly end with a broken pipe.
    let compared = compared.map_err(|error| format!("{}: {error}", line(&left)))?;
    let compared = compared.map_err(|after| {
        let Compared { messages, bytes } = after;
        format!("partition {partition} differs after {messages} messages ({bytes} bytes of JSON)")
    });
    finish(&left, left_child, Ok(()))?;
    finish(&right, right_child, Ok(()))?;
    compared
}

/// Reads both to the end; the inner error is where they begin to differ.
fn streams(left: &mut dyn Read, right: &mut dyn Read) -> io::Result<std::result::Result<Compared, Compared>> {
    let mut buffers = [vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]];
    let mut compared = Compared::default();
    loop {
        let [of_left, of_right] = &mut buffers;
        let (of_left, of_right) = (fill(left, of_left)?, fill(right, of_right)?);
        let equal = if of_left == of_right {
            of_left.len()
        } else {
            of_left.iter().zip(of_right).take_while(|(left, right)| left == right).count()
        };
        compared.bytes += equal as u64;
        compared.messages += of_left[..equal].iter().filter(|&&byte| byte == b'\n').count() as u64;
        if of_left != of_right {
            return Ok(Err(compared));
        }
        if of_left.is_empty() {
            return Ok(Ok(compared));
        }
    }
}

/// The next bytes, less than a full buffer only at the end.
fn fill<'a>(from: &mut dyn Read, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let mut len = 0;
    while len < buffer.len() {
        match from.read(&mut buffer[len..])? {
            0 => break,
            more => len += more,
        }
    }
    Ok(&buffer[..len])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(left: &str, right: &str) -> std::result::Result<Compared, Compared> {
        streams(&mut left.as_bytes(), &mut right.as_bytes()).unwrap()
    }

    #[test]
    fn equal_streams_are_counted() {
        assert_eq!(compare("a\nbc\n", "a\nbc\n"), Ok(Compared { messages: 2, bytes: 5 }));
        assert_eq!(compare("", ""), Ok(Compared::default()));
        let long = "0123456789\n".repeat(BUFFER_BYTES / 4);
        assert_eq!(compare(&long, &long), Ok(Compared { messages: BUFFER_BYTES as u64 / 4, bytes: long.len() as u64 }));
    }

    #[test]
    fn the_first_difference_is_found() {
        assert_eq!(compare("a\nbc\n", "a\nbd\n"), Err(Compared { messages: 1, bytes: 3 }));
        assert_eq!(compare("a\n", "a\nb\n"), Err(Compared { messages: 1, bytes: 2 }));
        assert_eq!(compare("a\nb\n", "a\n"), Err(Compared { messages: 1, bytes: 2 }));
    }
}
