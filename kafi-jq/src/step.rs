//! Functions one after another, and what each of them is used for.

use std::sync::Arc;

use crate::function::Function;
use crate::program::Program;

/// What a function is used for.
#[derive(Debug)]
pub enum Step {
    /// Keeps messages.
    Filter(Function),
    /// Makes one message of each.
    Map(Function),
    /// Makes none, one, or many of each.
    Flatmap(Function),
    /// A program that makes none, one, or many of each.
    Through(Program),
    /// Makes none, one, or many values of each, which stand in place of its value as JSON text; strings as their
    /// characters, if `raw`.
    Print {
        /// The function.
        function: Function,
        /// Whether strings lose their quotes.
        raw: bool,
    },
}

/// Functions one after another.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    pub(crate) steps: Arc<[Step]>,
    pub(crate) routes: bool,
}

impl Steps {
    /// These functions, in this order. Only where it `routes`, they may change the topics of messages.
    pub fn new(steps: Vec<Step>, routes: bool) -> Self {
        Self { steps: steps.into(), routes }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether what comes out is to be printed, and no message any more.
    pub fn prints(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Print { .. }))
    }

    /// Whether messages stay as they are, as far as they stay.
    pub fn only_filters(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Filter(_)))
    }
}
