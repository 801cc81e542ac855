//! Handing messages over, and their delivery reports.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;

use kafi_core::{Error, NO_TIMESTAMP, Record, Retry};

use super::client::Client;
use super::conf::Conf;
use super::events::Event;
use super::messages::TopicHandle;
use super::raw::{self, RawInnerMessage, RawMessage, rd_kafka_vtype_t as Kind};
use crate::error::with_text;

/// What stands for the start of 1970 until librdkafka has made its message; no log holds such a timestamp.
const EPOCH: i64 = i64::MIN + 1970;
/// Whether messages of the start of 1970 can be written.
///
/// librdkafka takes timestamp 0 for "now", so that no argument says 0 ms; it is put into the message before that is
/// queued.
pub(crate) fn can_write_epoch() -> bool {
    raw::knows_inner_message()
}

impl Conf {
    /// Has the timestamps of messages completed, which [`Client::produce`] relies on.
    pub(crate) fn complete_timestamps(&mut self) {
        if can_write_epoch() {
            // SAFETY: the configuration is valid, the name is static, and the callback is sound for any client.
            unsafe {
                raw::rd_kafka_conf_interceptor_add_on_new(
                    self.as_ptr(),
                    c"kafi".as_ptr(),
                    Some(on_new),
                    std::ptr::null_mut(),
                )
            };
        }
    }
}

/// What became of one message.
pub(crate) struct Delivered {
    /// The topic, as [`TopicHandle::id`].
    pub(crate) topic_id: usize,
    pub(crate) partition: i32,
    /// Negative if it is not known.
    pub(crate) offset: i64,
    /// The bytes of key and value.
    pub(crate) bytes: usize,
    /// What was passed along with the message.
    pub(crate) opaque: u64,
    /// The error code; 0 is none.
    pub(crate) error: i32,
}

/// What [`Client::produce_run`] handed over.
#[derive(Default)]
pub(crate) struct Run {
    messages: Vec<RawMessage>,
}

// SAFETY: what its pointers lead to is used within the call that filled it only.
unsafe impl Send for Run {}

impl Run {
    /// How many messages there were.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The number that went along with one of them.
    pub(crate) fn opaque(&self, index: usize) -> u64 {
        self.messages[index].opaque as usize as u64
    }
}

