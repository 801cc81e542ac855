//! Which message of which token a delivery report is about, without memory per message.

use std::collections::HashMap;
use std::sync::Arc;

use kafi_core::{Delivery, Error, Record, Report};

/// The bits of the number that goes along with a message: a slot, whether librdkafka chooses the partition, and the
/// ordinal; or then, since ordinals are counted at delivery, the index among all messages of the token.
const ORDINAL_BITS: u32 = 40;
const CHOSEN: u64 = 1 << (ORDINAL_BITS - 1);
const ORDINAL_MAX: u64 = CHOSEN - 1;

/// What a message takes in librdkafka's memory besides its key and value, about.
const OVERHEAD_BYTES: u64 = 300;

/// And each of its headers besides name and value.
const HEADER_OVERHEAD_BYTES: u64 = 100;

/// What a message takes while it is under way.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bytes {
    /// Key and value, which are known again at delivery.
    fields: u64,
    headers: u64,
}

impl Bytes {
    #[inline]
    pub(crate) fn of(record: &Record<'_>) -> Self {
        let fields = Self::of_lengths(record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len));
        if record.headers.is_empty() {
            return Self { fields, headers: 0 };
        }
        let headers = record
            .headers
            .iter()
            .map(|header| HEADER_OVERHEAD_BYTES + (header.name.len() + header.value.map_or(0, <[u8]>::len)) as u64);
        Self { fields, headers: headers.sum() }
    }

    /// The same but for headers, from the bytes of key and value.
    pub(crate) fn of_lengths(bytes: usize) -> u64 {
        OVERHEAD_BYTES + bytes as u64
    }

    pub(crate) fn all(self) -> u64 {
        self.fields + self.headers
    }
}

/// What messages of one token are under way, and how many there were.
#[derive(Default)]
struct Slot {
    token: u64,
    in_flight: u64,
    /// All messages so far.
    count: u64,
    /// The bytes of all headers, until none of the messages is under way.
    header_bytes: u64,
    /// Messages that named their partition, by topic and partition: how many were handed over.
    handed: Counts,
    /// Messages whose partition librdkafka chose: how many were reported.
    reported: Counts,
}

/// Counts by topic and partition.
#[derive(Default)]
struct Counts {
    counts: HashMap<(u32, i32), u64>,
    /// The last key and its count, not yet in the map: runs of one partition touch the map once.
    last: Option<((u32, i32), u64)>,
}

impl Counts {
    /// The count so far, raised by one.
    #[inline]
    fn next(&mut self, key: (u32, i32)) -> u64 {
        if let Some((last, count)) = &mut self.last
            && *last == key
        {
            *count += 1;
            return *count - 1;
        }
        if let Some((last, count)) = self.last.take() {
            self.counts.insert(last, count);
        }
        let count = self.counts.get(&key).copied().unwrap_or(0);
        self.last = Some((key, count + 1));
        count
    }

    /// Takes back the last raise.
    fn undo(&mut self) {
        if let Some((_, count)) = &mut self.last {
            *count -= 1;
        }
    }
}

/// All tokens with messages under way, and the one that was used last.
#[derive(Default)]
pub(crate) struct Tokens {
    slots: Vec<Slot>,
    free: Vec<usize>,
    by_token: HashMap<u64, usize>,
    current: Option<usize>,
    in_flight: u64,
    bytes: u64,
}

/// Which message a report is about.
pub(crate) struct Reported {
    pub(crate) token: u64,
    pub(crate) ordinal: u64,
    /// Which of the token's messages it is, where librdkafka chose the partition.
    pub(crate) index: Option<u64>,
}

