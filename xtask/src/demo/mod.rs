//! The main job, shown: make a topic, fill it, read it, search it, copy it, and prove that nothing was lost.

mod compare;
mod kafi;
mod orders;
mod report;
mod unordered;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::workspace::{self, Folder};
use crate::{Result, command};
use kafi::Kafi;
use orders::Orders;
use report::{Report, grouped};
use unordered::Unordered;

/// How many messages the demo makes unless it is told.
pub const MESSAGES: u64 = 1_000_000;

const PARTITIONS: u32 = 4;
const ORDERS: &str = "./demo/orders";
const COPY: &str = "./backup/orders";

/// What the demo needs of Kafi: the storages of clouds and clusters take minutes to build.
const BUILD: [&str; 7] = ["build", "--release", "-p", "kafi-cli", "--no-default-features", "--features", "fs"];

/// Builds the release binary with local folders and runs the demo with it.
pub fn build_and_run(messages: u64) -> Result<()> {
    command::install_prerequisites()?;
    command::print(&format!("cargo {}", BUILD.join(" ")));
    command::run("cargo build", command::cargo().args(BUILD))?;
    run(&workspace::target()?.join("release/kafi"), messages)
}

/// Runs the demo with the binary `kafi`, in a folder of its own, which is removed at the end.
pub fn run(kafi: &Path, messages: u64) -> Result<()> {
    let folder = Folder::create("demo")?;
    println!("\nEverything happens in {}, which is removed at the end.", folder.path().display());
    let mut demo =
        Demo { kafi: Kafi::new(kafi, folder.path()), orders: Orders::new(messages), report: Report::default() };
    demo.produce()?;
    demo.read()?;
    demo.search()?;
    demo.copy()?;
    demo.verify()?;
    demo.report.print();
    println!(
        "\nAll {} messages are equal in {ORDERS} and {COPY}, byte by byte, and are what was produced.",
        grouped(messages)
    );
    Ok(())
}

/// What the steps share.
struct Demo<'a> {
    kafi: Kafi<'a>,
    orders: Orders,
    report: Report,
}

impl Demo<'_> {
    fn produce(&mut self) -> Result<()> {
        let partitions = PARTITIONS.to_string();
        let (_, seconds) = timed(|| self.kafi.run(&["touch", ORDERS, "--partitions", &partitions]))?;
        self.report.add("create a topic", 0, 0, seconds);
        let args = ["produce", ORDERS, "-K:"];
        let (_, seconds) = timed(|| self.kafi.feed(&args, |stdin| self.orders.write(stdin)))?;
        self.report.add("produce", self.orders.messages(), self.orders.bytes(), seconds);
        self.kafi.run(&["head", ORDERS, "-n", "3"])
    }

    /// Reads all back as keys and values, and compares the lines with those produced, whose order is kept within each
    /// partition only.
    fn read(&mut self) -> Result<()> {
        let mut lines = Unordered::default();
        let read = || self.kafi.read(&["cat", ORDERS, "-K:"], |stdout| for_each_line(stdout, |line| lines.add(line)));
        let (_, seconds) = timed(read)?;
        let (count, produced) = (lines.count(), self.orders.messages());
        self.report.add("read", count, self.orders.bytes(), seconds);
        if lines != *self.orders.lines() {
            return Err(format!(
                "{} messages were produced, and the {} that were read are not the same",
                grouped(produced),
                grouped(count)
            ));
        }
        Ok(())
    }

    fn search(&mut self) -> Result<()> {
        let mut found = String::new();
        let args = ["grep", orders::REFUNDED, ORDERS, "-c"];
        let (_, seconds) = timed(|| self.kafi.read(&args, |stdout| stdout.read_to_string(&mut found).map(drop)))?;
        print!("{found}");
        self.report.add("search", self.orders.messages(), self.orders.bytes(), seconds);
        let expected = self.orders.refunded();
        // The count is the last word; people get it with commas.
        let count = found.split_whitespace().last().unwrap_or_default().replace(',', "");
        if count == expected.to_string() {
            Ok(())
        } else {
            Err(format!("grep found {:?} instead of {expected} messages", found.trim()))
        }
    }

    fn copy(&mut self) -> Result<()> {
        let (_, seconds) = timed(|| self.kafi.run(&["cp", ORDERS, COPY]))?;
        self.report.add("copy", self.orders.messages(), self.orders.bytes(), seconds);
        Ok(())
    }

    /// Counts both topics for the eye, and compares every field of every message of each partition.
    fn verify(&mut self) -> Result<()> {
        self.kafi.run(&["wc", ORDERS, COPY])?;
        let compared = || {
            let partitions = 0..PARTITIONS;
            partitions
                .map(|partition| compare::partition(&self.kafi, partition, ORDERS, COPY))
                .sum::<Result<compare::Compared>>()
        };
        let (compared, seconds) = timed(compared)?;
        self.report.add("compare, as JSON", compared.messages, compared.bytes, seconds);
        let expected = self.orders.messages();
        if compared.messages != expected {
            return Err(format!(
                "{} messages were compared instead of {}",
                grouped(compared.messages),
                grouped(expected)
            ));
        }
        Ok(())
    }
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let start = Instant::now();
    let done = work()?;
    Ok((done, start.elapsed()))
}

fn for_each_line(stdout: &mut dyn Read, mut each: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, stdout);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        each(&line);
        line.clear();
    }
    Ok(())
}
