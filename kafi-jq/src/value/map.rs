//! The members of an object, in order. Most objects have few: these are compared name by name, which takes neither a
//! table nor its memory.

use std::ops::Index;
use std::rc::Rc;
use std::{option, slice, vec};

use foldhash::fast::RandomState;
use indexmap::{IndexMap, map};

use crate::value::Val;

/// So many members are looked through one by one.
const FEW_MAX: usize = 16;

type Table = IndexMap<Rc<str>, Val, RandomState>;
type Member = (Rc<str>, Val);

/// The members of an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    few: Vec<Member>,
    /// All of them, where they are more than a few.
    many: Option<Box<Table>>,
}

impl Map {
    pub(crate) fn len(&self) -> usize {
        self.many.as_ref().map_or(self.few.len(), |many| many.len())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Val> {
        match &self.many {
            None => self.few.iter().find(|(known, _)| **known == *name).map(|(_, value)| value),
            Some(many) => many.get(name),
        }
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Val> {
        match &mut self.many {
            None => self.few.iter_mut().find(|(known, _)| **known == *name).map(|(_, value)| value),
            Some(many) => many.get_mut(name),
        }
    }

    pub(crate) fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets a member; one that is there already stays where it is.
    pub(crate) fn insert(&mut self, name: Rc<str>, value: Val) {
        if let Some(many) = &mut self.many {
            many.insert(name, value);
        } else if let Some(known) = self.get_mut(&name) {
            *known = value;
        } else if self.few.len() < FEW_MAX {
            self.few.push((name, value));
        } else {
            let mut many: Table = std::mem::take(&mut self.few).into_iter().collect();
            many.insert(name, value);
            self.many = Some(Box::new(many));
        }
    }

    /// Takes a member out; those behind it move up.
    pub(crate) fn shift_remove(&mut self, name: &str) {
        if let Some(many) = &mut self.many {
            many.shift_remove(name);
        } else {
            self.few.retain(|(known, _)| **known != *name);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Rc<str>, &Val)> {
        let few: slice::Iter<'_, Member> = self.few.iter();
        let many: option::IntoIter<map::Iter<'_, Rc<str>, Val>> =
            self.many.as_ref().map(|many| many.iter()).into_iter();
        few.map(|(name, value)| (name, value)).chain(many.flatten())
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Rc<str>> {
        self.iter().map(|(name, _)| name)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Val> {
        self.iter().map(|(_, value)| value)
    }
}

impl IntoIterator for Map {
    type Item = Member;
    type IntoIter = std::iter::Chain<vec::IntoIter<Member>, std::iter::Flatten<option::IntoIter<Table>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.few.into_iter().chain(self.many.map(|many| *many).into_iter().flatten())
    }
}

impl FromIterator<Member> for Map {
    fn from_iter<I: IntoIterator<Item = Member>>(members: I) -> Self {
        let mut map = Self::default();
        members.into_iter().for_each(|(name, value)| map.insert(name, value));
        map
    }
}

impl Index<&str> for Map {
    type Output = Val;

    fn index(&self, name: &str) -> &Val {
        self.get(name).expect("who asks knows that it is there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_members_and_many_behave_alike() {
        for count in [0, 1, 5, FEW_MAX, FEW_MAX + 1, 40] {
            let name = |number: usize| Rc::<str>::from(format!("n{number}"));
            let mut map: Map = (0..count).map(|number| (name(number), Val::int(number))).collect();
            let mut table: Table = (0..count).map(|number| (name(number), Val::int(number))).collect();
            let mut change = |number: usize| {
                map.insert(name(number), Val::int(7));
                table.insert(name(number), Val::int(7));
                map.shift_remove(&name(number + 1));
                table.shift_remove(&*name(number + 1));
                assert_eq!(map.get(&name(number + 2)), table.get(&*name(number + 2)));
                assert_eq!((map.len(), map.contains_key("n0")), (table.len(), table.contains_key("n0")));
                let members: Vec<Member> = map.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
                assert_eq!(members, table.clone().into_iter().collect::<Vec<_>>());
                assert_eq!(members, map.clone().into_iter().collect::<Vec<_>>());
            };
            [0, 3, 16, 41].into_iter().for_each(&mut change);
        }
    }
}
