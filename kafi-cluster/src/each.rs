//! Offsets of many partitions, each with an answer of its own, so that one whose leader cannot be reached hides no
//! other.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Isolation, Result, Retry, TopicPartition};

use crate::error::{self, broker};
use crate::ffi::{Client, Deadline, OffsetAnswer, TopicAnswer};
use crate::offsets::{EARLIEST, Found, Offsets, PendingEnds, led_by_nobody, no_such_partition};
use crate::retry::is_for_later;

/// How long all partitions together have before those of each leader are asked for by themselves, and how often it is
/// then looked whether they have other leaders by now.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The same, at first, where partitions wait to be asked for; twice as long each time.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How long a leader is asked for at a time whose connection has failed. For as long as a request waits for a broker,
/// librdkafka 2.12.1 connects to it again and again without a pause (`rd_kafka_broker_get_async`).
const BURST: Duration = Duration::from_millis(250);

/// How long leaders are waited for after others have answered, at most, and no longer than half of the time that there
/// is, so that something is left for the next question.
const OTHERS_MAX: Duration = Duration::from_secs(10);

/// How long one look at the answers lasts.
const SLICE: Duration = Duration::from_millis(20);

/// What is asked about a partition beside its end: a time, or the start in place of one.
pub(crate) type Question = (TopicPartition, i64);

/// The offset that was asked for, negative where there is none, and the end.
pub(crate) type Answer = (i64, i64);

/// What leads a partition: the number, and where clients reach it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Leader {
    id: i32,
    address: String,
}

/// Some of the partitions, which are asked for together.
struct Share {
    /// Who leads them, where that is known.
    leader: Option<Leader>,
    questions: Vec<usize>,
    pending: PendingEnds,
}

/// The questions, and what is known of each.
struct Each<'a> {
    offsets: &'a Offsets<'a>,
    isolation: Isolation,
    asked: &'a [Question],
    answers: Vec<Option<Result<Answer>>>,
    /// Why there is no answer yet.
    whys: HashMap<usize, Error>,
    /// Whose leaders were asked last, and have said nothing.
    silent: HashMap<usize, Leader>,
    shares: Vec<Share>,
    /// How long those that are silent are waited for, and how long at most once others have answered.
    patience: Deadline,
    others_max: Duration,
}

impl Offsets<'_> {
    /// What was asked about each of these partitions, in their order. Waits for silent leaders up to the deadline, but
    /// not for long once others have answered.
    pub(crate) fn each(&self, asked: &[Question], isolation: Isolation) -> Result<Vec<Result<Answer>>> {
        let mut answers: Vec<Option<Result<Answer>>> = Vec::with_capacity(asked.len());
        answers.extend(asked.iter().map(|(partition, _)| {
            (partition.partition < 0).then(|| Err(no_such_partition(self.operation, partition)))
        }));
        let questions = (0..asked.len()).filter(|index| answers[*index].is_none()).collect();
        let mut each = Each {
            offsets: self,
            isolation,
            asked,
            answers,
            whys: HashMap::new(),
            silent: HashMap::new(),
            shares: Vec::new(),
            patience: self.deadline,
            others_max: OTHERS_MAX.min(self.deadline.left() / 2),
        };
        each.start(None, questions)?;
        each.wait()?;
        Ok(each.into_answers())
    }

    /// Why a leader of one of these partitions cannot be reached, if that is so: nobody knows for how long.
    pub(crate) fn out_of_reach(&self, partitions: &[TopicPartition]) -> Option<Error> {
        let asked: Vec<Question> = partitions.iter().map(|partition| (partition.clone(), EARLIEST)).collect();
        let is_so =
            |error: &Error| error.kind() == ErrorKind::Unavailable && error.context().any(|(key, _)| key == "broker");
        match self.each(&asked, Isolation::ReadUncommitted) {
            Ok(answers) => answers.into_iter().filter_map(Result::err).find(is_so),
            Err(error) => Some(error).filter(is_so),
        }
    }
}

