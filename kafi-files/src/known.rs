//! Columns that are found while rows are written already: what comes first says which there are, and of which types, and
//! where something comes later that does not fit, the rest is looked at, and the file is begun anew.

use std::sync::{Arc, Mutex, PoisonError};

use kafi_core::{Batch, Error, ErrorKind, FileWriter, Result};

use crate::flow::{Failed, Pieces, Rows, flow};
use crate::options::{ExportOptions, Infer};
use crate::output::TIMEOUT;
use crate::row::Row;
use crate::source::TopicSource;

/// So many bytes of messages are looked at before the first row is written.
const FIRST_BYTES: usize = if cfg!(test) { 100 } else { 16 << 20 };

/// What is known of the columns that messages have.
pub(crate) trait Known: Clone + Send + Sync {
    /// What makes parts of a file of rows that have these columns.
    type Rows: Pieces;

    /// Adds what a row says, as far as it is one: what is wrong with it is told when it is written.
    fn look(&mut self, row: &Row<'_>, options: &ExportOptions);

    /// Adds what later rows say; true where rows that were written before would be written in another way now.
    fn join(&mut self, later: Self) -> bool;

    /// Whether rows can be written before all of them have been looked at.
    fn can_grow(&self) -> bool {
        true
    }

    /// All messages have been looked at, so that nothing else can come.
    fn are_all(&mut self) {}

    /// What writes rows, which may say more of columns if it `grows`; else they have to fit.
    fn rows(&self, grows: bool) -> Result<Self::Rows>;

    /// What is known of columns now that these rows were written, if that is more.
    fn told(&self, rows: &Self::Rows) -> Option<Self>;
}

/// Where parts of a file go.
pub(crate) trait Sink<K: Known> {
    /// Begins with these columns.
    fn begin(&mut self, known: &K) -> Result<()>;

    /// Adds a part.
    fn put(&mut self, piece: PieceOf<K>) -> Result<()>;
}

type PieceOf<K> = <<K as Known>::Rows as Pieces>::Piece;

/// A file that is written.
pub(crate) enum Target<'a> {
    /// It can be written once.
    Once(&'a mut dyn FileWriter),
    /// It can be begun anew.
    Anew(Box<dyn FileWriter>, &'a mut dyn FnMut() -> Result<Box<dyn FileWriter>>),
}

impl Target<'_> {
    pub(crate) fn file(&mut self) -> &mut dyn FileWriter {
        match self {
            Self::Once(file) => *file,
            Self::Anew(file, _) => file.as_mut(),
        }
    }

    pub(crate) fn begin_anew(&mut self) -> Result<()> {
        match self {
            Self::Once(_) => Err(Error::new(ErrorKind::Usage, "write file", "it cannot be begun anew")),
            Self::Anew(file, create) => {
                file.abort(TIMEOUT)?;
                *file = create()?;
                Ok(())
            }
        }
    }
}

/// Rows that are to be written under columns.
pub(crate) struct Job<'s, 'o, K> {
    source: TopicSource<'s>,
    options: &'o ExportOptions,
    known: K,
    /// Whether the first rows say what columns there are, and later ones may say more.
    grows: bool,
}

impl<'s, 'o, K: Known> Job<'s, 'o, K> {
    /// Columns that are known, all of them.
    pub(crate) fn known(source: &TopicSource<'s>, options: &'o ExportOptions, known: K) -> Self {
        Self { source: source.with(source.options.clone()), options, known, grows: false }
    }

    /// Columns that messages say, beside those that are known. Looks at them first where a file cannot be begun anew, or
    /// where that would tell failures twice.
    pub(crate) fn open(
        source: &TopicSource<'s>,
        options: &'o ExportOptions,
        known: K,
        target: &Target<'_>,
    ) -> Result<Self> {
        let is_once = matches!(target, Target::Once(_)) || source.failures.leaves_out();
        if is_once || matches!(options.infer, Infer::First(_)) {
            let (known, source) = look(source, options, known)?;
            return Ok(Self { source, options, known, grows: false });
        }
        Ok(Self { grows: true, ..Self::known(source, options, known) })
    }

    #[cfg(feature = "arrow")]
    pub(crate) fn columns(&self) -> &K {
        &self.known
    }

    /// Writes all rows; false where the file has to be begun anew, with the columns that are known then.
    pub(crate) fn write(&mut self, sink: &mut impl Sink<K>) -> Result<bool> {
        if self.grows {
            return self.grow(sink);
        }
        sink.begin(&self.known)?;
        let Self { source, options, known, .. } = self;
        let open = || Worker::open(source, options);
        let work = |worker: &mut Worker<'_, K>, batch: &Batch| {
            let built = worker.build(batch, known, false)?;
            built.ok_or_else(|| Error::new(ErrorKind::Unexpected, "write rows", "columns grew that were known"))
        };
        flow(source, open, work, |(piece, _), _| sink.put(piece))?;
        Ok(true)
    }

