//! Which members of a message a program looks at: values are made of no others.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::path::Part;

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
            look.at(term, true);
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

/// A walk through a program.
struct Look {
    needs: Needs,
    /// Whether the message is a variable; else it is the input.
    in_variable: bool,
}

impl Look {
    /// Looks at a term, to which `.` is the message where it stands `here`.
    fn at(&mut self, term: &Term<&str>, here: bool) {
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
                    self.at(argument, here && index == 0);
                }
            }
            Term::TryCatch(inner, caught) => {
                self.at(inner, here);
                caught.iter().for_each(|caught| self.at(caught, false));
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
                self.input(here && looks);
                arguments.iter().for_each(|argument| self.at(argument, here));
            }
            Term::Path(start, path) => {
                let is_message = match &**start {
                    Term::Id => here && !self.in_variable,
                    Term::Var(name) => self.in_variable && *name == MESSAGE,
                    _ => false,
                };
                match (is_message, &path.0[..]) {
                    (true, [(first, _), rest @ ..]) if let Some(name) = name_of(first) => {
                        self.needs.add(name, rest.first().and_then(|(second, _)| name_of(second)));
                    }
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

    /// The input as a whole is looked at.
    fn input(&mut self, here: bool) {
        self.needs.whole |= here && !self.in_variable;
    }

    fn both(&mut self, left: &Term<&str>, operator: &BinaryOp<&str>, right: &Term<&str>, here: bool) {
        match (operator, left) {
            // It hands on what it gets.
            (BinaryOp::Pipe(None), Term::Call("select", conditions)) => {
                conditions.iter().for_each(|condition| self.at(condition, here));
                self.at(right, here);
            }
            (BinaryOp::Pipe(None), _) => {
                self.at(left, here);
                self.at(right, false);
            }
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

    fn member(&mut self, name: &Term<&str>, value: Option<&Term<&str>>, here: bool) {
        match (value, name) {
            (Some(value), _) => {
                self.at(name, here);
                self.at(value, here);
            }
            (None, Term::Var(_)) => self.at(name, here),
            // `{a}` is `{a: .a}`.
            (None, _) => {
                self.input(here);
                self.at(name, here);
            }
        }
    }

    fn pattern(&mut self, pattern: &Pattern<&str>, here: bool) {
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

/// The name of a step that is one.
fn name_of(part: &Part<Term<&str>>) -> Option<String> {
    let Part::Index(Term::Str(None, parts)) = part else { return None };
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
            ("{key}", "all"),
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
            (". + ($m.key | length)", "key"),
            ("reduce $m.value.tags[] as $t (.; .[$t] += 1)", "value(tags)"),
            ("def f: $m; f", "all"),
        ] {
            assert_eq!(shown(&Needs::of_message(text)), expected, "{text}");
        }
    }
}
