//! `cp`: copies topics with every field of every message: byte for byte, unless keys or values are to change.

mod able;
mod check;
mod copying;
mod ends;
mod mirror;
mod note;
mod pair;
mod plan;
mod progress;
mod route;
mod settings;
mod share;
mod shares;
mod target;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::functional::{Copied, Failures, ReadOptions, Recoding, Writer};
use kafi_core::{Batch, Result, Shown, Storage};

use crate::cat::Finished;
use crate::cp::copying::Copying;
use crate::cp::plan::{Planner, ReadyTopic};
use crate::rate::Rate;

pub(crate) use able::notes_source;
pub(crate) use note::SourceNote;
pub(crate) use pair::is_note;

/// How topics are copied.
#[derive(Clone)]
pub struct CopyOptions {
    /// What is read of the source. With `follow` the copy is a mirror: it goes on, also with partitions that the source
    /// gets later, until somebody asks to stop.
    pub read: ReadOptions,
    /// The properties of the producer.
    pub properties: Vec<(String, String)>,
    /// How many threads read and write, at most one a partition; 0 (the default) is one a processor.
    pub threads: usize,
    /// Makes a target that is missing, with as many partitions as the source. Default: true.
    pub create: bool,
    /// The settings of a target that is made.
    pub config: Vec<(String, String)>,
    /// Gives a target that is made the settings of the source that are not defaults, too. Default: false.
    pub with_config: bool,
    /// Writes behind the messages that a target on a log holds already, at new offsets. Default: false, such a target
    /// is refused.
    pub append: bool,
    /// Goes on where the same copy stopped: where the target is a log that keeps offsets, at its end; elsewhere where a
    /// group on the source says, which is committed after delivery. Default: false.
    pub resume: bool,
    /// Spreads the messages over the partitions of a target that has another number of them: by key, as the Java
    /// clients do; those without a key by their partition. Default: false.
    pub repartition: bool,
    /// Gives every message the time at which it is written. Default: false.
    pub ignore_timestamp: bool,
    /// Copies also where the target's settings say that it deletes or refuses messages of this age. Default: false.
    pub force: bool,
    /// The most that is written, by all threads together. Default: no limit.
    pub rate: Option<Rate>,
    /// How long the target may report nothing, as while it restarts, before that is an error; a mirror then begins
    /// anew. Default: [`Writer::STALL_LIMIT`].
    pub stall_limit: Duration,
    /// Which topics that appear later at the source belong to a mirror. Default: none.
    pub new_topics: Option<NewTopics>,
    /// How keys and values change on the way: to other types ([`Conversion`](kafi_core::functional::Conversion)), or
    /// along with their schemas (`kafi_serde::CarriedSchemas`). Default: they stay byte for byte.
    pub conversion: Option<Arc<dyn Recoding>>,
    /// What messages go through before, such as functions; a target then gets offsets of its own, and the limit of what is
    /// read counts what comes out. Default: nothing.
    pub through: Option<Arc<CopyThrough>>,
    /// How many batches may go through that at once, each in a thread of its own; they are written in the order in which
    /// they were read. Default: one.
    pub at_once: usize,
    /// What becomes of messages that cannot be converted. Default: the first one stops the copy.
    pub failures: Failures,
}

impl fmt::Debug for CopyOptions {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyOptions")
            .field("read", &self.read)
            .field("properties", &Shown(&self.properties))
            .field("config", &Shown(&self.config))
            .field("threads", &self.threads)
            .field("create", &self.create)
            .field("append", &self.append)
            .field("resume", &self.resume)
            .field("repartition", &self.repartition)
            .finish_non_exhaustive()
    }
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            read: ReadOptions::default(),
            properties: Vec::new(),
            threads: 0,
            create: true,
            config: Vec::new(),
            with_config: false,
            append: false,
            resume: false,
            repartition: false,
            ignore_timestamp: false,
            force: false,
            rate: None,
            stall_limit: Writer::STALL_LIMIT,
            new_topics: None,
            conversion: None,
            through: None,
            at_once: 1,
            failures: Failures::default(),
        }
    }
}

impl CopyOptions {
    /// The same, so that what cannot be read keeps nothing else from being copied.
    fn setting_aside(&self) -> Self {
        let mut options = self.clone();
        options.read.set_aside.get_or_insert_default();
        options
    }
}

