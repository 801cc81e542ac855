//! What the SDK takes as it comes: answers that are read whole however long they are, and XML that is cut off as far as
//! it goes.

use std::error::Error as StdError;
use std::fmt;

use aws_sdk_s3::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use http_body_util::Limited;

/// The most bytes of an answer that is read whole: a listing of 1,000 keys of 1,024 bytes each, all of them escaped,
/// has a tenth of that.
const WHOLE_MAX: usize = 64 << 20;

/// The most bytes of an answer that says what is wrong.
const ERROR_MAX: usize = 1 << 20;

/// Bounds answers, and refuses those that are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Of any request: only what says that something is wrong has a bound.
    Any,
    /// Of a request whose answer the SDK reads whole.
    Whole,
    /// The same, and it has to be whole XML.
    Xml,
}

/// An answer that ends too early.
#[derive(Debug)]
pub(crate) struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the XML of the answer is cut off")
    }
}

impl StdError for CutOff {}

impl Intercept for Answers {
    fn name(&self) -> &'static str {
        "answers"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let max = match self {
            _ if !response.status().is_success() => ERROR_MAX,
            Self::Any => return Ok(()),
            Self::Whole | Self::Xml => WHOLE_MAX,
        };
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, max));
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let is_cut = *self == Self::Xml
            && response.status().is_success()
            && response.body().bytes().is_some_and(|body| !is_whole(body));
        if is_cut { Err(CutOff.into()) } else { Ok(()) }
    }
}

/// Whether the root of an XML document is closed at its end.
fn is_whole(xml: &[u8]) -> bool {
    let mut rest = xml.trim_ascii();
    // What may come before the root.
    while rest.starts_with(b"<?") || rest.starts_with(b"<!") {
        let Some(end) = rest.iter().position(|byte| *byte == b'>') else { return false };
        rest = rest[end + 1..].trim_ascii_start();
    }
    let Some(root) = rest.strip_prefix(b"<") else { return false };
    let name = &root[..root
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))
        .unwrap_or(root.len())];
    let is_closed = rest
        .strip_suffix(b">")
        .and_then(|rest| rest.trim_ascii_end().strip_suffix(name))
        .is_some_and(|rest| rest.ends_with(b"</"));
    let is_empty = rest.ends_with(b"/>") && rest.iter().filter(|byte| **byte == b'<').count() == 1;
    !name.is_empty() && (is_closed || is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_whole_when_its_root_is_closed() {
        let document =
            "<?xml version=\"1.0\"?>\n<!-- a comment --><Root xmlns=\"u\"><A>1</A><Root2></Root2><B/></Root>";
        assert!(is_whole(document.as_bytes()) && is_whole(format!("{document}\n ").as_bytes()));
        for cut in 0..document.len() {
            assert!(!is_whole(&document.as_bytes()[..cut]), "{}", &document[..cut]);
        }
        assert!(is_whole(b"<Root/>") && is_whole(b"<Root a=\"b\" />") && is_whole(b"<Root></Root >"));
        assert!(!is_whole(b"") && !is_whole(b"<Root><A/>") && !is_whole(b"</Root>") && !is_whole(b"Root>"));
    }
}