impl Client {
    /// Hands over copies of messages without headers and timestamps for one partition (-1: librdkafka chooses it for
    /// each), with their numbers: librdkafka asks for the time and for its locks once. They get the current time.
    /// Returns how many of them were taken: as many as come before the first that was not.
    pub(crate) fn produce_run<'a>(
        &self,
        topic: &TopicHandle,
        partition: i32,
        records: impl Iterator<Item = (Record<'a>, u64)>,
        run: &mut Run,
    ) -> usize {
        let field = |bytes: Option<&[u8]>| bytes.map_or((std::ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
        run.messages.clear();
        run.messages.extend(records.map(|(record, opaque)| {
            let ((payload, len), (key, key_len)) = (field(record.value), field(record.key));
            RawMessage {
                err: 0,
                rkt: std::ptr::null_mut(),
                partition,
                payload: payload.cast_mut().cast(),
                len,
                key: key.cast_mut().cast(),
                key_len,
                offset: 0,
                opaque: opaque as usize as *mut c_void,
            }
        }));
        let count = i32::try_from(run.messages.len()).expect("a run is short");
        // SAFETY: topic and messages are valid; keys and values, which the iterator still borrowed for `'a`, are copied.
        let taken = unsafe {
            raw::produce_batch(topic.as_ptr(), partition, raw::RD_KAFKA_MSG_F_COPY, run.messages.as_mut_ptr(), count)
        };
        // What stops one of a partition stops those behind it: a queue that is full, a topic or a client that is gone.
        debug_assert!(run.messages.iter().skip(taken as usize).all(|message| message.err != 0));
        usize::try_from(taken).unwrap_or(0)
    }

    /// Hands over a copy of one message, with its headers, and a number that comes back with its report. Timestamp 0
    /// needs [`can_write_epoch`]; one that is missing becomes the current time, unless `keep_timestamps` says that it
    /// stays missing.
    ///
    /// # Errors
    /// The error code; nothing was taken then.
    #[inline]
    pub(crate) fn produce(
        &self,
        topic: &TopicHandle,
        record: &Record<'_>,
        opaque: u64,
        keep_timestamps: bool,
    ) -> Result<(), i32> {
        let headers = headers_of(record);
        let null = std::ptr::null_mut();
        let timestamp = match record.timestamp {
            // To librdkafka, 0 is the current time, and any other number itself.
            NO_TIMESTAMP if !keep_timestamps => 0,
            0 => EPOCH,
            timestamp => timestamp,
        };
        let mut fields = [
            field(Kind::RD_KAFKA_VTYPE_RKT, raw::rd_kafka_vu_s__bindgen_ty_1 { rkt: topic.as_ptr() }),
            field(Kind::RD_KAFKA_VTYPE_PARTITION, raw::rd_kafka_vu_s__bindgen_ty_1 { i32_: record.partition }),
            field(Kind::RD_KAFKA_VTYPE_MSGFLAGS, raw::rd_kafka_vu_s__bindgen_ty_1 { i: raw::RD_KAFKA_MSG_F_COPY }),
            field(Kind::RD_KAFKA_VTYPE_KEY, bytes(record.key)),
            field(Kind::RD_KAFKA_VTYPE_VALUE, bytes(record.value)),
            field(
                Kind::RD_KAFKA_VTYPE_OPAQUE,
                raw::rd_kafka_vu_s__bindgen_ty_1 { ptr: opaque as usize as *mut c_void },
            ),
            field(Kind::RD_KAFKA_VTYPE_TIMESTAMP, raw::rd_kafka_vu_s__bindgen_ty_1 { i64_: timestamp }),
            field(
                Kind::RD_KAFKA_VTYPE_HEADERS,
                raw::rd_kafka_vu_s__bindgen_ty_1 { headers: headers.map_or(null, NonNull::as_ptr) },
            ),
        ];
        let count = fields.len() - usize::from(headers.is_none());
        // SAFETY: each field holds what its kind says; key and value are copied; the headers are taken over on success
        // only.
        unsafe {
            let failure = raw::rd_kafka_produceva(self.rk(), fields.as_mut_ptr(), count);
            if failure.is_null() {
                return Ok(());
            }
            let code = raw::error_code(failure);
            raw::rd_kafka_error_destroy(failure);
            if let Some(headers) = headers {
                raw::rd_kafka_headers_destroy(headers.as_ptr());
            }
            Err(code)
        }
    }

    /// Gives up everything that is not written yet; the reports come as for any other failure.
    pub(crate) fn purge(&self) {
        self.purge_what(raw::RD_KAFKA_PURGE_F_QUEUE | raw::RD_KAFKA_PURGE_F_INFLIGHT);
    }

    /// Gives up what is not on its way to a broker, or was sent back by one: the reports come as for any other failure.
    pub(crate) fn purge_queue(&self) {
        self.purge_what(raw::RD_KAFKA_PURGE_F_QUEUE);
    }

    fn purge_what(&self, flags: c_int) {
        // SAFETY: the handle is valid; the call does not wait.
        unsafe { raw::purge(self.rk(), flags | raw::RD_KAFKA_PURGE_F_NON_BLOCKING) };
    }

    /// Why the client takes no more messages.
    pub(crate) fn fatal(&self, operation: &'static str) -> Error {
        let (code, why) = self.fatal_error().unwrap_or_default();
        with_text(operation, code, &why).retry(Retry::Never)
    }

    /// The error after which the client takes no more messages, if there was one.
    pub(crate) fn fatal_error(&self) -> Option<(i32, String)> {
        let mut why = super::TextBuffer::new();
        // SAFETY: the handle and the buffer are valid.
        let code = unsafe { raw::fatal_error(self.rk(), why.as_mut_ptr(), why.len()) };
        (code != 0).then(|| (code, self.redact(&why.text())))
    }
}

impl Event {
    /// Passes on each report of a delivery event, in order.
    pub(crate) fn for_each_delivery(&self, mut each: impl FnMut(Delivered)) {
        loop {
            // SAFETY: the event is valid, and each message is valid until the event is freed.
            unsafe {
                let message = raw::rd_kafka_event_message_next(self.as_ptr()).cast::<RawMessage>();
                let Some(message) = message.as_ref() else { return };
                each(Delivered {
                    topic_id: message.rkt as usize,
                    partition: message.partition,
                    offset: message.offset,
                    bytes: message.len + message.key_len,
                    opaque: message.opaque as usize as u64,
                    error: message.err,
                });
            }
        }
    }
}

extern "C" fn on_new(
    rk: *mut raw::rd_kafka_t,
    _conf: *const raw::rd_kafka_conf_t,
    _opaque: *mut c_void,
    _why: *mut c_char,
    _why_len: usize,
) -> raw::rd_kafka_resp_err_t {
    // SAFETY: the handle is valid, the name is static, and the callback is sound for any message of the version that
    // was checked.
    unsafe { raw::rd_kafka_interceptor_add_on_send(rk, c"kafi".as_ptr(), Some(on_send), std::ptr::null_mut()) }
}

extern "C" fn on_send(
    _rk: *mut raw::rd_kafka_t,
    message: *mut raw::rd_kafka_message_t,
    _opaque: *mut c_void,
) -> raw::rd_kafka_resp_err_t {
    // SAFETY: in this version of librdkafka the message is the beginning of a `RawInnerMessage`, and nobody else has it
    // yet.
    unsafe {
        let timestamp = &raw mut (*message.cast::<RawInnerMessage>()).timestamp;
        if *timestamp == EPOCH {
            *timestamp = 0;
        }
    }
    raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}

/// The headers as librdkafka's list, if there are any. Their names hold no zero bytes.
fn headers_of(record: &Record<'_>) -> Option<NonNull<raw::rd_kafka_headers_t>> {
    if record.headers.is_empty() {
        return None;
    }
    // SAFETY: names and values are copied with the lengths that are given.
    unsafe {
        let headers = raw::rd_kafka_headers_new(record.headers.len());
        for header in record.headers.iter() {
            let (value, value_len) = header.value.map_or((std::ptr::null(), 0), |value| (value.as_ptr(), value.len()));
            raw::header_add(
                headers,
                header.name.as_ptr().cast(),
                header.name.len() as isize,
                value.cast(),
                value_len as isize,
            );
        }
        NonNull::new(headers)
    }
}

#[inline]
fn field(vtype: Kind, u: raw::rd_kafka_vu_s__bindgen_ty_1) -> raw::rd_kafka_vu_s {
    raw::rd_kafka_vu_s { vtype, u }
}

#[inline]
fn bytes(bytes: Option<&[u8]>) -> raw::rd_kafka_vu_s__bindgen_ty_1 {
    let mem = match bytes {
        Some(bytes) => {
            raw::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: bytes.as_ptr().cast_mut().cast(), size: bytes.len() }
        }
        None => raw::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: std::ptr::null_mut(), size: 0 },
    };
    raw::rd_kafka_vu_s__bindgen_ty_1 { mem }
}
