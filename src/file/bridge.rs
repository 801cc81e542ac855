//! Topics as files and data frames, on the handle.

#[cfg(any(feature = "parquet", feature = "feather", feature = "orc"))]
use std::sync::LazyLock;
use std::time::Duration;

use kafi_core::{Cancel, Failures, Result, Serdes};
#[cfg(any(feature = "parquet", feature = "feather", feature = "orc"))]
use kafi_files::{
    Compression, DataFrame, Format, arrow_array::RecordBatch, arrow_schema::ArrowError, df_to_topic, topic_to_df,
};
use kafi_files::{
    ExportOptions, Exported, FileFormat, FileInput, ImportOptions, Imported, TopicSource, TopicTarget, file_to_topic,
    topic_to_new_file,
};
use kafi_shell::Kafi;

/// Data frames outlive the call that makes them.
#[cfg(any(feature = "parquet", feature = "feather", feature = "orc"))]
static SERDES: LazyLock<Serdes> = LazyLock::new(Serdes::default);

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

    /// The messages of a topic as a data frame: a stream of columns, which every library on Arrow takes, up to the end
    /// that the topic has now. Blocks while it looks at the messages that say which columns there are.
    ///
    /// ```
    /// use kafi::{FileBridge, json};
    /// let c = kafi::open("mem:")?;
    /// c.touch("snacks")?;
    /// c.produce("snacks", [json!({"name": "cookie", "calories": 500}), json!({"name": "cake", "calories": 260})])?;
    /// let frame = c.topic_to_df("snacks")?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!((frame[0].num_rows(), frame[0].num_columns()), (2, 2));
    ///
    /// c.touch("again")?;
    /// assert_eq!(c.df_to_topic(frame.into_iter().map(Ok), "again")?.written, 2);
    /// assert_eq!(c.cat("again")?[1].value["calories"], 260);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`topic_to_df`](kafi_files::topic_to_df).
    #[cfg(any(feature = "parquet", feature = "feather", feature = "orc"))]
    fn topic_to_df<'a>(&'a self, topic: &'a str) -> Result<DataFrame<'a>>;

    /// Makes a message of each row of a data frame, of whichever origin, in a topic that has to be there. Blocks until
    /// they are delivered.
    ///
    /// # Errors
    /// Those of [`df_to_topic`](kafi_files::df_to_topic); `NotFound` for a missing topic.
    #[cfg(any(feature = "parquet", feature = "feather", feature = "orc"))]
    fn df_to_topic<I>(&self, frame: I, topic: &str) -> Result<Imported>
    where
        I: IntoIterator<Item = std::result::Result<RecordBatch, ArrowError>>;
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
        to_topic(target, topic, |target| file_to_topic(&mut input, target, &options))
    }

    #[cfg(any(feature = "parquet", feature = "feather", feature = "orc"))]
    fn topic_to_df<'a>(&'a self, topic: &'a str) -> Result<DataFrame<'a>> {
        let (options, read) = (ExportOptions::new(FRAME), self.read_options());
        let (place, failures) = (self.place(), Failures::stop());
        let source = TopicSource { place, topic, serdes: &SERDES, options: read, failures, through: None };
        topic_to_df(&source, &options)
    }

    #[cfg(any(feature = "parquet", feature = "feather", feature = "orc"))]
    fn df_to_topic<I>(&self, frame: I, topic: &str) -> Result<Imported>
    where
        I: IntoIterator<Item = std::result::Result<RecordBatch, ArrowError>>,
    {
        to_topic(self, topic, |target| df_to_topic(frame, target, &ImportOptions::new(FRAME)))
    }
}

/// Data frames have no format of a file; of such options everything else counts.
#[cfg(any(feature = "parquet", feature = "feather", feature = "orc"))]
const FRAME: FileFormat = FileFormat { format: Format::Json, compression: Compression::None };

/// Makes messages in a topic that is there.
fn to_topic(kafi: &Kafi, topic: &str, make: impl FnOnce(&TopicTarget<'_>) -> Result<Imported>) -> Result<Imported> {
    let (place, serdes) = (kafi.place(), Serdes::default());
    place.topics(&[topic.to_string()])?;
    let (cancel, failures, progress) = (Cancel::new(), Failures::stop(), Default::default());
    make(&TopicTarget { place, topic, serdes: &serdes, failures, cancel, progress })
}
