//! Topics as files, on the handle.

use std::time::Duration;

use kafi_core::{Cancel, Failures, Result, Serdes};
use kafi_files::{
    ExportOptions, Exported, FileFormat, FileInput, ImportOptions, Imported, TopicSource, TopicTarget, file_to_topic,
    topic_to_new_file,
};
use kafi_shell::Kafi;

/// How long a question about a file may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Topics as files of storages, by the suffix of the file's name (`orders.csv`, `orders.jsonl.gz`), with everything
/// else as it is by default; [`kafi::files`](crate::files) has all options.
///
/// ```
/// use kafi::{FileBridge, json};
/// let c = kafi::open("mem:")?;
/// c.touch("snacks")?;
/// c.produce("snacks", [json!({"name": "cookie", "calories": 500}), json!({"name": "cake", "calories": 260})])?;
/// assert_eq!(c.topic_to_file("snacks", &c, "snacks.csv")?.rows, 2);
///
/// c.touch("again")?;
/// assert_eq!(c.file_to_topic("snacks.csv", &c, "again")?.written, 2);
/// assert_eq!(c.cat("again")?[1].value["calories"], 260);
/// # Ok::<(), kafi::Error>(())
/// ```
pub trait FileBridge {
    /// Writes a row for each message of a topic to a file on `target`. Blocks until the end that the topic has now.
    ///
    /// # Errors
    /// Those of [`topic_to_file`](kafi_files::topic_to_file), and `Unsupported` for a target that keeps no files.
    fn topic_to_file(&self, topic: &str, target: &Kafi, name: &str) -> Result<Exported>;

    /// Makes a message of each row of a file, in a topic on `target`, which has to be there. Blocks until they are
    /// delivered.
    ///
    /// # Errors
    /// Those of [`file_to_topic`](kafi_files::file_to_topic); `NotFound` for a missing file or topic, and `Unsupported`
    /// for a storage that keeps no files.
    fn file_to_topic(&self, name: &str, target: &Kafi, topic: &str) -> Result<Imported>;
}

impl FileBridge for Kafi {
    fn topic_to_file(&self, topic: &str, target: &Kafi, name: &str) -> Result<Exported> {
        let options = ExportOptions::new(FileFormat::of_name(name)?);
        let (serdes, read, failures) = (Serdes::default(), self.read_options(), Failures::stop());
        let source =
            TopicSource { place: self.place(), topic, serdes: &serdes, options: read, failures, through: None };
        let mut files = target.storage().files()?;
        topic_to_new_file(&source, &options, &mut || files.create(name, TIMEOUT))
    }

    fn file_to_topic(&self, name: &str, target: &Kafi, topic: &str) -> Result<Imported> {
        let options = ImportOptions::new(FileFormat::of_name(name)?);
        let mut input = FileInput::File(self.storage().files()?.open(name, TIMEOUT)?);
        target.place().topics(&[topic.to_string()])?;
        let serdes = Serdes::default();
        let (cancel, progress) = (Cancel::new(), std::sync::Arc::default());
        let target =
            TopicTarget { place: target.place(), topic, serdes: &serdes, failures: Failures::stop(), cancel, progress };
        file_to_topic(&mut input, &target, &options)
    }
}
