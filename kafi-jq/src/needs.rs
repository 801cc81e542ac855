//! Which members of a message a program looks at: values are made of no others.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::path::{Opt, Part, Path};

use crate::syntax::{MESSAGE, parse};

/// Which members of a message a program looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Needs {
    whole: bool,
    members: Vec<Member>,
}

/// A member, and which of its own members, where these are all.
#[derive(Clone, Debug, PartialEq)]
struct Member {
    name: String,
    inner: Option<Vec<String>>,
}

/// How much of a member is needed.
#[derive(Debug, PartialEq)]
pub(crate) enum Need<'n> {
    Nothing,
    /// These of its members.
    Members(&'n [String]),
    All,
}

impl Needs {
    /// What a program needs of its input.
    pub(crate) fn of_input(text: &str) -> Self {
        Self::found(text, false)
    }

    /// What a fold needs of its message.
    pub(crate) fn of_message(text: &str) -> Self {
        Self::found(text, true)
    }

    fn found(text: &str, in_variable: bool) -> Self {
        let looked = parse(text, |term| {
            let mut look = Look { needs: Self::default(), in_variable };
            look.at(term, if in_variable { Here::Elsewhere } else { Here::Message });
            Some(look.needs)
        });
        looked.unwrap_or(Self { whole: true, members: Vec::new() })
    }

    /// How much of a member is needed.
    pub(crate) fn of(&self, name: &str) -> Need<'_> {
        match self.members.iter().find(|member| member.name == name) {
            _ if self.whole => Need::All,
            None => Need::Nothing,
            Some(Member { inner: None, .. }) => Need::All,
            Some(Member { inner: Some(inner), .. }) => Need::Members(inner),
        }
    }

    fn add(&mut self, name: String, inner: Option<String>) {
        match (self.members.iter_mut().find(|member| member.name == name), inner) {
            (None, inner) => self.members.push(Member { name, inner: inner.map(|inner| vec![inner]) }),
            (Some(member), None) => member.inner = None,
            (Some(Member { inner: Some(all), .. }), Some(inner)) if !all.contains(&inner) => all.push(inner),
            (Some(_), Some(_)) => {}
        }
    }
}

/// What `.` is at some place of a program.
#[derive(Clone, Copy)]
enum Here<'n> {
    Elsewhere,
    Message,
    /// A member of the message.
    Member(&'n str),
}

/// A walk through a program.
struct Look {
    needs: Needs,
    /// Whether the message is a variable.
    in_variable: bool,
}

impl Look {
    /// Looks at a term, to which `.` is what stands `here`.
    fn at(&mut self, term: &Term<&str>, here: Here<'_>) {
        match term {
            Term::Num(_) | Term::Break(_) => {}
            Term::Id | Term::Recurse => self.input(here),
            Term::Var(name) => self.needs.whole |= self.in_variable && *name == MESSAGE,
            Term::Str(_, parts) => parts.iter().for_each(|part| {
                if let StrPart::Term(term) = part {
                    self.at(term, here);
                }
            }),
            Term::Arr(inner) => inner.iter().for_each(|inner| self.at(inner, here)),
            Term::Obj(members) => members.iter().for_each(|(name, value)| self.member(name, value.as_ref(), here)),
            Term::Neg(inner) | Term::Label(_, inner) => self.at(inner, here),
            Term::BinOp(left, operator, right) => self.both(left, operator, right, here),
            Term::Fold(_, items, pattern, arguments) => {
                self.at(items, here);
                self.pattern(pattern, here);
                for (index, argument) in arguments.iter().enumerate() {
                    self.at(argument, if index == 0 { here } else { Here::Elsewhere });
                }
            }
            Term::TryCatch(inner, caught) => {
                self.at(inner, here);
                caught.iter().for_each(|caught| self.at(caught, Here::Elsewhere));
            }
            Term::IfThenElse(branches, otherwise) => {
                for (condition, then) in branches {
                    self.at(condition, here);
                    self.at(then, here);
                }
                match otherwise {
                    Some(otherwise) => self.at(otherwise, here),
                    None => self.input(here),
                }
            }
            Term::Def(..) => self.needs.whole = true,
            Term::Call(name, arguments) => {
                let looks = !matches!((*name, arguments.len()), ("empty" | "true" | "false" | "null" | "now", 0));
                self.input(if looks { here } else { Here::Elsewhere });
                arguments.iter().for_each(|argument| self.at(argument, here));
            }
            Term::Path(start, path) => {
                match (self.stands(start, here), name_of_first(path)) {
                    (Here::Message, Some((first, rest))) => {
                        self.needs.add(first, rest.first().and_then(|(second, _)| name_of(second)));
                    }
                    (Here::Member(member), Some((first, _))) => self.needs.add(member.into(), Some(first)),
                    _ => self.at(start, here),
                }
                for (part, _) in &path.0 {
                    match part {
                        Part::Index(index) => self.at(index, here),
                        Part::Range(from, to) => [from, to].into_iter().flatten().for_each(|term| self.at(term, here)),
                    }
                }
            }
        }
    }

