//! Administration, by version 3 of the API; what version 2 has, by that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{
    Acl, AclAdmin, AclFilter, Admin, AdminBase, Broker, BrokerAdmin, Cluster, CommittedOffset, ConfigAdmin,
    ConfigChange, ConfigEntry, ElectionAdmin, Error, ErrorKind, Group, GroupAdmin, GroupDescription, GroupMember,
    Isolation, Json, NewTopic, OffsetAdmin, Partition, Position, Result, Topic, TopicAdmin, TopicPartition, UserAdmin,
    Watermarks,
};
use reqwest::Method;

use crate::client::{Call, Client, JSON, end_of, plain};
use crate::offsets;

/// An admin client.
pub(crate) struct RestAdmin {
    client: Arc<Client>,
}

impl RestAdmin {
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    /// A call of version 3 about the cluster.
    fn ask(
        &self,
        (operation, method): (&'static str, Method),
        path: &[&str],
        body: Option<&Json>,
        deadline: Instant,
    ) -> Result<Json> {
        self.ask_with((operation, method), path, String::new(), body, deadline)
    }

    fn ask_with(
        &self,
        (operation, method): (&'static str, Method),
        path: &[&str],
        query: String,
        body: Option<&Json>,
        deadline: Instant,
    ) -> Result<Json> {
        let cluster = self.client.cluster(operation, deadline)?;
        let path: Vec<&str> = ["v3", "clusters", &cluster].into_iter().chain(path.iter().copied()).collect();
        let mut call = Call::new(operation, method, &path).of_type(JSON).query(query);
        if let Some(body) = body {
            call = call.json(body);
        }
        // What a path names is what it is about.
        for (kind, name) in path.iter().zip(path.iter().skip(1)) {
            match *kind {
                "topics" => call = call.about("topic", name),
                "consumer-groups" => call = call.about("group", name),
                "brokers" => call = call.about("broker", name),
                _ => {}
            }
        }
        self.client.ask(&call, deadline)
    }

    fn get(&self, operation: &'static str, path: &[&str], deadline: Instant) -> Result<Json> {
        self.ask((operation, Method::GET), path, None, deadline)
    }

    /// All elements of a list of version 3. Where a server gives out a part only, it says how the next one is asked for.
    fn list(&self, operation: &'static str, path: &[&str], mut query: String, deadline: Instant) -> Result<Vec<Json>> {
        let mut all = Vec::new();
        loop {
            let json = self.ask_with((operation, Method::GET), path, query.clone(), None, deadline)?;
            all.extend(json["data"].iter().cloned());
            // Of the link only the query counts: where the server is, and what is asked, is known better here.
            let next = json["metadata"]["next"].str().ok().and_then(|link| link.split_once('?'));
            match next.map(|(_, next)| format!("?{next}")) {
                Some(next) if next != query => query = next,
                _ => return Ok(all),
            }
        }
    }

    /// An error for what neither version of the API has a call for.
    fn lacks<T>(&self, operation: &'static str, timeout: Duration) -> Result<T> {
        let server = self.client.server(end_of(timeout))?.name;
        let server = server.as_deref().unwrap_or("this server");
        let why = format!("{server} cannot be asked for that, since the REST Proxy API has no call for it");
        Err(Error::new(ErrorKind::Unsupported, operation, why).with("storage", &self.client.name))
    }

    /// A topic with all that version 2 says of it.
    fn topic(&self, name: &str, deadline: Instant) -> Result<Topic> {
        let call = Call::get("describe topic", &["topics", name, "partitions"]).about("topic", name);
        let json = self.client.ask(&call, deadline)?;
        let partitions = self.client.each("describe topic", json.iter(), partition)?;
        Ok(Topic { name: name.into(), id: String::new(), internal: is_internal(name), partitions })
    }

    fn config(&self, path: &[&str], deadline: Instant) -> Result<Vec<ConfigEntry>> {
        let all = self.list("read settings", path, String::new(), deadline)?;
        let entry = |json: &Json| {
            let flag = |name: &str| json.get(name).is_some_and(|flag| flag.bool().is_ok_and(|flag| flag));
            let value = json.get("value").filter(|value| !value.is_null()).map(plain);
            Ok(ConfigEntry {
                name: json["name"].str()?.into(),
                value,
                default: flag("is_default"),
                read_only: flag("is_read_only"),
            })
        };
        self.client.each("read settings", &all, entry)
    }

    fn alter(&self, path: &[&str], changes: &[ConfigChange], deadline: Instant) -> Result<()> {
        let change = |change: &ConfigChange| {
            let operation = if change.value.is_some() { "SET" } else { "DELETE" };
            Json::object([
                ("name", Json::from(&change.name)),
                ("value", Json::from(change.value.clone())),
                ("operation", Json::from(operation)),
            ])
        };
        let body = Json::object([("data", Json::array(changes.iter().map(change)))]);
        self.ask(("change settings", Method::POST), path, Some(&body), deadline).map(drop)
    }
}

impl AdminBase for RestAdmin {
    fn storage_name(&self) -> &str {
        &self.client.name
    }
}

impl TopicAdmin for RestAdmin {
    /// All of them with the numbers of their partitions only; those that are named with leaders and replicas.
    fn topics(&mut self, names: &[String], timeout: Duration) -> Result<Vec<Topic>> {
        let deadline = end_of(timeout);
        if !names.is_empty() {
            let mut topics: Vec<Topic> = names.iter().map(|name| self.topic(name, deadline)).collect::<Result<_>>()?;
            topics.sort_by(|a, b| a.name.cmp(&b.name));
            return Ok(topics);
        }
        if self.client.server(deadline)?.cluster.is_none() {
            let all = self.client.ask(&Call::get("list topics", &["topics"]), deadline)?;
            return self.client.each("list topics", all.iter(), |name| self.topic(name.str()?, deadline));
        }
        let all = self.list("list topics", &["topics"], String::new(), deadline)?;
        let topic = |json: &Json| {
            let (count, replicas) = (json["partitions_count"].int()?, json["replication_factor"].int()?);
            // Which brokers have them is another question.
            let replicas = vec![-1; usize::try_from(replicas).unwrap_or_default()];
            let count = i32::try_from(count).unwrap_or_default();
            let partition = |partition| Partition {
                partition,
                leader: -1,
                replicas: replicas.clone(),
                in_sync: replicas.clone(),
                bytes: None,
            };
            let internal = json.get("is_internal").is_some_and(|flag| flag.bool().is_ok_and(|flag| flag));
            let partitions = (0..count).map(partition).collect();
            Ok(Topic { name: json["topic_name"].str()?.into(), id: String::new(), internal, partitions })
        };
        let mut topics = self.client.each("list topics", &all, topic)?;
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    fn create_topic(&mut self, topic: &NewTopic, timeout: Duration) -> Result<()> {
        let mut members = vec![("topic_name", Json::from(&topic.name))];
        members.extend(topic.partitions.map(|count| ("partitions_count", Json::from(count))));
        members.extend(topic.replication.map(|count| ("replication_factor", Json::from(count))));
        let setting =
            |(name, value): &(String, String)| Json::object([("name", Json::from(name)), ("value", Json::from(value))]);
        members.push(("configs", Json::array(topic.config.iter().map(setting))));
        let made = self.ask(("create topic", Method::POST), &["topics"], Some(&Json::object(members)), end_of(timeout));
        made.map(drop).map_err(|error| error.with("topic", &topic.name))
    }

    fn delete_topic(&mut self, name: &str, timeout: Duration) -> Result<()> {
        self.ask(("delete topic", Method::DELETE), &["topics", name], None, end_of(timeout)).map(drop)
    }

    fn create_partitions(&mut self, topic: &str, partitions: i32, timeout: Duration) -> Result<()> {
        let body = Json::object([("partitions_count", Json::from(partitions))]);
        self.ask(("create partitions", Method::PATCH), &["topics", topic], Some(&body), end_of(timeout)).map(drop)
    }
}

impl OffsetAdmin for RestAdmin {
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Watermarks>> {
        offsets::watermarks(&self.client, partitions, isolation, end_of(timeout))
    }

    fn offsets_for_times(&mut self, _times: &[Position], timeout: Duration) -> Result<Vec<Position>> {
        self.lacks("find offsets by time", timeout)
    }

    fn delete_records(&mut self, _before: &[Position], timeout: Duration) -> Result<Vec<Position>> {
        self.lacks("delete records", timeout)
    }
}

impl ConfigAdmin for RestAdmin {
    fn topic_config(&mut self, topic: &str, timeout: Duration) -> Result<Vec<ConfigEntry>> {
        self.config(&["topics", topic, "configs"], end_of(timeout))
    }

    fn alter_topic_config(&mut self, topic: &str, changes: &[ConfigChange], timeout: Duration) -> Result<()> {
        self.alter(&["topics", topic, "configs:alter"], changes, end_of(timeout))
    }
}

impl BrokerAdmin for RestAdmin {
    fn cluster(&mut self, timeout: Duration) -> Result<Cluster> {
        let deadline = end_of(timeout);
        let json = self.get("describe cluster", &[], deadline)?;
        // The link to the controller ends with its id.
        let controller =
            json["controller"]["related"].str().ok().and_then(|link| link.rsplit('/').next()?.parse().ok());
        let brokers = self.list("describe cluster", &["brokers"], String::new(), deadline)?;
        let broker = |json: &Json| {
            let text = |name: &str| json.get(name).and_then(|text| text.str().ok()).map(str::to_string);
            let port = json.get("port").and_then(|port| u16::try_from(port.int().ok()?).ok());
            let (id, host) = (small(&json["broker_id"])?, text("host").unwrap_or_default());
            Ok(Broker { id, host, port: port.unwrap_or_default(), rack: text("rack") })
        };
        let brokers = self.client.each("describe cluster", &brokers, broker)?;
        // What is behind `kafi serve` need not be a cluster, and is then one broker that is nowhere.
        if brokers.iter().all(|broker| broker.port == 0) {
            return Err(Error::unsupported(&self.client.name, "describe cluster"));
        }
        let id = json["cluster_id"].str().map_err(|error| self.client.unexpected("describe cluster", error))?;
        Ok(Cluster { id: id.into(), controller: controller.unwrap_or(-1), brokers })
    }

    fn broker_config(&mut self, broker: i32, timeout: Duration) -> Result<Vec<ConfigEntry>> {
        self.config(&["brokers", &broker.to_string(), "configs"], end_of(timeout))
    }

    fn alter_broker_config(&mut self, broker: i32, changes: &[ConfigChange], timeout: Duration) -> Result<()> {
        self.alter(&["brokers", &broker.to_string(), "configs:alter"], changes, end_of(timeout))
    }
}

/// What can be read of groups; the API changes none.
impl GroupAdmin for RestAdmin {
    fn groups(&mut self, timeout: Duration) -> Result<Vec<Group>> {
        let all = self.list("list groups", &["consumer-groups"], String::new(), end_of(timeout))?;
        let group = |json: &Json| Ok(Group::new(json["consumer_group_id"].str()?, state(json)));
        self.client.each("list groups", &all, group)
    }

    fn group(&mut self, group: &str, timeout: Duration) -> Result<GroupDescription> {
        let deadline = end_of(timeout);
        let json = self.get("describe group", &["consumer-groups", group], deadline)?;
        let path = ["consumer-groups", group, "consumers"];
        let members = self.list("describe group", &path, String::new(), deadline)?;
        let member = |json: &Json| {
            let id = json["consumer_id"].str()?;
            let path = ["consumer-groups", group, "consumers", id, "assignments"];
            let assigned = self.list("describe group", &path, String::new(), deadline)?;
            let partitions = self.client.each("describe group", &assigned, place)?;
            let client_id = json.get("client_id").map(plain).unwrap_or_default();
            Ok(GroupMember { id: id.into(), client_id, host: String::new(), partitions })
        };
        let members = self.client.each("describe group", &members, member)?;
        Ok(GroupDescription { name: group.into(), state: state(&json), members })
    }

    fn group_offsets(&mut self, group: &str, timeout: Duration) -> Result<Vec<CommittedOffset>> {
        let path = ["consumer-groups", group, "lags"];
        let all = self.list("read group offsets", &path, String::new(), end_of(timeout))?;
        let offset = |json: &Json| {
            let TopicPartition { topic, partition } = place(json)?;
            Ok(CommittedOffset::new(topic, partition, json["current_offset"].int()?))
        };
        self.client.each("read group offsets", &all, offset)
    }

    fn alter_group_offsets(&mut self, _group: &str, _offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        self.lacks("change group offsets", timeout)
    }

    fn delete_group_offsets(
        &mut self,
        _group: &str,
        _partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Result<()>>> {
        self.lacks("delete group offsets", timeout)
    }

    fn delete_group(&mut self, _group: &str, timeout: Duration) -> Result<()> {
        self.lacks("delete group", timeout)
    }
}

impl AclAdmin for RestAdmin {
    fn acls(&mut self, filter: &AclFilter, timeout: Duration) -> Result<Vec<Acl>> {
        let all = self.list("list ACLs", &["acls"], query(filter), end_of(timeout))?;
        self.client.each("list ACLs", &all, acl)
    }

    fn create_acls(&mut self, acls: &[Acl], timeout: Duration) -> Result<Vec<Result<()>>> {
        let deadline = end_of(timeout);
        if acls.len() > 1 {
            let body = Json::object([("data", Json::array(acls.iter().map(of_acl)))]);
            let all = self.ask(("create ACLs", Method::POST), &["acls:batch"], Some(&body), deadline);
            if all.is_ok() {
                return Ok(acls.iter().map(|_| Ok(())).collect());
            }
            // One that is refused, or a server that takes only one at a time: each says for itself what is wrong.
        }
        let create =
            |acl: &Acl| self.ask(("create ACLs", Method::POST), &["acls"], Some(&of_acl(acl)), deadline).map(drop);
        none_is_unsupported(acls.iter().map(create).collect())
    }

    fn delete_acls(&mut self, filters: &[AclFilter], timeout: Duration) -> Result<Vec<Result<Vec<Acl>>>> {
        let deadline = end_of(timeout);
        let delete = |filter: &AclFilter| {
            let json = self.ask_with(("delete ACLs", Method::DELETE), &["acls"], query(filter), None, deadline)?;
            self.client.each("delete ACLs", json["data"].iter(), acl)
        };
        none_is_unsupported(filters.iter().map(delete).collect())
    }
}

impl UserAdmin for RestAdmin {}

impl ElectionAdmin for RestAdmin {}

impl Admin for RestAdmin {
    /// `server` says which server it is, and which versions of the API it has.
    fn operation(&mut self, operation: &str, _argument: &str, timeout: Duration) -> Result<String> {
        if operation != "server" {
            let error = Error::unsupported(&self.client.name, operation.to_string());
            return Err(error);
        }
        let server = self.client.server(end_of(timeout))?;
        let api = if server.cluster.is_some() { "REST Proxy v2 and v3" } else { "REST Proxy v2" };
        let name = server.name.map_or(Json::null(), Json::from);
        Ok(Json::object([("api", Json::from(api)), ("server", name)]).to_string())
    }
}

/// Where the server has no rules of access, that concerns all of them.
fn none_is_unsupported<T>(answers: Vec<Result<T>>) -> Result<Vec<Result<T>>> {
    let is_missing = |answer: &Result<T>| answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unsupported);
    let (mut missing, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(is_missing);
    match missing.pop() {
        Some(Err(error)) => Err(error),
        _ => Ok(others),
    }
}

fn partition(json: &Json) -> Result<Partition> {
    let replicas: Vec<&Json> = json["replicas"].iter().collect();
    let brokers = |of: fn(&Json) -> bool| {
        replicas
            .iter()
            .filter(|replica| of(replica))
            .map(|replica| small(&replica["broker"]))
            .collect::<Result<Vec<i32>>>()
    };
    Ok(Partition {
        partition: small(&json["partition"])?,
        leader: small(&json["leader"])?,
        replicas: brokers(|_| true)?,
        in_sync: brokers(|replica| replica["in_sync"].bool().is_ok_and(|flag| flag))?,
        bytes: None,
    })
}

fn place(json: &Json) -> Result<TopicPartition> {
    Ok(TopicPartition { topic: json["topic_name"].str()?.into(), partition: small(&json["partition_id"])? })
}

/// `PREPARING_REBALANCE` as Kafka's tools write it.
fn state(json: &Json) -> String {
    let text = json.get("state").map(plain).unwrap_or_default();
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{first}{}", rest.to_ascii_lowercase())
    };
    text.split('_').map(word).collect()
}

fn small(json: &Json) -> Result<i32> {
    let number = json.int()?;
    i32::try_from(number).map_err(|_| {
        Error::new(ErrorKind::Corrupt, "read answer", format!("{number} is neither a partition nor a broker"))
    })
}

fn is_internal(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

/// A word as the API has it.
fn word(text: impl ToString) -> String {
    text.to_string().to_ascii_uppercase().replace('-', "_")
}

fn query(filter: &AclFilter) -> String {
    let any = || "ANY".to_string();
    let mut query = format!(
        "?resource_type={}&pattern_type={}&operation={}&permission={}",
        filter.resource.map_or_else(any, word),
        filter.pattern.map_or_else(any, word),
        filter.operation.map_or_else(any, word),
        filter.permission.map_or_else(any, word),
    );
    for (name, text) in [("resource_name", &filter.name), ("principal", &filter.principal), ("host", &filter.host)] {
        if let Some(text) = text {
            query.push_str(&format!("&{name}="));
            crate::client::encode(text, &mut query);
        }
    }
    query
}

fn of_acl(acl: &Acl) -> Json {
    Json::object([
        ("resource_type", Json::from(word(acl.resource))),
        ("resource_name", Json::from(&acl.name)),
        ("pattern_type", Json::from(word(acl.pattern))),
        ("principal", Json::from(&acl.principal)),
        ("host", Json::from(&acl.host)),
        ("operation", Json::from(word(acl.operation))),
        ("permission", Json::from(word(acl.permission))),
    ])
}

fn acl(json: &Json) -> Result<Acl> {
    Ok(Acl {
        resource: json["resource_type"].str()?.parse()?,
        name: json["resource_name"].str()?.into(),
        pattern: json["pattern_type"].str()?.parse()?,
        principal: json["principal"].str()?.into(),
        host: json["host"].str()?.into(),
        operation: json["operation"].str()?.parse()?,
        permission: json["permission"].str()?.parse()?,
    })
}
