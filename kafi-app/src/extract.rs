//! What handlers take of a message.

use std::sync::Arc;

use kafi_core::{Error, ErrorKind, HeadersBuf, Json as JsonText, Result, TimestampType, Value};
use serde::de::DeserializeOwned;

use crate::input::{Input, States};

/// What a handler may take as an argument.
#[diagnostic::on_unimplemented(
    message = "a handler cannot take `{Self}`",
    note = "it takes `Value`, `Json<T>`, `Bytes`, `Key<T>`, `Headers`, `Meta`, `State<S>`, or an `Option` of the first three"
)]
pub trait FromInput: Sized {
    /// Takes it of a message.
    ///
    /// # Errors
    /// What is wrong with the message; that is an error of decoding.
    fn from_input(input: &mut Input<'_>) -> Result<Self>;

    /// Whether it can be had at all, which is asked when an app starts.
    ///
    /// # Errors
    /// `Usage` if it cannot.
    #[doc(hidden)]
    fn check(_app: &Available<'_>) -> Result<()> {
        Ok(())
    }
}

/// What an app has, beside messages.
#[doc(hidden)]
pub struct Available<'a>(pub(crate) &'a States);

/// The value as JSON, read into a type of yours; null is an error, unless the type is an `Option`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// The bytes of the value, as they are; null is an error, unless an `Option` is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// The key: a `String`, a `Vec<u8>`, a [`Value`], or an `Option` of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<T>(pub T);

/// The headers, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Headers(pub HeadersBuf);

/// Where a message comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Milliseconds since 1970-01-01T00:00Z, or -1 for none.
    pub timestamp: i64,
    /// Whose clock the timestamp comes from.
    pub timestamp_type: TimestampType,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// What was given to [`App::state`](crate::App::state), shared by all handlers.
#[derive(Debug)]
pub struct State<S>(pub Arc<S>);

impl<S> std::ops::Deref for State<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

/// Several messages of a partition, in order, for a handler that works on many at once
/// ([`Route::handle_batch`](crate::Route::handle_batch)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<T>(pub Vec<T>);

impl FromInput for Value {
    fn from_input(input: &mut Input<'_>) -> Result<Self> {
        input.value()
    }
}

impl<T: DeserializeOwned> FromInput for Json<T> {
    fn from_input(input: &mut Input<'_>) -> Result<Self> {
        match input.value()? {
            // Text that nobody said is JSON: whoever takes JSON says so.
            Value::Str(text) => Value::from(JsonText::parse(text)?).to().map(Self),
            value => value.to().map(Self),
        }
    }
}

impl FromInput for Bytes {
    fn from_input(input: &mut Input<'_>) -> Result<Self> {
        match input.record().value {
            Some(bytes) => Ok(Self(bytes.to_vec())),
            None => Err(is_null("value").hint("take an Option<Bytes> where it may be")),
        }
    }
}

impl FromInput for Option<Value> {
    fn from_input(input: &mut Input<'_>) -> Result<Self> {
        input.record().value.is_some().then(|| Value::from_input(input)).transpose()
    }
}

impl<T: DeserializeOwned> FromInput for Option<Json<T>> {
    fn from_input(input: &mut Input<'_>) -> Result<Self> {
        input.record().value.is_some().then(|| Json::from_input(input)).transpose()
    }
}

impl FromInput for Option<Bytes> {
    fn from_input(input: &mut Input<'_>) -> Result<Self> {
        Ok(input.record().value.map(|bytes| Bytes(bytes.to_vec())))
    }
}

impl FromInput for Headers {
    fn from_input(input: &mut Input<'_>) -> Result<Self> {
        Ok(Self(input.record().headers.into()))
    }
}

impl FromInput for Meta {
    fn from_input(input: &mut Input<'_>) -> Result<Self> {
        let record = input.record();
        Ok(Self {
            topic: record.topic.to_string(),
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: record.timestamp_type,
            attempt: input.attempt(),
        })
    }
}

impl<S: Send + Sync + 'static> FromInput for State<S> {
    fn from_input(input: &mut Input<'_>) -> Result<Self> {
        input.state().map(Self)
    }

    fn check(app: &Available<'_>) -> Result<()> {
        app.0.get::<S>().map(drop)
    }
}

/// What a key may be taken as.
#[diagnostic::on_unimplemented(
    message = "a key cannot be taken as `{Self}`",
    note = "it can be a `String`, a `Vec<u8>`, a `Value`, or an `Option` of a `String` or a `Vec<u8>`"
)]
pub trait FromKey: Sized {
    /// Takes the key of a message.
    ///
    /// # Errors
    /// `Corrupt` if it is not of the type.
    fn from_key(input: &mut Input<'_>) -> Result<Self>;
}

impl<T: FromKey> FromInput for Key<T> {
    fn from_input(input: &mut Input<'_>) -> Result<Self> {
        T::from_key(input).map(Self)
    }
}

impl FromKey for Value {
    fn from_key(input: &mut Input<'_>) -> Result<Self> {
        input.key()
    }
}

impl FromKey for Option<Vec<u8>> {
    fn from_key(input: &mut Input<'_>) -> Result<Self> {
        Ok(input.record().key.map(<[u8]>::to_vec))
    }
}

impl FromKey for Vec<u8> {
    fn from_key(input: &mut Input<'_>) -> Result<Self> {
        Option::from_key(input)?.ok_or_else(|| is_null("key"))
    }
}

impl FromKey for Option<String> {
    fn from_key(input: &mut Input<'_>) -> Result<Self> {
        let text = Option::<Vec<u8>>::from_key(input)?.map(String::from_utf8).transpose();
        text.map_err(|_| Error::new(ErrorKind::Corrupt, "read key", "it is not UTF-8"))
    }
}

impl FromKey for String {
    fn from_key(input: &mut Input<'_>) -> Result<Self> {
        Option::from_key(input)?.ok_or_else(|| is_null("key"))
    }
}

fn is_null(what: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("read {what}"), "it is null")
}