    /// What a term makes, as far as it is the message or a member of it.
    fn stands<'n>(&self, term: &Term<&str>, here: Here<'n>) -> Here<'n> {
        match term {
            Term::Id => here,
            Term::Var(name) if self.in_variable && *name == MESSAGE => Here::Message,
            _ => Here::Elsewhere,
        }
    }

    /// The member of the message that a term makes, and nothing else.
    fn member_made(&self, term: &Term<&str>, here: Here<'_>) -> Option<String> {
        let Term::Path(start, path) = term else { return None };
        let (Here::Message, Some((first, []))) = (self.stands(start, here), name_of_first(path)) else { return None };
        Some(first)
    }

    /// The input as a whole is looked at.
    fn input(&mut self, here: Here<'_>) {
        match here {
            Here::Elsewhere => {}
            Here::Message => self.needs.whole = true,
            Here::Member(name) => self.needs.add(name.into(), None),
        }
    }

    fn both(&mut self, left: &Term<&str>, operator: &BinaryOp<&str>, right: &Term<&str>, here: Here<'_>) {
        match (operator, left) {
            // It hands on what it gets.
            (BinaryOp::Pipe(None), Term::Call("select", conditions)) => {
                conditions.iter().for_each(|condition| self.at(condition, here));
                self.at(right, here);
            }
            (BinaryOp::Pipe(None), _) => match self.member_made(left, here) {
                Some(name) => self.at(right, Here::Member(&name)),
                None => {
                    self.at(left, here);
                    self.at(right, Here::Elsewhere);
                }
            },
            (BinaryOp::Pipe(Some(pattern)), _) => {
                self.at(left, here);
                self.pattern(pattern, here);
                self.at(right, here);
            }
            (BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt, _) => {
                self.input(here);
                self.at(left, here);
                self.at(right, here);
            }
            _ => {
                self.at(left, here);
                self.at(right, here);
            }
        }
    }

    fn member(&mut self, name: &Term<&str>, value: Option<&Term<&str>>, here: Here<'_>) {
        match (value, name) {
            (Some(value), _) => {
                self.at(name, here);
                self.at(value, here);
            }
            (None, Term::Var(_)) => self.at(name, here),
            // `{a}` is `{a: .a}`.
            (None, _) => {
                match (here, name_of_term(name)) {
                    (Here::Message, Some(name)) => self.needs.add(name, None),
                    (Here::Member(member), Some(name)) => self.needs.add(member.into(), Some(name)),
                    _ => self.input(here),
                }
                self.at(name, here);
            }
        }
    }

    fn pattern(&mut self, pattern: &Pattern<&str>, here: Here<'_>) {
        match pattern {
            Pattern::Var(_) => {}
            Pattern::Arr(items) => items.iter().for_each(|item| self.pattern(item, here)),
            Pattern::Obj(members) => members.iter().for_each(|(name, value)| {
                self.at(name, here);
                self.pattern(value, here);
            }),
        }
    }
}