    fn grow(&mut self, sink: &mut impl Sink<K>) -> Result<bool> {
        let (source, options, base) = (&self.source, self.options, &self.known);
        let settled: Mutex<Option<Arc<K>>> = Mutex::default();
        let settled = || settled.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || Worker::open(source, options);
        let work = |worker: &mut Worker<'_, K>, batch: &Batch| {
            let known = settled().clone();
            if let Some(known) = known
                && let Some(((piece, told), failed)) = worker.build(batch, &known, true)?
            {
                return Ok((Made::Piece(piece, told), failed));
            }
            let mut told = base.clone();
            worker.rows.each(batch, |row| told.look(row, options));
            Ok((Made::Looked(told), Failed::new()))
        };
        let mut growing = Growing {
            source,
            known: base.clone(),
            worker: open()?,
            sink,
            stage: Stage::First,
            held: Vec::new(),
            bytes: 0,
        };
        let seen = flow(source, open, work, |made, batch| {
            growing.take(made, batch)?;
            *settled() = match growing.stage {
                Stage::Going if settled().is_some() => return Ok(()),
                Stage::Going => Some(Arc::new(growing.known.clone())),
                Stage::First | Stage::Looking => None,
            };
            Ok(())
        })?;
        if growing.stage == Stage::First {
            growing.begin()?;
        }
        let Growing { known, stage, .. } = growing;
        if stage == Stage::Going {
            self.known = known;
            return Ok(true);
        }
        self.known = all_of(source, known);
        (self.source, self.grows) = (source.again(&seen)?, false);
        Ok(false)
    }
}

/// What a batch became.
enum Made<K: Known> {
    Looked(K),
    Piece(PieceOf<K>, Option<K>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Batches are held until there are enough.
    First,
    /// Rows are written.
    Going,
    /// The file will be begun anew; the rest is only looked at.
    Looking,
}

/// Columns that may grow while rows are written.
struct Growing<'g, 's, S, K: Known> {
    source: &'g TopicSource<'s>,
    known: K,
    worker: Worker<'g, K>,
    sink: &'g mut S,
    stage: Stage,
    held: Vec<Batch>,
    bytes: usize,
}

impl<S: Sink<K>, K: Known> Growing<'_, '_, S, K> {
    fn take(&mut self, made: Made<K>, batch: &mut Batch) -> Result<()> {
        let (told, piece) = match made {
            Made::Looked(told) => (Some(told), None),
            Made::Piece(piece, told) => (told, Some(piece)),
        };
        let has_grown = told.is_some_and(|told| self.known.join(told)) && self.stage == Stage::Going;
        if has_grown || !self.known.can_grow() {
            self.look();
        }
        match (self.stage, piece) {
            (Stage::First, _) => {
                self.bytes += batch.bytes() + batch.len() * size_of::<kafi_core::RecordMeta>();
                self.held.push(std::mem::take(batch));
                if self.bytes >= FIRST_BYTES { self.begin() } else { Ok(()) }
            }
            (Stage::Going, Some(piece)) => self.sink.put(piece),
            (Stage::Going, None) => self.build(batch),
            (Stage::Looking, _) => Ok(()),
        }
    }

    /// Begins the file with what was held.
    fn begin(&mut self) -> Result<()> {
        self.sink.begin(&self.known)?;
        self.stage = Stage::Going;
        std::mem::take(&mut self.held).iter().try_for_each(|batch| self.build(batch))
    }

    fn build(&mut self, batch: &Batch) -> Result<()> {
        match self.worker.build(batch, &self.known, true)? {
            None => self.look(),
            Some(((piece, _), failed)) => {
                for (index, error) in failed {
                    self.source.failures.take(&batch.get(index), error)?;
                }
                if self.stage == Stage::Going {
                    self.sink.put(piece)?;
                }
            }
        }
        Ok(())
    }

    fn look(&mut self) {
        self.stage = Stage::Looking;
        self.held.clear();
    }
}

/// What a thread makes rows with.
struct Worker<'o, K: Known> {
    rows: Rows<'o>,
    pieces: Option<K::Rows>,
}

impl<'o, K: Known> Worker<'o, K> {
    fn open(source: &TopicSource<'_>, options: &'o ExportOptions) -> Result<Self> {
        Ok(Self { rows: Rows::open(source, options)?, pieces: None })
    }

    /// The rows of a batch, and what they say of columns; `None` where they outgrow them.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once")]
    fn build(&mut self, batch: &Batch, known: &K, grows: bool) -> Result<Option<((PieceOf<K>, Option<K>), Failed)>> {
        let mut pieces = self.pieces.take().map_or_else(|| known.rows(grows), Ok)?;
        let Some(failed) = self.rows.write(batch, &mut pieces)? else { return Ok(None) };
        let made = (pieces.take()?, if grows { known.told(&pieces) } else { None });
        self.pieces = Some(pieces);
        Ok(Some((made, failed)))
    }
}

/// Looks at the messages that say what columns there are, beside what is known, and returns the source of the same
/// messages.
pub(crate) fn look<'s, K: Known>(
    source: &TopicSource<'s>,
    options: &ExportOptions,
    known: K,
) -> Result<(K, TopicSource<'s>)> {
    let mut first = source.options.clone();
    if let Infer::First(rows) = options.infer {
        first.max = Some(first.max.map_or(rows, |max| max.min(rows)));
        first.progress = Arc::default();
    }
    // What fails is told when it is to be written.
    let looked = TopicSource { failures: kafi_core::Failures::skip(), ..source.with(first) };
    let mut all = known.clone();
    let work = |rows: &mut Rows<'_>, batch: &Batch| {
        let mut told = known.clone();
        rows.each(batch, |row| told.look(row, options));
        Ok((told, Failed::new()))
    };
    let seen = flow(
        &looked,
        || Rows::open(source, options),
        work,
        |told, _| {
            all.join(told);
            Ok(())
        },
    )?;
    match options.infer {
        Infer::First(_) => Ok((all, source.with(source.options.clone()))),
        Infer::Schemas | Infer::All => Ok((all_of(source, all), source.again(&seen)?)),
    }
}

/// Columns for which all messages were looked at; functions may make something else of them the second time.
fn all_of<K: Known>(source: &TopicSource<'_>, mut known: K) -> K {
    if source.through.is_none() {
        known.are_all();
    }
    known
}
