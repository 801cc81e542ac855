//! JSON as a literal in Rust.

/// Makes a [`Json`](crate::Json) from what looks like JSON. Names keep their order; values may be any expression that a
/// `Json` can be made from.
///
/// # Panics
/// For floating point numbers that are infinite or NaN, which JSON does not have; where a number can be one,
/// `Json::try_from(number)?` stands in front.
///
/// ```
/// use kafi_core::json;
/// let calories = 500.0;
/// let snack = json!({"name": "cookie", "calories": calories, "tags": ["sweet", null], "maker": {"id": 1 + 1}});
/// assert_eq!(snack.to_string(), r#"{"name":"cookie","calories":500.0,"tags":["sweet",null],"maker":{"id":2}}"#);
/// ```
#[macro_export]
macro_rules! json {
    (null) => { $crate::Json::null() };
    ({ $($members:tt)* }) => { $crate::json_members!([] $($members)*) };
    ([ $($elements:tt)* ]) => { $crate::json_elements!([] $($elements)*) };
    ($value:expr) => { $crate::Json::try_from($value).expect("JSON has neither infinities nor NaN: make them with Json::try_from") };
}

/// Takes one member after another off the front; what is done stands in the brackets.
#[doc(hidden)]
#[macro_export]
macro_rules! json_members {
    ([]) => { $crate::Json::object::<&str>([]) };
    ([$($done:tt)+]) => { $crate::Json::object([$($done)+]) };
    ([$($done:tt)*] $name:tt : null $(, $($rest:tt)*)?) => { $crate::json_members!([$($done)* ($name, $crate::json!(null)),] $($($rest)*)?) };
    ([$($done:tt)*] $name:tt : { $($inner:tt)* } $(, $($rest:tt)*)?) => { $crate::json_members!([$($done)* ($name, $crate::json!({ $($inner)* })),] $($($rest)*)?) };
    ([$($done:tt)*] $name:tt : [ $($inner:tt)* ] $(, $($rest:tt)*)?) => { $crate::json_members!([$($done)* ($name, $crate::json!([ $($inner)* ])),] $($($rest)*)?) };
    ([$($done:tt)*] $name:tt : $value:expr $(, $($rest:tt)*)?) => { $crate::json_members!([$($done)* ($name, $crate::json!($value)),] $($($rest)*)?) };
}

/// Takes one element after another off the front; what is done stands in the brackets.
#[doc(hidden)]
#[macro_export]
macro_rules! json_elements {
    ([$($done:tt)*]) => { $crate::Json::array([$($done)*]) };
    ([$($done:tt)*] null $(, $($rest:tt)*)?) => { $crate::json_elements!([$($done)* $crate::json!(null),] $($($rest)*)?) };
    ([$($done:tt)*] { $($inner:tt)* } $(, $($rest:tt)*)?) => { $crate::json_elements!([$($done)* $crate::json!({ $($inner)* }),] $($($rest)*)?) };
    ([$($done:tt)*] [ $($inner:tt)* ] $(, $($rest:tt)*)?) => { $crate::json_elements!([$($done)* $crate::json!([ $($inner)* ]),] $($($rest)*)?) };
    ([$($done:tt)*] $value:expr $(, $($rest:tt)*)?) => { $crate::json_elements!([$($done)* $crate::json!($value),] $($($rest)*)?) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_and_trailing_commas() {
        assert_eq!(json!({}).to_string(), "{}");
        assert_eq!(json!([]).to_string(), "[]");
        assert!(std::panic::catch_unwind(|| json!([1, { "a": f64::NAN }])).is_err());
        assert_eq!(json!([1, "a", [], {}, null,]).to_string(), r#"[1,"a",[],{},null]"#);
        assert_eq!(json!({"b": -1, "a": "x".len() as i64,}).to_string(), r#"{"b":-1,"a":1}"#);
    }
}