type Steps<'p, 's> = &'p [(Part<Term<&'s str>>, Opt)];

/// The name that a path begins with, and the rest of it.
fn name_of_first<'p, 's>(path: &'p Path<Term<&'s str>>) -> Option<(String, Steps<'p, 's>)> {
    let [(first, _), rest @ ..] = &path.0[..] else { return None };
    Some((name_of(first)?, rest))
}

/// The name of a step that is one.
fn name_of(part: &Part<Term<&str>>) -> Option<String> {
    match part {
        Part::Index(term) => name_of_term(term),
        Part::Range(..) => None,
    }
}

fn name_of_term(term: &Term<&str>) -> Option<String> {
    let Term::Str(None, parts) = term else { return None };
    let texts = parts.iter().map(|part| match part {
        StrPart::Str(text) => Some((*text).to_string()),
        StrPart::Char(character) => Some(character.to_string()),
        StrPart::Term(_) => None,
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(needs: &Needs) -> String {
        if needs.whole {
            return "all".into();
        }
        let one = |member: &Member| match &member.inner {
            None => member.name.clone(),
            Some(inner) => format!("{}({})", member.name, inner.join(" ")),
        };
        needs.members.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn programs_need_what_they_look_at() {
        for (text, expected) in [
            (".", "all"),
            ("..", "all"),
            (".value", "value"),
            (".value.a.b[0]", "value(a)"),
            (".value.a, .value[\"b\"]?, .key", "value(a b) key"),
            (".value.a | .b | .", "value(a)"),
            (".value[]", "value"),
            (".value[.offset]", "value offset"),
            (".value as $x | .key == $x.a", "value key"),
            ("select(.value.a) | .value.b", "value(a b)"),
            ("select(.value.a)", "all"),
            ("\"\\(.key) \\(.value.a)\"", "key value(a)"),
            ("{k: .key, v: [.value.a]}", "key value(a)"),
            ("{key}", "key"),
            ("{\"a\\(.offset)\"}", "all"),
            (".value | {a, x: (.b | floor)}", "value(a b)"),
            (".value | .a.c + .b | . + 1", "value(a b)"),
            (".value | . as $x | .a", "value"),
            (".value | keys", "value"),
            (".value | .a |= 1", "value"),
            (".value | select(.a) | {b}", "value(a b)"),
            (".value | select(.a)", "value"),
            (".value[0] | .a", "value"),
            (".value | .[0]", "value"),
            ("{value: (.value | {a})}, (.key | length)", "value(a) key"),
            ("{a: 1} | {a}", ""),
            ("if .value.a then 1 else 2 end", "value(a)"),
            ("if .value.a then 1 end", "all"),
            ("reduce .value.tags[] as $t (.key; . + $t)", "value(tags) key"),
            ("try error(.value.a) catch .", "all"),
            (".value.a // empty", "value(a)"),
            ("has(\"key\")", "all"),
            (".value.a = 1", "all"),
            ("def f: .key; f", "all"),
            ("[.headers[] | select(.key == \"x\").value]", "headers"),
            (".value.a as {b: $c} | $c", "value(a)"),
        ] {
            assert_eq!(shown(&Needs::of_input(text)), expected, "{text}");
        }
        for (text, expected) in [
            (". + 1", ""),
            (".[$m.value.country] += $m.value.n", "value(country n)"),
            (". + [$m]", "all"),
            (". + ($m | .key | length)", "all"),
            (". + ($m.value | .a * 2 | floor)", "value(a)"),
            (". + ($m.value | length)", "value"),
            (". + ($m.key | length)", "key"),
            ("reduce $m.value.tags[] as $t (.; .[$t] += 1)", "value(tags)"),
            ("def f: $m; f", "all"),
        ] {
            assert_eq!(shown(&Needs::of_message(text)), expected, "{text}");
        }
    }
}
