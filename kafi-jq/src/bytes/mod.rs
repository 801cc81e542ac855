//! The first tier: what people write most, over the bytes of a message's key and value, without making values of them.
//!
//! It knows expressions that make at most one value, and answers only where it is sure that the interpreter would make
//! the same: for everything else, every error included, it steps aside, and the interpreter runs.

mod compile;
mod edit;
mod evaluate;
mod fold;
mod item;
mod scan;

use crate::message::{MessageView, Part};
use crate::syntax::MESSAGE;
use crate::value::Val;

use item::Item;

pub(crate) use edit::{Buffers, Edited, Edits};
pub(crate) use fold::FoldEdits;

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
        // There it may be a variable of the user's.
        if text.contains(MESSAGE) { None } else { compile::compile(text).map(Self) }
    }

    /// The same of a fold, to which [`MESSAGE`] is the message.
    pub(crate) fn compile_fold(text: &str) -> Option<Self> {
        compile::compile(text).map(Self)
    }

    /// What it makes of what was made so far, and of a message; `None` where it makes nothing.
    pub(crate) fn fold(&self, before: &Val, message: &MessageView<'_>) -> Outcome<Val> {
        let made = evaluate::evaluate(&self.0, &Item::of_value(before)?, Some(message))?;
        made.map(Item::into_value).transpose()
    }

    /// Whether what it makes of a message is neither false nor null; false also where it makes nothing.
    pub(crate) fn keeps(&self, message: &MessageView<'_>) -> Result<bool, StepsAside> {
        Ok(evaluate::truth(&self.0, &Item::Message(message), None)? == Some(true))
    }

    /// Appends the JSON text of what it makes of a message; false where it makes nothing. Where it does not answer true
    /// some of it may be there.
    pub(crate) fn write(&self, message: &MessageView<'_>, out: &mut Vec<u8>) -> Result<bool, StepsAside> {
        evaluate::write(&self.0, &Item::Message(message), None, out)
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

#[cfg(test)]
mod tests {
    use super::*;
    use kafi_core::Record;
    use kafi_core::json_text::Members;

    const VALUES: &[&str] = &[
        "{}",
        " { } ",
        r#"{"a":1}"#,
        r#"{"a":1,"b":"x","c":{"a":[1,2]}}"#,
        " {\n\"b\" : {\"a\":2} ,\t\"a\" : 19.990 } \n",
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"b":1,"b":2}"#,
        r#"{"\u0061":1}"#,
        r#"{"b":"\"a\":","a":"\\"}"#,
        r#"{"":1,"aa":2}"#,
    ];

    fn both(value: &str, run: impl Fn(&MessageView<'_>, &mut Vec<u8>) -> Option<bool>, text: &str) {
        let record = Record::new("t", None, None);
        let message = MessageView::new(&record, Part::Text("k"), Part::Json(value));
        let mut members = Members::default();
        members.read(value).unwrap();
        let known = MessageView { members: Some(&members), ..message };
        let (mut plain, mut quick) = (Vec::new(), Vec::new());
        let results = [run(&message, &mut plain), run(&known, &mut quick)];
        assert_eq!(results[0], results[1], "{text} of {value}");
        if results[0].is_some() {
            assert_eq!(String::from_utf8(plain), String::from_utf8(quick), "{text} of {value}");
        }
    }

    #[test]
    fn members_that_are_known_change_nothing() {
        for text in [
            ".value.a",
            ".value.b == \"x\"",
            ".value.b != \"\\\"a\\\":\"",
            ".value.a == \"\\\\\"",
            ".value.x == \"\"",
            ".value.c.a[1]",
            ".value.a + 1",
            ".value",
            ".value.x",
            ".value[\"\"]",
        ] {
            let expression = Expression::compile(text).unwrap();
            VALUES.iter().for_each(|value| both(value, |message, out| expression.write(message, out).ok(), text));
        }
        for text in [
            ".value.a += 1",
            ".value.a = .value.b",
            ".value.x = 1",
            ".value.c.a[0] = 1",
            ".value.b |= {a}",
            "del(.value.a)",
            ".value.a //= 2 | .value.b = .value.a",
            ".key = .value.a | .value.b = .key",
        ] {
            let edits = Edits::compile(text).unwrap();
            VALUES
                .iter()
                .for_each(|value| both(value, |message, out| edits.write(message, out).ok().map(|()| true), text));
        }
    }
}
