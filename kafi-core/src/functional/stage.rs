//! What a pipe is made of: stages, each of which asks the one before it for the next item. The first reads, and is told
//! what is done.

use crate::error::Result;

/// What a stage has for whoever asks it.
pub(crate) enum Step<T> {
    /// The next item.
    Item(T),
    /// Everything that came before is to be finished before the next is asked for: it may be committed then, or nothing
    /// has come for a moment.
    Settle,
    /// There are no more.
    End,
}

/// What is done of the messages that were handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// All of them.
    All,
    /// All but the one that was being worked on, if one was.
    AllButLast,
    /// The same, since something failed; and nothing, where the work is one whole.
    AllButFailed,
    /// Nothing that was not committed before.
    Nothing,
}

/// A part of a pipe. Whoever asks for the next item has finished with those before, or holds them back until
/// [`Step::Settle`].
pub(crate) trait Stage<T>: Send {
    /// The next item.
    fn next(&mut self) -> Result<Step<T>>;

    /// Ends the pipe on every way out: commits what is done, and leaves the group. Afterwards there are no more items.
    fn finish(&mut self, done: Done) -> Result<()>;

    /// Says, before anything is asked for, that the work is done as a whole or not at all.
    fn is_one_whole(&mut self);
}

/// A stage, whatever it is.
pub(crate) type BoxedStage<T> = Box<dyn Stage<T>>;

/// Applies a function to each item.
pub(crate) struct Map<T, F> {
    pub(crate) before: BoxedStage<T>,
    pub(crate) function: F,
}

impl<T, U, F: FnMut(T) -> Result<U> + Send> Stage<U> for Map<T, F> {
    fn next(&mut self) -> Result<Step<U>> {
        Ok(match self.before.next()? {
            Step::Item(item) => Step::Item((self.function)(item)?),
            Step::Settle => Step::Settle,
            Step::End => Step::End,
        })
    }

    fn finish(&mut self, done: Done) -> Result<()> {
        self.before.finish(done)
    }

    fn is_one_whole(&mut self) {
        self.before.is_one_whole();
    }
}

/// Keeps the items for which a function says so.
pub(crate) struct Filter<T, F> {
    pub(crate) before: BoxedStage<T>,
    pub(crate) function: F,
}

impl<T, F: FnMut(&T) -> Result<bool> + Send> Stage<T> for Filter<T, F> {
    fn next(&mut self) -> Result<Step<T>> {
        loop {
            match self.before.next()? {
                Step::Item(item) if !(self.function)(&item)? => {}
                step => return Ok(step),
            }
        }
    }

    fn finish(&mut self, done: Done) -> Result<()> {
        self.before.finish(done)
    }

    fn is_one_whole(&mut self) {
        self.before.is_one_whole();
    }
}

/// Makes none, one, or many out of each item.
pub(crate) struct Flatmap<T, F, I: IntoIterator> {
    pub(crate) before: BoxedStage<T>,
    pub(crate) function: F,
    /// What is left of what the last item became.
    pub(crate) made: Option<I::IntoIter>,
}

impl<T, I, F> Stage<I::Item> for Flatmap<T, F, I>
where
    I: IntoIterator<IntoIter: Send>,
    F: FnMut(T) -> Result<I> + Send,
{
    fn next(&mut self) -> Result<Step<I::Item>> {
        loop {
            // The message that these came of is done with the last of them.
            if let Some(item) = self.made.as_mut().and_then(Iterator::next) {
                return Ok(Step::Item(item));
            }
            self.made = None;
            match self.before.next()? {
                Step::Item(item) => self.made = Some((self.function)(item)?.into_iter()),
                Step::Settle => return Ok(Step::Settle),
                Step::End => return Ok(Step::End),
            }
        }
    }

    fn finish(&mut self, done: Done) -> Result<()> {
        self.made = None;
        self.before.finish(done)
    }

    fn is_one_whole(&mut self) {
        self.before.is_one_whole();
    }
}
