//! The first tier: what people write most, over the bytes of a message's key and value, without making values of them.
//!
//! It knows expressions that make at most one value, and answers only where it is sure that the interpreter would make
//! the same: for everything else, every error included, it steps aside, and the interpreter runs.

mod compile;
mod edit;
mod evaluate;
mod item;
mod scan;

use crate::message::{MessageView, Part};

use item::Item;

pub(crate) use edit::Edits;

/// An expression over bytes.
pub(crate) struct Expression(compile::Node);

/// What an expression makes; `Err` where it steps aside.
pub(crate) type Outcome<T> = Result<Option<T>, StepsAside>;

/// The interpreter is to answer.
#[derive(Debug)]
pub(crate) struct StepsAside;

impl Expression {
    /// The expression of a program; `None` where the interpreter is needed.
    pub(crate) fn compile(text: &str) -> Option<Self> {
        compile::compile(text).map(Self)
    }

    /// Whether what it makes of a message is neither false nor null; false also where it makes nothing.
    pub(crate) fn keeps(&self, message: &MessageView<'_>) -> Result<bool, StepsAside> {
        let made = evaluate::evaluate(&self.0, &Item::Message(message))?;
        made.map_or(Ok(false), |item| item.is_true())
    }

    /// Appends the JSON text of what it makes of a message; false where it makes nothing.
    pub(crate) fn write(&self, message: &MessageView<'_>, out: &mut Vec<u8>) -> Result<bool, StepsAside> {
        let made = evaluate::evaluate(&self.0, &Item::Message(message))?;
        made.map_or(Ok(false), |item| item.write(out).map(|()| true))
    }
}

/// The part of a message as an item.
fn item_of(part: Part<'_>) -> Result<Item<'_>, StepsAside> {
    match part {
        Part::Null => Ok(Item::Null),
        Part::Json(text) => Ok(Item::of_json(text)),
        Part::Text(text) => Ok(Item::Str(text.into())),
        // The interpreter has the base64 beside it.
        Part::Bytes(_) => Err(StepsAside),
    }
}
