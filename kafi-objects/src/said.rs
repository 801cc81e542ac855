//! What servers say, on its way into messages.

/// The most characters of a server's text that a message shows.
const SAID_MAX: usize = 400;

/// A text that a server sent, as far as it goes into a message: one line of at most some hundred characters, without
/// those that a terminal obeys.
pub fn said(text: &str) -> String {
    let mut line = String::new();
    let mut characters = text.chars();
    for character in characters.by_ref().take(SAID_MAX) {
        match character {
            '\n' | '\t' | '\r' => line.push(' '),
            // Controls, and what changes the direction or shows nothing.
            _ if character.is_control()
                || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}') =>
            {
                line.extend(character.escape_unicode());
            }
            _ => line.push(character),
        }
    }
    if characters.next().is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_one_short_line() {
        assert_eq!(said("It is wrong."), "It is wrong.");
        assert_eq!(said("a\nb\u{1b}[31m\u{202e}\u{9b}"), "a b\\u{1b}[31m\\u{202e}\\u{9b}");
        let long = said(&"ä".repeat(50 << 20));
        assert!(long.chars().count() == SAID_MAX + 1 && long.ends_with('…'));
    }
}
