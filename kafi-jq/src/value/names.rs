//! The names of members, which come again and again: each thread keeps those that it saw last.

use std::cell::RefCell;
use std::rc::Rc;

/// How many names a thread keeps; a power of two.
const SLOTS: usize = 256;

/// Longer names are not kept.
const NAME_LEN_MAX: usize = 32;

thread_local! {
    static NAMES: RefCell<[Option<Rc<str>>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// A name, in memory that others of the same name may share.
pub(crate) fn shared_name(text: &str) -> Rc<str> {
    let bytes = text.as_bytes();
    let (Some(first), Some(last), ..=NAME_LEN_MAX) = (bytes.first(), bytes.last(), bytes.len()) else {
        return text.into();
    };
    let middle = bytes[bytes.len() / 2];
    let mixed = [*first, middle, *last].iter().fold(bytes.len(), |mixed, byte| mixed * 31 + usize::from(*byte));
    NAMES.with_borrow_mut(|names| {
        let slot = &mut names[mixed % SLOTS];
        match slot {
            Some(known) if **known == *text => known.clone(),
            _ => slot.insert(text.into()).clone(),
        }
    })
}
