//! Groups of consumers, and how far behind they are.

use kafi_core::{
    CommittedOffset, ErrorKind, GroupDescription, GroupMember, Isolation, Json, Result as CoreResult, TopicPartition,
};

use crate::answer::{Answered, Asked};
use crate::failure::{Failure, Refusal};
use crate::rest::v3::V3;
use crate::rest::v3::listing::Place;

/// How far behind a group is in a partition, and who of it reads that.
struct Lag {
    committed: CommittedOffset,
    end: i64,
    member: Option<GroupMember>,
}

impl Lag {
    fn number(&self) -> i64 {
        (self.end - self.committed.offset).max(0)
    }
}

pub fn list(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let groups = api.0.pools.admin(|admin| admin.groups(api.0.timeout()))?;
    let all =
        groups.iter().filter(|group| group.is_of_consumers()).map(|group| of_group(&place, &group.name, &group.state));
    Ok(place.list("KafkaConsumerGroupList", &["consumer-groups"], all).into())
}

pub fn describe(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let group = find(api, asked.param("group"))?;
    Ok(of_group(&place, &group.name, &group.state).into())
}

pub fn consumers(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let group = find(api, asked.param("group"))?;
    let all = group.members.iter().map(|member| of_member(&place, &group.name, member));
    Ok(place.list("KafkaConsumerList", &["consumer-groups", &group.name, "consumers"], all).into())
}

pub fn consumer(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let group = find(api, asked.param("group"))?;
    Ok(of_member(&place, &group.name, member(&group, asked)?).into())
}

pub fn assignments(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let group = find(api, asked.param("group"))?;
    let member = member(&group, asked)?;
    let path = ["consumer-groups", &*group.name, "consumers", &*member.id, "assignments"];
    let all = member.partitions.iter().map(|partition| of_assignment(&place, &group.name, member, partition));
    Ok(place.list("KafkaConsumerAssignmentList", &path, all).into())
}

pub fn assignment(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let group = find(api, asked.param("group"))?;
    let member = member(&group, asked)?;
    let number = asked.param("partition").parse().ok();
    let is_it = |place: &&TopicPartition| place.topic == asked.param("topic") && Some(place.partition) == number;
    let found = member.partitions.iter().find(is_it);
    let partition = found.ok_or_else(|| Refusal::of_status(404, "Consumer assignment cannot be found."))?;
    Ok(of_assignment(&place, &group.name, member, partition).into())
}

pub fn lags(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let name = asked.param("group");
    let lags = read_lags(api, name)?;
    let all = lags.iter().map(|lag| of_lag(&place, name, lag));
    Ok(place.list("KafkaConsumerLagList", &["consumer-groups", name, "lags"], all).into())
}

pub fn lag(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let name = asked.param("group");
    let partition = asked.param("partition").parse().ok();
    let is_it = |lag: &&Lag| lag.committed.topic == asked.param("topic") && Some(lag.committed.partition) == partition;
    let lags = read_lags(api, name)?;
    let lag = lags.iter().find(is_it).ok_or_else(|| Refusal::of_status(404, "Consumer lag cannot be found."))?;
    Ok(of_lag(&place, name, lag).into())
}

pub fn lag_summary(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let name = asked.param("group");
    let lags = read_lags(api, name)?;
    let nothing = || Refusal::of_status(404, "The group has committed nothing.");
    let largest = lags.iter().max_by_key(|lag| lag.number()).ok_or_else(nothing)?;
    let (id, client, instance) = of_who(largest);
    let (topic, number) = (&*largest.committed.topic, largest.committed.partition.to_string());
    let consumers = ["consumer-groups", name, "consumers"];
    let consumer = match &largest.member {
        Some(member) => place.related(&[&consumers[..], &[&member.id]].concat()),
        None => place.related(&consumers),
    };
    let members = [
        ("consumer_group_id", Json::from(name)),
        ("max_lag_consumer_id", id),
        ("max_lag_instance_id", instance),
        ("max_lag_client_id", client),
        ("max_lag_topic_name", Json::from(topic)),
        ("max_lag_partition_id", Json::from(largest.committed.partition)),
        ("max_lag", Json::from(largest.number())),
        ("total_lag", Json::from(lags.iter().map(Lag::number).sum::<i64>())),
        ("max_lag_consumer", consumer),
        ("max_lag_partition", place.related(&["topics", topic, "partitions", &number])),
    ];
    Ok(place.resource("KafkaConsumerGroupLagSummary", &["consumer-groups", name, "lag-summary"], members).into())
}