impl Tokens {
    /// How many messages are under way.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// About how many bytes they take.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes this the token of the messages that follow.
    pub(crate) fn select(&mut self, token: u64) {
        let before = self.current.take();
        let slot = match self.by_token.get(&token) {
            Some(slot) => *slot,
            None => {
                let slot = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(Slot::default());
                    self.slots.len() - 1
                });
                self.slots[slot].token = token;
                self.by_token.insert(token, slot);
                slot
            }
        };
        self.current = Some(slot);
        if let Some(before) = before.filter(|before| *before != slot) {
            self.release_if_done(before);
        }
    }

    /// The number that goes along with the next message to this topic and partition (-1: librdkafka chooses it), which
    /// is now under way.
    #[inline]
    pub(crate) fn hand_over(&mut self, topic: u32, partition: i32, bytes: Bytes) -> u64 {
        let index = self.current.expect("a token was selected");
        let slot = &mut self.slots[index];
        slot.in_flight += 1;
        self.in_flight += 1;
        slot.count += 1;
        slot.header_bytes += bytes.headers;
        self.bytes += bytes.all();
        let ordinal = if partition < 0 {
            CHOSEN | (slot.count - 1).min(ORDINAL_MAX)
        } else {
            slot.handed.next((topic, partition)).min(ORDINAL_MAX)
        };
        ((index as u64) << ORDINAL_BITS) | ordinal
    }

    /// Takes back the last [`hand_over`](Self::hand_over), because the message was not taken.
    pub(crate) fn take_back(&mut self, opaque: u64, bytes: Bytes) {
        let slot = &mut self.slots[(opaque >> ORDINAL_BITS) as usize];
        slot.in_flight -= 1;
        slot.count -= 1;
        slot.header_bytes -= bytes.headers;
        self.bytes -= bytes.all();
        self.in_flight -= 1;
        if opaque & CHOSEN == 0 {
            slot.handed.undo();
        }
    }

    /// Which message came back with this number, and with this many bytes without headers.
    #[inline]
    pub(crate) fn report(&mut self, opaque: u64, topic: u32, partition: i32, bytes: u64) -> Reported {
        let at = (opaque >> ORDINAL_BITS) as usize;
        let slot = &mut self.slots[at];
        slot.in_flight -= 1;
        self.in_flight -= 1;
        self.bytes -= bytes;
        if slot.in_flight == 0 {
            self.bytes -= std::mem::take(&mut slot.header_bytes);
        }
        let number = opaque & ORDINAL_MAX;
        let (ordinal, index) =
            if opaque & CHOSEN == 0 { (number, None) } else { (slot.reported.next((topic, partition)), Some(number)) };
        let reported = Reported { token: slot.token, ordinal, index };
        if slot.in_flight == 0 && self.current != Some(at) {
            self.release_if_done(at);
        }
        reported
    }

    fn release_if_done(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if slot.in_flight > 0 {
            return;
        }
        self.by_token.remove(&slot.token);
        *slot = Slot::default();
        self.free.push(index);
    }
}

/// What became of a message.
#[derive(Clone, Copy)]
pub(crate) struct End {
    /// The partition that it went to.
    pub(crate) partition: i32,
    /// Its offset; negative is unknown.
    pub(crate) offset: i64,
    /// 0 for a delivery, else librdkafka's error.
    pub(crate) code: i32,
}

/// Reports that are waiting to be fetched, with neighbours merged.
#[derive(Default)]
pub(crate) struct Reports {
    waiting: Vec<Report>,
    fetched: Vec<Report>,
    /// The error code of the last report, if it failed with one.
    last_code: i32,
}

impl Reports {
    /// Whether any are waiting.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds the report of one message; a failure is what `error` makes of it.
    #[inline]
    pub(crate) fn add(&mut self, topic: &Arc<str>, message: Reported, end: End, error: impl FnOnce() -> Error) {
        let End { partition, offset, code } = end;
        if let Some(last) = self.waiting.last_mut()
            && last.token == message.token
            && last.partition == partition
            && last.first + last.count == message.ordinal
            && self.last_code == code
            && Arc::ptr_eq(&last.topic, topic)
        {
            let goes_on = match &last.delivery {
                Delivery::At(first) => offset >= 0 && *first + last.count as i64 == offset,
                Delivery::Unknown => offset < 0,
                Delivery::Failed(_) => true,
            };
            if goes_on {
                last.count += 1;
                return;
            }
        }
        let delivery = match code {
            0 if offset >= 0 => Delivery::At(offset),
            0 => Delivery::Unknown,
            _ => Delivery::Failed(error()),
        };
        self.last_code = code;
        self.waiting.push(Report {
            token: message.token,
            topic: Arc::clone(topic),
            partition,
            first: message.ordinal,
            count: 1,
            delivery,
        });
    }

    /// All that are waiting; they stay valid until the next call.
    pub(crate) fn fetch(&mut self) -> &[Report] {
        self.fetched.clear();
        std::mem::swap(&mut self.waiting, &mut self.fetched);
        self.last_code = 0;
        &self.fetched
    }
}