impl Each<'_> {
    fn client(&self) -> &Client {
        self.offsets.client
    }

    /// Asks about partitions that one broker leads. One that is asked about several times needs several requests.
    fn start(&mut self, leader: Option<Leader>, questions: Vec<usize>) -> Result<()> {
        let mut left = questions;
        let time = match &leader {
            // Those of all leaders are not waited for any longer.
            None => LOOK_EVERY,
            Some(leader) if self.client().health().trouble_with(&leader.address).is_some() => BURST,
            // librdkafka is not to give up first.
            Some(_) => self.patience.left() + LOOK_EVERY,
        };
        let deadline = Deadline::after(time);
        let offsets = Offsets { deadline, ..*self.offsets };
        while !left.is_empty() {
            let mut seen = HashSet::new();
            let (now, later): (Vec<usize>, Vec<usize>) =
                left.into_iter().partition(|index| seen.insert(&self.asked[*index].0));
            let pending = offsets
                .start_both(now.iter().map(|index| (&self.asked[*index].0, self.asked[*index].1)), self.isolation)?;
            self.shares.push(Share { leader: leader.clone(), questions: now, pending });
            left = later;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let begun = Instant::now();
        let (mut looked, mut pause) = (begun, LOOK_AGAIN);
        loop {
            self.take(self.patience.at_most(SLICE));
            if self.answers.iter().all(Option::is_some) || self.patience.is_over() {
                return Ok(());
            }
            self.client().note_events();
            // Where nobody answers at all, that is known before the time is over.
            if let Some(error) = self.client().health().verdict(self.offsets.operation, begun) {
                return if self.has_answer() { Ok(()) } else { Err(error) };
            }
            let is_waiting = self.is_waiting();
            if looked.elapsed() >= if is_waiting { pause } else { LOOK_EVERY } {
                self.ask_leaders()?;
                looked = Instant::now();
                pause = if is_waiting { LOOK_EVERY.min(pause * 2) } else { pause };
            }
        }
    }

    fn has_answer(&self) -> bool {
        self.answers.iter().any(Option::is_some)
    }

    /// Whether a partition without an answer is not asked for right now.
    fn is_waiting(&self) -> bool {
        let asked: usize = self.shares.iter().map(|share| share.questions.len()).sum();
        asked < self.answers.iter().filter(|answer| answer.is_none()).count()
    }

    /// Takes the answers that are there; waits so long for the first.
    fn take(&mut self, slice: Deadline) {
        let mut timeout_ms = slice.left_ms(i32::MAX);
        if self.shares.is_empty() {
            std::thread::sleep(slice.left());
        }
        for mut share in std::mem::take(&mut self.shares) {
            match share.pending.take_both(self.client(), self.offsets.operation, timeout_ms) {
                Ok(None) => self.shares.push(share),
                Ok(Some((found, ends))) => self.note(&share, &found, &ends),
                Err(error) => share.questions.iter().for_each(|index| self.fail(*index, error_again(&error))),
            }
            timeout_ms = 0;
        }
    }

    fn note(&mut self, share: &Share, found: &[OffsetAnswer], ends: &[OffsetAnswer]) {
        let (found, ends) = (Found::new(self.offsets.operation, found), Found::new(self.offsets.operation, ends));
        for &index in &share.questions {
            let (partition, question) = &self.asked[index];
            let offset = if *question < 0 { found.end_of(partition) } else { found.of(partition) };
            match offset.and_then(|offset| Ok((offset, ends.end_of(partition)?))) {
                Ok(answer) => {
                    self.answers[index] = Some(Ok(answer));
                    self.patience = self.patience.at_most(self.others_max);
                }
                Err(error) => {
                    let silent =
                        share.leader.clone().filter(|_| error::code_of(&error) == Some(broker::LEADER_NOT_AVAILABLE));
                    match silent {
                        Some(leader) => drop(self.silent.insert(index, leader)),
                        None => drop(self.silent.remove(&index)),
                    }
                    self.fail(index, error);
                }
            }
        }
    }

    /// Takes note of a failure, which is the answer unless it passes. What nobody leads, or is missing, is found out
    /// with the leaders.
    fn fail(&mut self, index: usize, error: Error) {
        if is_for_later(&error) || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Timeout) {
            self.whys.insert(index, error);
        } else {
            self.answers[index] = Some(Err(placed(error, &self.asked[index].0)));
        }
    }

    /// Asks the leader of each partition that has no answer, unless it was asked already.
    fn ask_leaders(&mut self) -> Result<()> {
        let operation = self.offsets.operation;
        let missing: Vec<usize> = (0..self.asked.len()).filter(|index| self.answers[*index].is_none()).collect();
        let topics: BTreeSet<&str> = missing.iter().map(|index| self.asked[*index].0.topic.as_str()).collect();
        let topics: Vec<&str> = topics.into_iter().collect();
        let described = self.client().describe_topics_once(operation, &topics, self.patience).and_then(|topics| {
            let brokers = self.client().describe_cluster(operation, self.patience)?.brokers;
            Ok((
                topics,
                brokers
                    .into_iter()
                    .map(|broker| (broker.id, format!("{}:{}", broker.host, broker.port)))
                    .collect::<HashMap<i32, String>>(),
            ))
        });
        let (described, addresses) = match described {
            // It is asked again, for as long as there is time.
            Err(error) if is_for_later(&error) || self.has_answer() => {
                log::info!("who leads is not known right now: {error}");
                return Ok(());
            }
            described => described?,
        };
        let mut by_leader: BTreeMap<Leader, Vec<usize>> = BTreeMap::new();
        for index in missing {
            match self.leader_of(&described, &self.asked[index].0) {
                Ok(id) if id >= 0 => by_leader
                    .entry(Leader { id, address: addresses.get(&id).cloned().unwrap_or_default() })
                    .or_default()
                    .push(index),
                Ok(_) => drop(self.whys.insert(index, placed(led_by_nobody(operation), &self.asked[index].0))),
                Err(error) if error::code_of(&error).is_some_and(error::says_later) => {
                    drop(self.whys.insert(index, error))
                }
                Err(error) => self.answers[index] = Some(Err(error)),
            }
        }
        // Whoever was asked and still leads the same is waited for.
        self.shares.retain_mut(|share| {
            let led = share.leader.as_ref().and_then(|leader| by_leader.get_mut(leader));
            let is_led = led.as_ref().is_some_and(|led| share.questions.iter().all(|index| led.contains(index)));
            if let Some(led) = led.filter(|_| is_led) {
                led.retain(|index| !share.questions.contains(index));
            }
            is_led
        });
        for (leader, questions) in by_leader {
            self.start(Some(leader), questions)?;
        }
        Ok(())
    }

    fn into_answers(mut self) -> Vec<Result<Answer>> {
        for share in &self.shares {
            self.silent.extend(share.questions.iter().filter_map(|index| Some((*index, share.leader.clone()?))));
        }
        let mut answers = Vec::with_capacity(self.asked.len());
        for (index, answer) in std::mem::take(&mut self.answers).into_iter().enumerate() {
            answers.push(answer.unwrap_or_else(|| Err(self.no_answer(index))));
        }
        answers
    }

    /// Why there is no answer about a partition.
    fn no_answer(&mut self, index: usize) -> Error {
        let (operation, partition) = (self.offsets.operation, &self.asked[index].0);
        let Some(Leader { id, address }) = self.silent.remove(&index) else {
            return placed(self.whys.remove(&index).unwrap_or_else(|| error::timed_out(operation)), partition);
        };
        let (kind, why) = match self.offsets.client.health().trouble_with(&address) {
            Some(why) => (ErrorKind::Unavailable, format!("its leader cannot be reached: {why}")),
            None => (ErrorKind::Timeout, "its leader does not answer".to_string()),
        };
        placed(Error::new(kind, operation, why).retry(Retry::Later), partition)
            .with("broker", format_args!("{id} ({address})"))
    }

    /// The number of the leader; negative where there is none.
    fn leader_of(&self, described: &[TopicAnswer], partition: &TopicPartition) -> Result<i32> {
        let (operation, TopicPartition { topic, partition }) = (self.offsets.operation, partition);
        let Some(answer) = described.iter().find(|answer| answer.name == *topic) else { return Ok(-1) };
        match answer.error {
            0 => {}
            broker::UNKNOWN_TOPIC_OR_PARTITION if self.client().made().is_new(topic) => return Ok(-1),
            broker::UNKNOWN_TOPIC_OR_PARTITION => return Err(error::no_topic(operation, topic)),
            code => return Err(error::from_code(operation, code).with("topic", topic)),
        }
        let known = answer.partitions.iter().find(|known| known.partition == *partition);
        known
            .map(|known| known.leader)
            .ok_or_else(|| error::no_partition(operation, topic, *partition, answer.partitions.len() as i32))
    }
}

/// The error with the partition that it is about, unless it says that already.
fn placed(error: Error, partition: &TopicPartition) -> Error {
    if error.context().any(|(key, _)| key == "topic") {
        return error;
    }
    error.with("topic", &partition.topic).with("partition", partition.partition)
}

/// The same error once more, for another partition.
fn error_again(error: &Error) -> Error {
    let again = error.duplicate();
    match error::code_of(error) {
        Some(code) => error::with_code(again, code),
        None => again,
    }
}