fn read_lags(V3(rest): &V3, name: &str) -> Result<Vec<Lag>, Failure> {
    let timeout = rest.timeout();
    let lags = rest.pools.admin(|admin| {
        let group = admin.group(name, timeout)?;
        let committed = admin.group_offsets(name, timeout)?;
        let place =
            |offset: &CommittedOffset| TopicPartition { topic: offset.topic.clone(), partition: offset.partition };
        let places: Vec<TopicPartition> = committed.iter().map(place).collect();
        let marks = admin.watermarks_of_each(&places, Isolation::ReadCommitted, timeout)?;
        // What was deleted meanwhile has no lag.
        let lags = committed.into_iter().zip(places).zip(marks).filter_map(|((committed, place), mark)| {
            let reads = |member: &&GroupMember| member.partitions.contains(&place);
            Some(Lag { end: mark.ok()?.high, member: group.members.iter().find(reads).cloned(), committed })
        });
        CoreResult::Ok(lags.collect())
    });
    lags.map_err(missing)
}

fn find(V3(rest): &V3, name: &str) -> Result<GroupDescription, Failure> {
    rest.pools.admin(|admin| admin.group(name, rest.timeout())).map_err(missing)
}

fn missing(error: kafi_core::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => Refusal::of_status(404, "Consumer Group cannot be found.").into(),
        _ => error.into(),
    }
}

fn member<'a>(group: &'a GroupDescription, asked: &Asked) -> Result<&'a GroupMember, Refusal> {
    let found = group.members.iter().find(|member| member.id == asked.param("consumer"));
    found.ok_or_else(|| Refusal::of_status(404, "Consumer cannot be found."))
}

fn of_group(place: &Place, name: &str, state: &str) -> Json {
    let words: String = state
        .chars()
        .flat_map(|c| (c.is_ascii_uppercase()).then_some('_').into_iter().chain([c.to_ascii_uppercase()]))
        .collect();
    let state = words.trim_start_matches('_').replace([' ', '-'], "_");
    let members = [
        ("consumer_group_id", Json::from(name)),
        ("is_simple", Json::from(false)),
        ("partition_assignor", Json::from("")),
        ("state", Json::from(state)),
        ("coordinator", place.related(&["brokers"])),
        // The documentation has it by both names.
        ("consumer", place.related(&["consumer-groups", name, "consumers"])),
        ("consumers", place.related(&["consumer-groups", name, "consumers"])),
        ("lag_summary", place.related(&["consumer-groups", name, "lag-summary"])),
    ];
    place.resource("KafkaConsumerGroup", &["consumer-groups", name], members)
}

fn of_member(place: &Place, group: &str, member: &GroupMember) -> Json {
    let path = ["consumer-groups", group, "consumers", &*member.id];
    let members = [
        ("consumer_group_id", Json::from(group)),
        ("consumer_id", Json::from(&member.id)),
        ("instance_id", Json::null()),
        ("client_id", Json::from(&member.client_id)),
        ("assignments", place.related(&["consumer-groups", group, "consumers", &member.id, "assignments"])),
    ];
    place.resource("KafkaConsumer", &path, members)
}

fn of_assignment(place: &Place, group: &str, member: &GroupMember, partition: &TopicPartition) -> Json {
    let (topic, number) = (&*partition.topic, partition.partition.to_string());
    let path = ["consumer-groups", group, "consumers", &*member.id, "assignments", topic, "partitions", &*number];
    let members = [
        ("consumer_group_id", Json::from(group)),
        ("consumer_id", Json::from(&member.id)),
        ("topic_name", Json::from(topic)),
        ("partition_id", Json::from(partition.partition)),
        ("partition", place.related(&["topics", topic, "partitions", &number])),
        ("lag", place.related(&["consumer-groups", group, "lags", topic, "partitions", &number])),
    ];
    place.resource("KafkaConsumerAssignment", &path, members)
}

fn of_lag(place: &Place, group: &str, lag: &Lag) -> Json {
    let number = lag.committed.partition.to_string();
    let path = ["consumer-groups", group, "lags", &*lag.committed.topic, "partitions", &*number];
    let (id, client, instance) = of_who(lag);
    let members = [
        ("consumer_group_id", Json::from(group)),
        ("topic_name", Json::from(&lag.committed.topic)),
        ("partition_id", Json::from(lag.committed.partition)),
        ("consumer_id", id),
        ("instance_id", instance),
        ("client_id", client),
        ("current_offset", Json::from(lag.committed.offset)),
        ("log_end_offset", Json::from(lag.end)),
        ("lag", Json::from(lag.number())),
    ];
    place.resource("KafkaConsumerLag", &path, members)
}

/// The consumer's id, its client's, and that of its instance.
fn of_who(lag: &Lag) -> (Json, Json, Json) {
    let text = |of: fn(&GroupMember) -> &String| Json::from(lag.member.as_ref().map_or("", |member| of(member)));
    (text(|member| &member.id), text(|member| &member.client_id), Json::null())
}
