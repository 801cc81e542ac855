//! librdkafka's configuration object.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;

use super::raw::{self, rd_kafka_conf_res_t};
use super::{TextBuffer, text};

/// Why a property was not taken.
pub(crate) enum Refusal {
    /// There is no property of this name.
    Unknown,
    /// The value is wrong, in librdkafka's words, which may hold the value.
    Bad(String),
}

/// A configuration that is being put together.
pub(crate) struct Conf(NonNull<raw::rd_kafka_conf_t>);

impl Conf {
    /// librdkafka's defaults.
    pub(crate) fn new() -> Self {
        // SAFETY: it has no preconditions and aborts the process when there is no memory.
        Self(NonNull::new(unsafe { raw::rd_kafka_conf_new() }).expect("librdkafka gives a configuration"))
    }

    /// Sets one property.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let Ok(c_name) = CString::new(name) else { return Err(Refusal::Unknown) };
        let Ok(c_value) = CString::new(value) else { return Err(Refusal::Bad("a zero byte is not allowed".into())) };
        let mut why = TextBuffer::new();
        // SAFETY: all pointers are valid during the call, and the strings end with zero.
        let result = unsafe {
            raw::rd_kafka_conf_set(self.0.as_ptr(), c_name.as_ptr(), c_value.as_ptr(), why.as_mut_ptr(), why.len())
        };
        match result {
            rd_kafka_conf_res_t::RD_KAFKA_CONF_OK => Ok(()),
            rd_kafka_conf_res_t::RD_KAFKA_CONF_UNKNOWN => Err(Refusal::Unknown),
            rd_kafka_conf_res_t::RD_KAFKA_CONF_INVALID => Err(Refusal::Bad(why.text())),
        }
    }

    /// The value of a property, if it has one.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let name = CString::new(name).ok()?;
        let mut len = 0;
        // SAFETY: with a null buffer it only writes the length, zero byte included.
        let found =
            unsafe { raw::rd_kafka_conf_get(self.0.as_ptr(), name.as_ptr(), std::ptr::null_mut(), &raw mut len) };
        if found != rd_kafka_conf_res_t::RD_KAFKA_CONF_OK {
            return None;
        }
        let mut value = vec![0_u8; len];
        // SAFETY: the buffer has the length that was asked for.
        unsafe { raw::rd_kafka_conf_get(self.0.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), &raw mut len) };
        // The length may be that of the longest value, as with `builtin.features`.
        let value = CStr::from_bytes_until_nul(&value).ok()?;
        Some(value.to_string_lossy().into_owned())
    }

    /// The names of the properties of clients and topics that have a value by default.
    pub(crate) fn known_names() -> Vec<String> {
        let conf = Self::new();
        let mut names = Vec::new();
        let mut count = 0;
        // SAFETY: the dump is an array of `count` strings, name and value in turns, and is given back once it was
        // copied.
        unsafe {
            let dump = raw::rd_kafka_conf_dump(conf.0.as_ptr(), &raw mut count);
            names.extend((0..count).step_by(2).map(|index| text(*dump.add(index))));
            raw::rd_kafka_conf_dump_free(dump, count);
            let topic = raw::rd_kafka_topic_conf_new();
            let dump = raw::rd_kafka_topic_conf_dump(topic, &raw mut count);
            names.extend((0..count).step_by(2).map(|index| text(*dump.add(index))));
            raw::rd_kafka_conf_dump_free(dump, count);
            raw::rd_kafka_topic_conf_destroy(topic);
        }
        names
    }

    /// For the creation of a client, which takes it over.
    pub(super) fn as_ptr(&self) -> *mut raw::rd_kafka_conf_t {
        self.0.as_ptr()
    }

    /// Gives up ownership without freeing.
    pub(super) fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        // SAFETY: it is owned, and nobody else has it.
        unsafe { raw::rd_kafka_conf_destroy(self.0.as_ptr()) }
    }
}