#[cfg(test)]
mod tests {
    use kafi_core::ErrorKind;

    use super::*;

    const SMALL: Bytes = Bytes { fields: 4, headers: 3 };

    fn add(reports: &mut Reports, topic: &Arc<str>, message: Reported, [partition, offset, code]: [i32; 3]) {
        let end = End { partition, offset: offset.into(), code };
        reports.add(topic, message, end, || Error::new(ErrorKind::TooLarge, "write", "too large"));
    }

    #[test]
    fn ordinals_count_by_token_and_partition_and_go_on_with_the_token() {
        let mut tokens = Tokens::default();
        tokens.select(7);
        let opaques = [tokens.hand_over(0, 1, SMALL), tokens.hand_over(0, 2, SMALL), tokens.hand_over(0, 1, SMALL)];
        for (opaque, partition, ordinal) in [(opaques[0], 1, 0), (opaques[1], 2, 0), (opaques[2], 1, 1)] {
            let reported = tokens.report(opaque, 0, partition, 4);
            assert_eq!((reported.token, reported.ordinal), (7, ordinal));
        }
        assert_eq!((tokens.in_flight(), tokens.bytes()), (0, 0));
        tokens.select(7);
        let opaque = tokens.hand_over(0, 1, SMALL);
        assert_eq!(tokens.report(opaque, 0, 1, 4).ordinal, 2);
    }

    #[test]
    fn chosen_partitions_count_in_order_of_delivery() {
        let mut tokens = Tokens::default();
        tokens.select(1);
        let opaques: Vec<_> = (0..3).map(|_| tokens.hand_over(0, -1, SMALL)).collect();
        let reported = opaques.iter().zip([4, 5, 4]).map(|(opaque, partition)| tokens.report(*opaque, 0, partition, 4));
        let ordinals: Vec<_> = reported.map(|reported| (reported.ordinal, reported.index)).collect();
        assert_eq!(ordinals, [(0, Some(0)), (0, Some(1)), (1, Some(2))]);
    }

    #[test]
    fn slots_are_freed_and_what_was_not_taken_counts_for_nothing() {
        let mut tokens = Tokens::default();
        for token in 0..1000 {
            tokens.select(token);
            let opaque = tokens.hand_over(0, 0, SMALL);
            let not_taken = tokens.hand_over(0, 0, SMALL);
            tokens.take_back(not_taken, SMALL);
            assert_eq!(tokens.report(opaque, 0, 0, 4).ordinal, 0);
        }
        assert!(tokens.slots.len() <= 2 && tokens.by_token.len() <= 2, "{}", tokens.slots.len());
        tokens.select(5000);
        let (first, second) = (tokens.hand_over(0, 0, SMALL), tokens.hand_over(0, 0, SMALL));
        tokens.select(5001);
        assert_eq!(tokens.report(first, 0, 0, 4).token, 5000);
        assert_eq!((tokens.in_flight(), tokens.bytes()), (1, 4 + 6), "headers count until the token is over");
        assert_eq!(tokens.report(second, 0, 0, 4).token, 5000);
        assert_eq!(tokens.bytes(), 0);
    }

    #[test]
    fn neighbours_are_merged_and_nothing_else() {
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let message = |token, ordinal| Reported { token, ordinal, index: None };
        let mut reports = Reports::default();
        for ordinal in 0..3 {
            add(&mut reports, &a, message(1, ordinal), [0, 10 + ordinal as i32, 0]);
        }
        add(&mut reports, &a, message(1, 3), [0, 20, 0]);
        add(&mut reports, &a, message(1, 4), [1, 21, 0]);
        add(&mut reports, &b, message(1, 5), [1, 22, 0]);
        add(&mut reports, &b, message(2, 6), [1, 23, 0]);
        add(&mut reports, &b, message(2, 7), [1, -1, 10]);
        add(&mut reports, &b, message(2, 8), [1, -1, 10]);
        add(&mut reports, &b, message(2, 9), [1, -1, -150]);
        let seen: Vec<_> = reports.fetch().iter().map(|report| (report.token, report.first, report.count)).collect();
        assert_eq!(seen, [(1, 0, 3), (1, 3, 1), (1, 4, 1), (1, 5, 1), (2, 6, 1), (2, 7, 2), (2, 9, 1)]);
        assert!(reports.is_empty());
    }
}
