//! Messages that were written by hand, on their way through functions.

use kafi::{Batch, BatchSteps, EnvelopeSchema, Failures, FunctionSteps, Kafi, Place, Record, Result, Settings};

use crate::texts::Texts;

/// Messages that are to go through functions before they are encoded.
pub struct Given {
    steps: BatchSteps,
    batch: Batch,
    /// The schemas that envelopes name for keys and values, with their lines.
    schemas: Vec<(i64, [Option<EnvelopeSchema>; 2])>,
}

impl Given {
    /// What goes through these functions, and then through `texts`; `None` where there are none.
    pub fn open(steps: &FunctionSteps, kafi: &Kafi, texts: &Texts, failures: &Failures) -> Result<Option<Self>> {
        if steps.is_empty() {
            return Ok(None);
        }
        // What is typed is text, and nothing that a registry would know.
        let place = Place::new(kafi.place().storage.clone(), Settings::default());
        let steps = BatchSteps::open(steps, &place, &texts.before(), failures)?.of_input();
        Ok(Some(Self { steps, batch: Batch::new(), schemas: Vec::new() }))
    }

    /// Adds a message whose envelope names these schemas.
    pub fn push(&mut self, record: Record<'_>, schemas: [Option<&EnvelopeSchema>; 2]) {
        if schemas.iter().any(Option::is_some) {
            self.schemas.push((record.offset, schemas.map(|schema| schema.cloned())));
        }
        self.batch.push(record);
    }

    /// What waits.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The same, to be changed.
    pub fn batch_mut(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// Lets what waits go through the functions, and encodes what comes out to the end of `batch`; where one fails, what
    /// came of the messages before.
    pub fn go_through(&mut self, texts: &mut Texts, failures: &Failures, batch: &mut Batch) -> Result<()> {
        let Some(last) = self.batch.metas().last().map(|meta| meta.offset) else { return Ok(()) };
        let went = self.steps.apply(&mut self.batch);
        let mut known = self.schemas.iter().peekable();
        for record in self.batch.iter() {
            while known.next_if(|(line, _)| *line < record.offset).is_some() {}
            let schemas = known.peek().filter(|(line, _)| *line == record.offset);
            let schemas = schemas.map_or([None, None], |(_, [key, value])| [key.as_ref(), value.as_ref()]);
            let pushed = texts.push_named(schemas, record, batch);
            pushed.or_else(|error| failures.take(&record, error))?;
        }
        self.batch.clear();
        self.schemas.retain(|(line, _)| *line > last);
        went
    }
}
