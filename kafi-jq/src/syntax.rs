//! The syntax of programs, for those who look at it before the interpreter does.

use jaq_core::load::lex::Lexer;
use jaq_core::load::parse::{Parser, Term};

/// What a fold calls its message.
pub(crate) const MESSAGE: &str = "$m";

/// Hands the syntax tree of a program to `make`.
pub(crate) fn parse<T>(text: &str, make: impl FnOnce(&Term<&str>) -> Option<T>) -> Option<T> {
    let tokens = Lexer::new(text).lex().ok()?;
    let term = Parser::new(&tokens).parse(|parser| parser.term()).ok()?;
    make(&term)
}
