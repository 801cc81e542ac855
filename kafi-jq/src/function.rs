//! What users write: a function, compiled once, run for each message.

use std::cell::Cell;
use std::ops::ControlFlow;

use kafi_core::{Error, ErrorKind, Message, Result};

use crate::bytes::{Buffers, Edited, Edits, Expression};
use crate::change::Change;
use crate::jaq::Program;
use crate::limits::{Limits, Runaway};
use crate::message::{MessageView, Values, values_of, with_view, write_message};
use crate::needs::Needs;
use crate::options::FunctionOptions;
use crate::value::Val;

/// A function in jq, compiled.
///
/// It can be shared among threads. Its input `.` is a JSON value, or a message in the envelope's form:
/// `{topic, partition, offset, timestamp, timestamp_type, headers: [{key, value}], key, value}`, with `key_base64` and
/// `value_base64` beside a null for what is not UTF-8.
///
/// ```
/// use kafi_jq::Function;
/// let function = Function::compile(".tags[] | ascii_downcase")?;
/// assert_eq!(function.all(r#"{"tags": ["A", "B"]}"#)?, ["\"a\"", "\"b\""]);
/// let error = Function::compile(".a | selct(.b)").unwrap_err();
/// assert_eq!(error.to_string(), "read function: column 6: there is no function selct");
/// assert_eq!(error.hint_text(), Some("did you mean select?"));
/// # Ok::<(), kafi_core::Error>(())
/// ```
pub struct Function {
    text: String,
    program: Program,
    /// The same over bytes, where it is simple enough.
    expression: Option<Expression>,
    /// The changes that it is, where it is nothing else.
    edits: Option<Edits>,
    /// What the interpreter needs of a message.
    needs: Needs,
    limits: Limits,
}

/// What runs a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// It is evaluated over the bytes of messages, and by jaq where these hold what it is not sure of.
    Bytes,
    /// The interpreter jaq.
    Jaq,
}

impl Function {
    /// Compiles `text`, without variables.
    ///
    /// # Errors
    /// `Usage`, with the column, if it is not a function; [`excerpt`] shows it there.
    pub fn compile(text: &str) -> Result<Self> {
        Self::with(text, &FunctionOptions::default())
    }

    /// Compiles `text` with these options.
    ///
    /// # Errors
    /// As for [`compile`](Function::compile).
    pub fn with(text: &str, options: &FunctionOptions) -> Result<Self> {
        let program = Program::compile(text, options)?;
        let (expression, edits) = (Expression::compile(text), Edits::compile(text));
        Ok(Self {
            text: text.to_string(),
            program,
            expression,
            edits,
            needs: Needs::of_input(text),
            limits: options.limits,
        })
    }

    /// What was compiled.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What runs it over messages; both tiers make the same.
    pub fn tier(&self) -> Tier {
        if self.expression.is_some() || self.edits.is_some() { Tier::Bytes } else { Tier::Jaq }
    }

    /// The same function, run by the interpreter alone; for comparisons.
    pub fn interpreted(self) -> Self {
        Self { expression: None, edits: None, ..self }
    }

    /// Hands the JSON text of each value that it makes of the JSON text `input` to `each`, until that breaks.
    ///
    /// # Errors
    /// `Corrupt` for what is not JSON; `Function` where the function fails or goes beyond its limits; what `each` fails
    /// with.
    pub fn run(&self, input: &str, mut each: impl FnMut(&str) -> Result<ControlFlow<()>>) -> Result<()> {
        let mut out = Vec::new();
        let read = || Val::read(input).map_err(|fault| not_json(input, fault.at, fault.what));
        self.program.run(read, &self.limits, &mut |value| {
            out.clear();
            value.write(&mut out);
            self.hand_over(&out, &mut each)
        })
    }

