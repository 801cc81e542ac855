//! Rules on the command line: which are meant, how they are shown, and how they are read again.

use std::io::{self, BufRead, IsTerminal};
use std::str::FromStr;

use clap::Args;
use kafi::{
    Acl, AclFilter, AclOperation, AclPattern, AclPermission, AclResource, Address, Error, ErrorKind, Json, Kafi,
    Result, StorageAddress, default_storage,
};

use crate::context::Context;
use crate::output::{Cell, Table};

/// The columns of a table of rules, and the members of its JSON documents, which [`read`] reads.
pub const COLUMNS: [&str; 7] = ["resource", "name", "pattern", "principal", "host", "operation", "permission"];

/// What the name of a cluster as a resource is.
const CLUSTER: &str = "kafka-cluster";

/// No line of stdin is longer.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Which rules.
#[derive(Args)]
pub struct RuleArgs {
    /// Who, such as User:alice or User:*; repeatable
    #[arg(long, value_name = "PRINCIPAL")]
    principal: Vec<String>,
    /// What it is about: topic, group, cluster, transactional-id
    #[arg(long, value_name = "KIND", value_parser = word::<AclResource>)]
    resource: Option<AclResource>,
    /// Its name, or the beginning of its name with --pattern prefixed; repeatable
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// How it is named: literal, prefixed; to list and to delete also match (all that concern this name)
    #[arg(long, value_name = "KIND", value_parser = word::<AclPattern>)]
    pattern: Option<AclPattern>,
    /// What is done: read, write, create, delete, alter, describe, describe-configs, alter-configs, …, all; repeatable
    #[arg(long, value_name = "OPERATION", value_parser = word::<AclOperation>)]
    operation: Vec<AclOperation>,
    /// From where, as an address; * is everywhere
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Whether it is allowed: allow, deny
    #[arg(long, value_name = "KIND", value_parser = word::<AclPermission>)]
    permission: Option<AclPermission>,
}

impl RuleArgs {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.filters() == [AclFilter::default()]
    }

    /// The filters that were meant: one for each combination of what was said several times.
    pub fn filters(&self) -> Vec<AclFilter> {
        let base = AclFilter {
            resource: self.resource,
            pattern: self.pattern,
            host: self.host.clone(),
            permission: self.permission,
            ..AclFilter::default()
        };
        let mut filters = Vec::new();
        for principal in each(&self.principal) {
            for name in each(&self.name) {
                for operation in each(&self.operation) {
                    let (principal, name) = (principal.cloned(), name.cloned());
                    filters.push(AclFilter { principal, name, operation: operation.copied(), ..base.clone() });
                }
            }
        }
        filters
    }

    /// The rules that are to be made: one for each combination.
    ///
    /// # Errors
    /// `Usage` for what is missing.
    pub fn rules(&self) -> Result<Vec<Acl>> {
        let missing = |what: &str, hint: &str| {
            Error::new(ErrorKind::Usage, "create ACLs", format!("a rule says {what}")).hint(hint.to_string())
        };
        let rule = |filter: AclFilter| {
            let resource = filter
                .resource
                .ok_or_else(|| missing("what it is about", "--resource topic, group, cluster, or transactional-id"))?;
            let of_cluster = (resource == AclResource::Cluster).then(|| CLUSTER.to_string());
            let name = filter.name.or(of_cluster);
            Ok(Acl {
                resource,
                name: name.ok_or_else(|| missing("what it is about", "--name names it; '*' is all"))?,
                pattern: filter.pattern.unwrap_or(AclPattern::Literal),
                principal: filter.principal.ok_or_else(|| missing("who", "--principal User:alice"))?,
                host: filter.host.unwrap_or_else(|| "*".to_string()),
                operation: filter
                    .operation
                    .ok_or_else(|| missing("what is done", "--operation read, write, describe, …"))?,
                permission: filter.permission.unwrap_or(AclPermission::Allow),
            })
        };
        self.filters().into_iter().map(rule).collect()
    }
}

/// Each of what was said, or once nothing.
fn each<T>(said: &[T]) -> Vec<Option<&T>> {
    if said.is_empty() { vec![None] } else { said.iter().map(Some).collect() }
}

