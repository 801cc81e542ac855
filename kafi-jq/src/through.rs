//! Programs of one's own among the functions: a batch of messages is asked at once, so that nobody waits for each answer.

use kafi_core::{Batch, Encoder, Failures, Record, Result};

use crate::change::Change;
use crate::making::{Made, Making, Origin, Spare, TargetOf};
use crate::message::{MessageView, Part, write_envelope};
use crate::program::Program;
use crate::step::Step;

/// Messages between the functions before a program and those behind it.
pub(crate) struct Between {
    batch: Batch,
    of: Vec<Origin>,
    is_input: bool,
}

impl Between {
    /// Nothing yet, of messages whose offsets may be lines of an input.
    pub(crate) fn new(is_input: bool) -> Self {
        Self { batch: Batch::new(), of: Vec::new(), is_input }
    }

    /// Where what is made goes: to what lies between, where a program comes next, else to what is done.
    pub(crate) fn made<'w>(
        between: Option<&'w mut Self>,
        encoders: &'w mut Option<[Box<dyn Encoder>; 2]>,
        (done, spare): (&'w mut Batch, &'w mut Spare),
    ) -> Made<'w> {
        match between {
            Some(between) => {
                Made { encoders: None, batch: &mut between.batch, of: Some(&mut between.of), spare, message_start: 0 }
            }
            None => Made { encoders: encoders.as_mut(), batch: done, of: None, spare, message_start: 0 },
        }
    }

    /// A message as it waits.
    fn view_of<'a>(&self, record: &Record<'a>, origin: &Origin) -> MessageView<'a> {
        let part = |bytes: Option<&'a [u8]>, holds_json: bool| match Part::text(bytes) {
            Part::Text(text) if holds_json => Part::Json(text),
            part => part,
        };
        let [key, value] = [(record.key, 0), (record.value, 1)].map(|(bytes, at)| part(bytes, origin.hold_json[at]));
        MessageView { is_input: self.is_input, ..MessageView::new(record, key, value) }
    }

    /// What is made of a message of this origin.
    pub(crate) fn making<'a>(
        &'a self,
        origin: &'a Origin,
        read: &'a Batch,
        routes: bool,
        target_of: &'a TargetOf<'a>,
    ) -> Making<'a> {
        let Origin { index, are_json, schemas, .. } = origin;
        let schemas = [schemas[0].as_ref(), schemas[1].as_ref()];
        Making { index: *index, from: read.get(*index).topic, routes, are_json: *are_json, schemas, target_of }
    }
}

/// Lets messages go through a program, and what it makes of them through the functions behind it.
///
/// # Errors
/// The first failure that `failures` does not take: what came of the messages before is made.
pub(crate) fn answers<'a>(
    program: &Program,
    rest: &[Step],
    (given, making): (&'a Between, &dyn Fn(&'a Origin) -> Making<'a>),
    read: &Batch,
    (failures, made): (&Failures, &mut Made<'_>),
) -> Result<()> {
    if given.batch.is_empty() {
        return Ok(());
    }
    let mut lines = Vec::with_capacity(given.batch.bytes() + 128 * given.batch.len());
    for (record, origin) in given.batch.iter().zip(&given.of) {
        write_envelope(&given.view_of(&record, origin), &mut lines);
        lines.push(b'\n');
    }
    let located = |error: kafi_core::Error, index: usize| {
        let record = given.batch.get(index);
        given.view_of(&record, &given.of[index]).located(error)
    };
    let mut asked = program.ask(lines, given.batch.len()).map_err(|error| located(error, 0))?;
    // The message that failed last, of which nothing is made, and where the first that was made of it would stand.
    let (mut failed, mut first) = (None, (usize::MAX, made.begin()));
    for (at, (record, origin)) in given.batch.iter().zip(&given.of).enumerate() {
        if first.0 != origin.index {
            first = (origin.index, made.begin());
        }
        let view = given.view_of(&record, origin);
        let making = making(origin);
        let mut result = Ok(());
        loop {
            let line = match asked.answer() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    // Of an answer that does not end nothing is made.
                    made.rewind(first.1);
                    return Err(located(error, at));
                }
            };
            if result.is_ok() && failed != Some(origin.index) {
                let change = Change::answered(&line, &view).map_err(|error| view.located(error));
                result = change.and_then(|change| making.changed(rest, &view, &change, made));
            }
            // Where the job goes on, all of an answer is heard, also behind what is wrong.
            if result.is_err() && !failures.leaves_out() {
                break;
            }
        }
        if let Err(error) = result {
            made.rewind(first.1);
            failed = Some(origin.index);
            failures.take(&read.get(origin.index), error)?;
        }
    }
    Ok(())
}
