//! Folds over bytes that change members of what was made so far, in place.

use std::borrow::Cow;
use std::rc::Rc;

use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::ops::Math;
use jaq_core::path::{Opt, Part};

use crate::bytes::StepsAside;
use crate::bytes::compile::{Key, Node, key, node};
use crate::bytes::evaluate::{calculated, evaluate};
use crate::bytes::item::Item;
use crate::message::MessageView;
use crate::syntax::parse;
use crate::value::Val;

/// Changes of members of what a fold has made so far, one after another.
pub(crate) struct FoldEdits(Vec<FoldEdit>);

struct FoldEdit {
    /// All steps but the last lead to objects.
    path: Vec<Step>,
    last: Step,
    change: Change,
}

enum Step {
    Name(String),
    /// The name is what this makes of the message.
    Named(Node),
}

/// What nodes see is the message.
enum Change {
    Set(Node),
    /// `.` is what is there.
    Update(Node),
    Calculate(Math, Node),
}

impl FoldEdits {
    /// The changes that a fold is; `None` where it is more, or where one of them may depend on another.
    pub(crate) fn compile(text: &str) -> Option<Self> {
        parse(text, |term| {
            let mut edits = Vec::new();
            collect(term, &mut edits)?;
            are_apart(&edits).then_some(Self(edits))
        })
    }

    /// Changes what was made; where it steps aside, it has changed nothing.
    pub(crate) fn apply(
        &self,
        made: &mut Val,
        message: &MessageView<'_>,
        spare: &mut Vec<Val>,
    ) -> Result<(), StepsAside> {
        spare.clear();
        for edit in &self.0 {
            spare.push(edit.new_value(made, message)?);
        }
        for (edit, new) in self.0.iter().zip(spare.drain(..)) {
            edit.put(made, message, new)?;
        }
        Ok(())
    }
}

/// Whether no change sees what another one does.
fn are_apart(edits: &[FoldEdit]) -> bool {
    let first = |edit: &FoldEdit| match edit.path.first().unwrap_or(&edit.last) {
        Step::Name(name) => Some(name.clone()),
        Step::Named(_) => None,
    };
    let names: Option<Vec<String>> = edits.iter().map(first).collect();
    match names {
        Some(names) => names.iter().enumerate().all(|(index, name)| !names[..index].contains(name)),
        None => edits.len() == 1,
    }
}

fn collect(term: &Term<&str>, edits: &mut Vec<FoldEdit>) -> Option<()> {
    let (target, change) = match term {
        Term::BinOp(left, BinaryOp::Pipe(None), right) => {
            collect(left, edits)?;
            return collect(right, edits);
        }
        Term::BinOp(target, BinaryOp::Assign, value) => (target, Change::Set(of_message(value)?)),
        Term::BinOp(target, BinaryOp::UpdateMath(operator), value) => {
            (target, Change::Calculate(*operator, of_message(value)?))
        }
        Term::BinOp(target, BinaryOp::Update, value) => (target, Change::Update(node(value)?)),
        _ => return None,
    };
    let Term::Path(start, path) = &**target else { return None };
    let Term::Id = **start else { return None };
    let steps = path.0.iter().map(|(part, opt)| matches!(opt, Opt::Essential).then(|| step(part)).flatten());
    let mut path = steps.collect::<Option<Vec<Step>>>()?;
    let last = path.pop()?;
    edits.push(FoldEdit { path, last, change });
    Some(())
}

fn step(part: &Part<Term<&str>>) -> Option<Step> {
    match (key(part), part) {
        (Some(Key::Name(name)), _) => Some(Step::Name(name)),
        (None, Part::Index(term)) => of_message(term).map(Step::Named),
        _ => None,
    }
}

/// A node that looks at nothing but the message.
fn of_message(term: &Term<&str>) -> Option<Node> {
    node(term).filter(sees_only_message)
}

fn sees_only_message(node: &Node) -> bool {
    let all = |nodes: &[&Node]| nodes.iter().all(|node| sees_only_message(node));
    match node {
        Node::Message | Node::Text(_) | Node::Number(_) | Node::Bool(_) | Node::Null => true,
        Node::Step(before, ..) => sees_only_message(before),
        Node::Array(items) => items.iter().all(sees_only_message),
        // What is behind it sees what it makes.
        Node::Pipe(left, _) => sees_only_message(left),
        Node::And(left, right)
        | Node::Or(left, right)
        | Node::Alternative(left, right)
        | Node::Compare(_, left, right)
        | Node::Calculate(_, left, right) => all(&[left, right]),
        Node::Choose(condition, then, otherwise) => all(&[condition, then, otherwise]),
        Node::Object(members) => members.iter().all(|(_, node)| sees_only_message(node)),
        _ => false,
    }
}

impl Step {
    fn name<'i>(&'i self, message: &'i MessageView<'i>) -> Result<Cow<'i, str>, StepsAside> {
        match self {
            Self::Name(name) => Ok(name.into()),
            Self::Named(node) => match evaluate(node, &Item::Null, Some(message))? {
                Some(Item::Str(name)) => Ok(name),
                _ => Err(StepsAside),
            },
        }
    }
}

impl FoldEdit {
    /// What is to stand where the path leads; neither array nor object, so that nothing becomes deeper than it is.
    fn new_value(&self, made: &Val, message: &MessageView<'_>) -> Result<Val, StepsAside> {
        let mut around = made;
        for step in &self.path {
            let Val::Obj(map, _) = around else { return Err(StepsAside) };
            around = map.get(&step.name(message)?).ok_or(StepsAside)?;
        }
        let Val::Obj(map, _) = around else { return Err(StepsAside) };
        let old = Item::of_value(map.get(&self.last.name(message)?).unwrap_or(&Val::Null))?;
        let made_of = |node, input: &Item<'_>| -> Result<Val, StepsAside> {
            scalar(evaluate(node, input, Some(message))?.ok_or(StepsAside)?)
        };
        match &self.change {
            Change::Set(node) => made_of(node, &Item::Null),
            Change::Update(node) => made_of(node, &old),
            Change::Calculate(operator, node) => {
                let by = evaluate(node, &Item::Null, Some(message))?.ok_or(StepsAside)?;
                scalar(calculated(*operator, &old, &by)?)
            }
        }
    }

    /// Puts a value where the path leads.
    fn put(&self, made: &mut Val, message: &MessageView<'_>, new: Val) -> Result<(), StepsAside> {
        let mut around = made;
        for step in &self.path {
            let Val::Obj(map, _) = around else { return Err(StepsAside) };
            around = Rc::make_mut(map).get_mut(&step.name(message)?).ok_or(StepsAside)?;
        }
        let Val::Obj(map, _) = around else { return Err(StepsAside) };
        let (map, name) = (Rc::make_mut(map), self.last.name(message)?);
        match map.get_mut(&name) {
            Some(old) => *old = new,
            None => map.insert((&*name).into(), new),
        }
        Ok(())
    }
}

fn scalar(item: Item<'_>) -> Result<Val, StepsAside> {
    match item {
        Item::Array(_) | Item::Object(_) => Err(StepsAside),
        item => item.into_value(),
    }
}