/// Reads one of Kafka's words.
fn word<T: FromStr<Err = Error>>(text: &str) -> std::result::Result<T, String> {
    text.parse().map_err(|error: Error| format!("{}: {}", error.message(), error.hint_text().unwrap_or_default()))
}

/// Opens the storage of an address, or the default one.
pub fn open(context: &Context, address: Option<&str>) -> Result<(Kafi, StorageAddress)> {
    let storage = address.map_or_else(default_storage, Address::parse_storage)?;
    Ok((context.registry.open_address(&storage)?, storage))
}

/// The cells of a rule.
pub fn cells(acl: &Acl) -> [Cell; 7] {
    let Acl { resource, name, pattern, principal, host, operation, permission } = acl;
    [
        Cell::Text(resource.to_string()),
        Cell::Text(name.clone()),
        Cell::Text(pattern.to_string()),
        Cell::Text(principal.clone()),
        Cell::Text(host.clone()),
        Cell::Text(operation.to_string()),
        Cell::Text(permission.to_string()),
    ]
}

/// A table of what is to become of rules.
pub fn plan_table() -> Table {
    let columns: Vec<&'static str> = ["change"].into_iter().chain(COLUMNS).collect();
    Table::of_storages(false, &columns)
}

/// The cells of what is to become of a rule.
pub fn change(what: &str, acl: &Acl) -> impl Iterator<Item = Cell> + use<> {
    [Cell::Text(what.to_string())].into_iter().chain(cells(acl))
}

/// The rules on stdin, as `acl ls --json` prints them, a document a line.
///
/// # Errors
/// `Usage` where nothing is given, and for a line that is no rule, with its number.
pub fn read(operation: &'static str) -> Result<Vec<Acl>> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let error = Error::new(ErrorKind::Usage, operation, "no rule was given");
        return Err(error.hint("kafi acl ls --json prints rules that --json reads"));
    }
    let (mut input, mut acls, mut number) = (stdin.lock(), Vec::new(), 0);
    loop {
        let mut line = String::new();
        let read = io::Read::take(&mut input, LINE_BYTES_MAX).read_line(&mut line);
        if read.map_err(|error| Error::io("read stdin", error))? == 0 {
            return Ok(acls);
        }
        number += 1;
        if !line.trim().is_empty() {
            acls.push(rule_of(operation, &line).map_err(|error| error.with("line", number))?);
        }
    }
}

fn rule_of(operation: &'static str, line: &str) -> Result<Acl> {
    let bad = |why: String| Error::new(ErrorKind::Usage, operation, why);
    let json = Json::parse(line.trim()).map_err(|error| bad(format!("it is not JSON: {}", error.message())))?;
    let text = |name: &'static str| {
        let found = json.get(name).and_then(|value| value.str().ok().map(ToString::to_string));
        found.ok_or_else(|| bad(format!("a rule has a text {name}")))
    };
    Ok(Acl {
        resource: text("resource")?.parse()?,
        name: text("name")?,
        pattern: text("pattern")?.parse()?,
        principal: text("principal")?,
        host: text("host")?,
        operation: text("operation")?.parse()?,
        permission: text("permission")?.parse()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_several_times_is_combined() {
        let args = RuleArgs {
            principal: vec!["User:a".into(), "User:b".into()],
            resource: Some(AclResource::Topic),
            name: vec!["t".into()],
            pattern: None,
            operation: vec![AclOperation::Read, AclOperation::Describe],
            host: None,
            permission: None,
        };
        let rules: Vec<String> = args.rules().expect("nothing is missing").iter().map(Acl::to_string).collect();
        assert_eq!(
            rules,
            [
                "allow User:a to read topic t",
                "allow User:a to describe topic t",
                "allow User:b to read topic t",
                "allow User:b to describe topic t"
            ]
        );
    }

    #[test]
    fn rules_are_read_as_they_are_printed() {
        let line = r#"{"storage":"k","resource":"group","name":"g-","pattern":"prefixed","principal":"User:a","host":"*","operation":"all","permission":"deny"}"#;
        let acl = rule_of("create ACLs", line).expect("it is a rule");
        assert_eq!(acl.to_string(), "deny User:a to all group g-…");
        for bad in ["", "[]", "{}", r#"{"resource":"topic"}"#] {
            assert_eq!(rule_of("create ACLs", bad).expect_err("it is none").kind(), ErrorKind::Usage, "{bad}");
        }
    }
}
