//! Writing in transactions.

use std::ffi::CString;
use std::ptr::NonNull;

use kafi_core::{Error, ErrorKind, GroupMetadata, Result, Retry};

use super::client::Client;
use super::lists::PartitionList;
use super::{cstring, raw, text};
use crate::error::{with_code, with_text};

/// What a transaction has to know of a member of a group.
struct Member(NonNull<raw::rd_kafka_consumer_group_metadata_t>);

impl Member {
    fn new(operation: &'static str, group: &GroupMetadata) -> Result<Self> {
        let (name, member) = (cstring(operation, "group", &group.group)?, cstring(operation, "member", &group.member)?);
        let instance =
            group.instance.as_deref().map(|instance| cstring(operation, "instance", instance)).transpose()?;
        let instance = instance.as_ref().map_or(std::ptr::null(), |instance: &CString| instance.as_ptr());
        // SAFETY: the texts are valid, and copied.
        let member = unsafe {
            raw::rd_kafka_consumer_group_metadata_new_with_genid(
                name.as_ptr(),
                group.generation,
                member.as_ptr(),
                instance,
            )
        };
        Ok(Self(NonNull::new(member).expect("librdkafka takes any member")))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // SAFETY: it is owned.
        unsafe { raw::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}

impl Client {
    /// Makes a producer ready for transactions; waits up to `timeout_ms`, and goes on in the background.
    ///
    /// # Errors
    /// As [`ended`] says.
    pub(crate) fn init_transactions(&self, operation: &'static str, timeout_ms: i32) -> Result<()> {
        // SAFETY: the handle is valid.
        unsafe { self.ended(operation, raw::rd_kafka_init_transactions(self.rk(), timeout_ms)) }
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// As [`ended`] says.
    pub(crate) fn begin_transaction(&self, operation: &'static str) -> Result<()> {
        // SAFETY: the handle is valid.
        unsafe { self.ended(operation, raw::rd_kafka_begin_transaction(self.rk())) }
    }

    /// Commits offsets with the transaction; after `timeout_ms` this can only be aborted.
    ///
    /// # Errors
    /// As [`ended`] says.
    pub(crate) fn send_offsets(
        &self,
        operation: &'static str,
        offsets: &PartitionList,
        group: &GroupMetadata,
        timeout_ms: i32,
    ) -> Result<()> {
        let member = Member::new(operation, group)?;
        // SAFETY: handle, list, and member are valid, and used during the call only.
        unsafe {
            let (offsets, member) = (offsets.as_ptr().cast_const(), member.0.as_ptr().cast_const());
            let error = raw::rd_kafka_send_offsets_to_transaction(self.rk(), offsets, member, timeout_ms);
            self.ended(operation, error)
        }
    }

    /// Commits the transaction; waits up to `timeout_ms`, and goes on in the background.
    ///
    /// # Errors
    /// As [`ended`] says.
    pub(crate) fn commit_transaction(&self, operation: &'static str, timeout_ms: i32) -> Result<()> {
        // SAFETY: the handle is valid.
        unsafe { self.ended(operation, raw::rd_kafka_commit_transaction(self.rk(), timeout_ms)) }
    }

    /// Aborts the transaction; waits up to `timeout_ms`, and goes on in the background. Delivery reports have to be
    /// taken meanwhile, so that it is called again and again.
    ///
    /// # Errors
    /// As [`ended`] says.
    pub(crate) fn abort_transaction(&self, operation: &'static str, timeout_ms: i32) -> Result<()> {
        // SAFETY: the handle is valid.
        unsafe { self.ended(operation, raw::rd_kafka_abort_transaction(self.rk(), timeout_ms)) }
    }

    /// What a transaction has to know of this member of a group.
    pub(crate) fn group_metadata(&self) -> Option<GroupMetadata> {
        // SAFETY: the handle is valid; what is returned is owned, and freed once.
        let member = Member(NonNull::new(unsafe { raw::rd_kafka_consumer_group_metadata(self.rk()) })?);
        let of = member.0.as_ptr().cast_const();
        // SAFETY: the texts belong to the member, and are copied.
        unsafe {
            let instance = raw::rd_kafka_consumer_group_metadata_group_instance_id(of);
            Some(GroupMetadata {
                group: text(raw::rd_kafka_consumer_group_metadata_group_id(of)),
                generation: raw::rd_kafka_consumer_group_metadata_generation_id(of),
                member: text(raw::rd_kafka_consumer_group_metadata_member_id(of)),
                instance: (!instance.is_null()).then(|| text(instance)),
            })
        }
    }

    /// How a call of a transaction ended: what can be called again is retried later, what makes an end of the
    /// transaction is `Cancelled`, and the rest is fatal.
    ///
    /// # Safety
    /// `error` must be null or librdkafka's, and is freed here.
    unsafe fn ended(&self, operation: &'static str, error: *mut raw::rd_kafka_error_t) -> Result<()> {
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: the caller vouches for the error, which is freed once; its text is copied.
        let (code, why, is_retriable, is_abortable) = unsafe {
            let (code, why) = (raw::error_code(error), text(raw::rd_kafka_error_string(error)));
            let is_retriable = raw::rd_kafka_error_is_retriable(error) != 0;
            let is_abortable = raw::rd_kafka_error_txn_requires_abort(error) != 0;
            raw::rd_kafka_error_destroy(error);
            (code, self.redact(&why), is_retriable, is_abortable)
        };
        let error = with_text(operation, code, &why);
        Err(match (is_abortable, is_retriable) {
            (true, _) => {
                let why = format!("the transaction has to be aborted: {}", error.message());
                with_code(Error::new(ErrorKind::Cancelled, operation, why).retry(error.retryable()), code)
            }
            (false, true) => error.retry(Retry::Later),
            (false, false) => error.retry(Retry::Never),
        })
    }
}