    /// The JSON texts of all values that it makes of the JSON text `input`.
    ///
    /// # Errors
    /// As for [`run`](Function::run).
    pub fn all(&self, input: &str) -> Result<Vec<String>> {
        let mut all = Vec::new();
        self.run(input, |text| {
            all.push(text.to_string());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }

    /// Hands the JSON text of each value that it makes of a message to `each`, until that breaks. Where it leaves the
    /// message's key or value as they are, their text is what it was.
    ///
    /// # Errors
    /// `Function`, with topic, partition, and offset, where the function fails or goes beyond its limits; what `each`
    /// fails with.
    pub fn run_message(
        &self,
        message: &MessageView<'_>,
        each: impl FnMut(&str) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.run_message_with(&mut Vec::new(), message, each)
    }

    /// The same with memory that is used again from message to message.
    pub(crate) fn run_message_with(
        &self,
        out: &mut Vec<u8>,
        message: &MessageView<'_>,
        mut each: impl FnMut(&str) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        out.clear();
        let mut failed = None;
        if let Some(expression) = &self.expression {
            match expression.write(message, out) {
                Ok(true) => return self.hand_over(out, &mut each).map(drop),
                Ok(false) => return Ok(()),
                Err(_) => out.clear(),
            }
        }
        let parts = Cell::new(None);
        // Within the limits, since it makes values.
        let given = || {
            let Values { whole, parts: found } = values_of(message, &self.needs);
            parts.set(Some(found));
            Ok(whole)
        };
        let ran = self.program.run(given, &self.limits, &mut |value| {
            out.clear();
            let found = parts.take().unwrap_or_default();
            write_message(&value, message, &found, out);
            parts.set(Some(found));
            let handed = self.hand_over(out, &mut each);
            // What is wrong elsewhere is not the message's fault.
            handed.or_else(|error| {
                failed = Some(error);
                Ok(ControlFlow::Break(()))
            })
        });
        match failed {
            Some(error) => Err(error),
            None => ran.map_err(|error| message.located(error)),
        }
    }

    /// As [`run_message`](Function::run_message), for who takes what it makes for a message: it may leave out what stays.
    ///
    /// # Errors
    /// As for [`run_message`](Function::run_message).
    pub fn change_message(
        &self,
        message: &MessageView<'_>,
        mut each: impl FnMut(&str) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if let Some(edits) = &self.edits {
            let mut out = Vec::new();
            if edits.write(message, &mut out).is_ok() {
                return self.hand_over(&out, &mut each).map(drop);
            }
        }
        self.run_message(message, each)
    }

    /// What becomes of a message's key and value, where the function is nothing but changes of them, and it is sure.
    pub(crate) fn edited<'b>(&self, message: &MessageView<'_>, buffers: &'b mut Buffers) -> Option<Edited<'b>> {
        let edited = self.edits.as_ref()?.apply(message, buffers).ok()?;
        let is_small = |text: Option<&str>| text.is_none_or(|text| text.len() <= self.limits.bytes_max);
        (is_small(edited.key) && is_small(edited.value)).then_some(edited)
    }

    /// Whether the first value that it makes of a message is neither false nor null; false where it makes none.
    ///
    /// # Errors
    /// As for [`run_message`](Function::run_message).
    pub fn keeps(&self, message: &MessageView<'_>) -> Result<bool> {
        if let Some(Ok(keeps)) = self.expression.as_ref().map(|expression| expression.keeps(message)) {
            return Ok(keeps);
        }
        let mut keeps = false;
        self.run_message(message, |text| {
            keeps = !matches!(text, "false" | "null");
            Ok(ControlFlow::Break(()))
        })?;
        Ok(keeps)
    }

    /// [`keeps`](Function::keeps), for [`Pipe::filter`](kafi_core::Pipe::filter).
    ///
    /// # Errors
    /// As for [`run_message`](Function::run_message).
    pub fn filter(&self, message: &Message) -> Result<bool> {
        with_view(message, |view| self.keeps(view))
    }

    /// The message that it makes of one, for [`Pipe::map`](kafi_core::Pipe::map): members that it leaves out, and its
    /// schemas, are kept.
    ///
    /// # Errors
    /// As for [`run_message`](Function::run_message); `Function` where it makes none, several, or what is no message.
    pub fn map(&self, message: Message) -> Result<Message> {
        let mut made = self.changes(&message)?;
        match (made.pop(), made.len()) {
            (Some(change), 0) => Ok(change.applied(message)),
            (last, _) => {
                let why =
                    if last.is_none() { "it makes no message of one" } else { "it makes several messages of one" };
                let error = Error::new(ErrorKind::Function, "run function", why).hint("flatmap may make none or many");
                with_view(&message, |view| Err(view.located(error)))
            }
        }
    }

    /// The messages that it makes of one, for [`Pipe::flatmap`](kafi_core::Pipe::flatmap): none, one, or many.
    ///
    /// # Errors
    /// As for [`run_message`](Function::run_message); `Function` where it makes what is no message.
    pub fn flatmap(&self, message: Message) -> Result<Vec<Message>> {
        let changes = self.changes(&message)?;
        Ok(changes.into_iter().map(|change| change.applied(message.clone())).collect())
    }

    fn changes(&self, message: &Message) -> Result<Vec<Change>> {
        let mut all = Vec::new();
        with_view(message, |view| {
            self.change_message(view, |text| {
                all.push(Change::read(text).map_err(|error| view.located(error))?);
                Ok(ControlFlow::Continue(()))
            })
        })?;
        Ok(all)
    }

    fn hand_over(&self, out: &[u8], each: &mut impl FnMut(&str) -> Result<ControlFlow<()>>) -> Result<ControlFlow<()>> {
        if out.len() > self.limits.bytes_max {
            return Err(Runaway::Bytes.error(&self.limits));
        }
        each(std::str::from_utf8(out).expect("JSON text is UTF-8"))
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("text", &self.text).finish_non_exhaustive()
    }
}

/// The line of a function that an error of [`Function::compile`] is about, and below it a caret at its column.
///
/// ```
/// use kafi_jq::{Function, excerpt};
/// let error = Function::compile(".a |").unwrap_err();
/// assert_eq!(excerpt(".a |", &error).as_deref(), Some(".a |\n    ^"));
/// ```
pub fn excerpt(text: &str, error: &Error) -> Option<String> {
    let number = |wanted: &str| error.context().find(|(key, _)| *key == wanted)?.1.parse::<usize>().ok();
    let column = number("column")?;
    let line = text.split('\n').nth(number("line").unwrap_or(1).checked_sub(1)?)?;
    // A tab before the caret keeps it below its character.
    let before = line.chars().take(column - 1).map(|character| if character == '\t' { '\t' } else { ' ' });
    Some(format!("{line}\n{}^", before.collect::<String>()))
}

fn not_json(text: &str, at: usize, what: &str) -> Error {
    let column = text.get(..at).map_or(0, |before| before.chars().count()) + 1;
    Error::new(ErrorKind::Corrupt, "run function", format!("the input is not JSON: {what}")).with("column", column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Part;
    use kafi_core::Record;
    use kafi_core::json_text::Members;

    #[test]
    fn values_are_made_of_what_is_needed_and_nobody_notices() {
        let values =
            [r#"{"a":{"b":1},"b":[2],"a":3}"#, r#" { "b" : null } "#, r#"{"\u0061":1,"b":2}"#, "{}", r#"{"a":[1]}"#];
        for text in [
            ".value.a, .value.b",
            ".value.a[]?, (.value | keys)",
            "{key, value: .value.a, x: .value.b}",
            ".value.b // .key",
            "[.value.a, .value.c] | .[0]",
            ".",
            "select(.value.b) | .value.a",
            ".value.a | .b?",
            ".headers, .key_base64",
        ] {
            let whole = Function { needs: Needs::of_input("."), ..Function::compile(text).unwrap().interpreted() };
            let needed = Function::compile(text).unwrap().interpreted();
            for value in values {
                let record = Record::new("t", None, None);
                let message = MessageView::new(&record, Part::Bytes(b"\xff"), Part::Json(value));
                let mut members = Members::default();
                members.read(value).unwrap();
                let made = |function: &Function, message: &MessageView<'_>| {
                    let mut all = Vec::new();
                    let ran = function.run_message(message, |text| {
                        all.push(text.to_string());
                        Ok(ControlFlow::Continue(()))
                    });
                    all.extend(ran.err().map(|error| error.to_string()));
                    all
                };
                let expected = made(&whole, &message);
                assert_eq!(made(&needed, &message), expected, "{text} of {value}");
                let known = MessageView { members: Some(&members), ..message };
                assert_eq!(made(&needed, &known), expected, "{text} of {value}, with members");
            }
        }
    }

    #[test]
    fn a_value_may_be_as_deep_as_json_may() {
        let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let record = Record::new("t", None, None);
        let run = |value: &str| {
            let message = MessageView::new(&record, Part::Null, Part::Json(value));
            Function::compile(".value | length").unwrap().interpreted().keeps(&message)
        };
        assert!(run(&deep(126)).unwrap());
        assert!(run(&deep(127)).unwrap_err().message().contains("deeper"));
    }
}
