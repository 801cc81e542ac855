//! Folds in jq: all messages into one value.

use std::fmt;
use std::ops::ControlFlow;

use kafi_core::functional::TextDecoder;
use kafi_core::json_text::Members;
use kafi_core::{Error, ErrorKind, Field, Json, Message, Place, Record, Result, Serdes, Type};

use crate::bytes::{Expression, FoldEdits};
use crate::function::Tier;
use crate::jaq::Program;
use crate::limits::Limits;
use crate::message::{MessageView, shown, shown_with_members, values_of, with_view};
use crate::needs::Needs;
use crate::options::FunctionOptions;
use crate::syntax::MESSAGE;
use crate::value::Val;

/// A fold in jq, and what it has made so far: its input `.` is that, and `$m` the message, as a
/// [`Function`](crate::Function) sees it. It belongs to one thread.
///
/// ```
/// use kafi_core::{Json, Message};
/// use kafi_jq::{Fold, FunctionOptions};
/// let mut fold = Fold::compile(".[$m.key] += $m.value.price", &FunctionOptions::default(), &Json::parse("{}")?)?;
/// for (key, price) in [("a", 1), ("b", 2), ("a", 3)] {
///     fold.push(&Message::new("t", key, Json::parse(format!(r#"{{"price":{price}}}"#))?))?;
/// }
/// assert_eq!(fold.made(), r#"{"a":4,"b":2}"#);
/// # Ok::<(), kafi_core::Error>(())
/// ```
pub struct Fold {
    text: String,
    program: Program,
    /// The same over bytes, where it is simple enough.
    expression: Option<Expression>,
    /// The changes that it is, where it is nothing else.
    edits: Option<FoldEdits>,
    needs: Needs,
    limits: Limits,
    made: Val,
    spare: Vec<Val>,
    keeps: bool,
}

/// A fold of records.
pub struct Folding {
    fold: Fold,
    texts: TextDecoder,
    types: [Type; 2],
    members: Members,
}

impl Fold {
    /// Compiles `text`; the first message is folded into `initial`.
    ///
    /// # Errors
    /// `Usage`, with the column, if it is no function.
    pub fn compile(text: &str, options: &FunctionOptions, initial: &Json) -> Result<Self> {
        let program = Program::binding(text, options, Some(MESSAGE))?;
        let made = Val::read(&initial.text())
            .map_err(|fault| Error::new(ErrorKind::Usage, "read function", format!("it begins with {}", fault.what)))?;
        Ok(Self {
            text: text.to_string(),
            program,
            expression: Expression::compile_fold(text),
            edits: FoldEdits::compile(text),
            needs: Needs::of_message(text),
            limits: options.limits,
            made,
            spare: Vec::new(),
            keeps: false,
        })
    }

    /// What runs it; both tiers make the same.
    pub fn tier(&self) -> Tier {
        if self.expression.is_some() || self.edits.is_some() { Tier::Bytes } else { Tier::Jaq }
    }

    /// The same fold, run by the interpreter alone; for comparisons.
    pub fn interpreted(self) -> Self {
        Self { expression: None, edits: None, ..self }
    }

    /// Keeps what was made so far also where a message fails. That costs a copy of it for each message.
    pub fn keeping(self) -> Self {
        Self { keeps: true, ..self }
    }

    /// Folds a message into what was made so far: the last value that the function makes; null where it makes none. After
    /// a failure it is null, unless it is [`keeping`](Self::keeping).
    ///
    /// # Errors
    /// As for [`Function::run_message`](crate::Function::run_message).
    pub fn push(&mut self, message: &Message) -> Result<()> {
        with_view(message, |view| self.push_view(view))
    }

    /// The same for a message as functions see it.
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    pub fn push_view(&mut self, message: &MessageView<'_>) -> Result<()> {
        if let Some(Ok(made)) = self.expression.as_ref().map(|expression| expression.fold(&self.made, message)) {
            self.made = made.unwrap_or_default();
            return Ok(());
        }
        let Self { edits, made, spare, .. } = self;
        if edits.as_ref().is_some_and(|edits| edits.apply(made, message, spare).is_ok()) {
            return Ok(());
        }
        let bound = || values_of(message, &self.needs).whole;
        // Whoever alone has a value may change it in place.
        let (before, mut last) = (self.keeps.then(|| self.made.clone()), Val::Null);
        let given = std::mem::take(&mut self.made);
        let ran = self.program.run_bound(|| Ok(given), Some(&bound), &self.limits, &mut |value| {
            last = value;
            Ok(ControlFlow::Continue(()))
        });
        match ran {
            Ok(()) => {
                self.made = last;
                Ok(())
            }
            Err(error) => {
                self.made = before.unwrap_or_default();
                Err(message.located(error))
            }
        }
    }

    /// What was made so far, as JSON text.
    pub fn made(&self) -> String {
        self.made.to_string()
    }
}

impl Folding {
    /// Folds messages of these types and schemas, or else those of the place's settings.
    ///
    /// # Errors
    /// Those of [`TextDecoder::open`].
    pub fn open(fold: Fold, place: &Place, serdes: &Serdes) -> Result<Self> {
        let type_of = |field| place.type_or(serdes.of_field(field), field, Type::Auto);
        let types = [type_of(Field::Key)?, type_of(Field::Value)?];
        Ok(Self { fold, texts: TextDecoder::open(place, serdes)?, types, members: Members::default() })
    }

    /// Folds a message into what was made so far.
    ///
    /// # Errors
    /// Those of decoding, and of [`Fold::push`].
    pub fn push(&mut self, record: Record<'_>) -> Result<()> {
        let (text, schemas) = self.texts.show(record)?;
        let key = shown(text.key, self.types[0], schemas[0].is_some());
        let (value, members) = shown_with_members(text.value, self.types[1], schemas[1].is_some(), &mut self.members);
        self.fold.push_view(&MessageView { members, ..MessageView::new(&text, key, value) })
    }

    /// What was made so far, as JSON text.
    pub fn made(&self) -> String {
        self.fold.made()
    }

    /// The fold, to be gone on with elsewhere.
    pub fn into_fold(self) -> Fold {
        self.fold
    }
}

impl fmt::Debug for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").field("text", &self.text).finish_non_exhaustive()
    }
}
