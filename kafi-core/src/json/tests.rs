//! Tests of the JSON value.