/// What the messages of a copy go through: it changes a batch, keeping the partition and the offset of what each message
/// came of, and is told the target of each topic. Topics that are none of the sources are the target's own names.
pub type CopyThrough = dyn Fn(&mut Batch, &dyn Fn(&str) -> Option<String>) -> Result<()> + Send + Sync;

/// Says of a topic that appears at the source of a mirror to which topic it is copied, if at all.
#[derive(Clone)]
pub struct NewTopics(Arc<TargetOf>);

/// The name of the target for the name of a source.
type TargetOf = dyn Fn(&str) -> Option<String> + Send + Sync;

impl NewTopics {
    /// Asks `target_of`, which answers with the name of the target for the name of a source.
    pub fn new(target_of: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(target_of))
    }

    pub(crate) fn target_of(&self, source: &str) -> Option<String> {
        (self.0)(source)
    }
}

impl fmt::Debug for NewTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewTopics")
    }
}

/// What a copy did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyResult {
    /// The messages read and written.
    pub copied: Copied,
    /// The offsets reached at the source; everything before them is delivered.
    pub finished: Finished,
}

/// What a copy would read of one partition, and where it would write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPart {
    /// The source.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The first offset that would be read.
    pub start: i64,
    /// The offset that would be stopped before; `None` for a mirror, which goes on.
    pub end: Option<i64>,
    /// How many offsets lie between the start and the end of now; as many messages at most.
    pub messages: i64,
    /// The topic that would be written to.
    pub target: String,
    /// Whether it would be made.
    pub creates: bool,
}

/// Copies each topic of `source` that is named first in a pair to the topic of `target` that is named second.
/// Partition, timestamp, headers, and null stay as they are; into a log that does not hold anything yet also the
/// offsets (if it gets one source only) and the timestamp type. Blocks until the end of the source that was seen at the
/// start is copied and delivered, or somebody asks to stop.
///
/// # Errors
/// `NotFound` for a missing source; `AlreadyExists` for a log that holds messages already; `Conflict` where a copy is
/// to be resumed that is one of another source, or of one that ends below it; `OutOfRange` where the source no longer
/// has what comes next; `Usage` for a source that is named twice, a target with too few partitions, or one that would
/// lose or change messages; what reading or writing fails with. It stops at the first message that fails; what was
/// delivered before stays. Where one of several topics cannot be copied, that is logged with its reason, the others are
/// copied, and the error comes at the end; the same goes for partitions that cannot be read, unless they are read as a
/// group.
pub fn cp(
    source: &dyn Storage,
    target: &dyn Storage,
    pairs: &[(String, String)],
    options: &CopyOptions,
) -> Result<CopyResult> {
    if pairs.is_empty() {
        return Ok(CopyResult::default());
    }
    let options = &options.setting_aside();
    let mut planner = Planner::open(source, target, options)?;
    let planned = planner.plan(pairs)?;
    let ready = planner.make_all(planned)?;
    let codec = codec_of(&ready);
    let copying = Copying::new(planner, codec);
    let result = copying.run(ready)?;
    // After Ctrl-C it is the offsets reached that matter.
    if !result.finished.cancelled {
        copying.into_planner().outcome()?;
    }
    Ok(result)
}

/// The codec of what is written, where nobody else names one: that of the targets' settings, or else one that every
/// client reads. A consumer does not tell how its source is compressed, and what was compressed there must not grow, or
/// be too large, as it is copied.
fn codec_of(topics: &[ReadyTopic]) -> String {
    let named = topics.iter().find_map(|topic| topic.target.codec.clone());
    match named.as_deref() {
        None => "lz4".to_string(),
        Some("uncompressed") => "none".to_string(),
        Some(codec) => codec.to_string(),
    }
}

/// What [`cp`] would do. Looks at everything, and makes nothing.
///
/// # Errors
/// As for [`cp`].
pub fn plan_cp(
    source: &dyn Storage,
    target: &dyn Storage,
    pairs: &[(String, String)],
    options: &CopyOptions,
) -> Result<Vec<PlannedPart>> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let options = &options.setting_aside();
    let mut planner = Planner::open(source, target, options)?;
    let planned = planner.plan(pairs)?;
    let described = planner.describe(&planned)?;
    planner.outcome().map(|()| described)
}
