//! Requests about users with passwords.

use std::ffi::{CString, c_char, c_int};
use std::ptr::NonNull;

use kafi_core::{Error, ErrorKind, NewScramUser, Result, ScramMechanism, ScramUser};

use super::admin_access::outcome;
use super::client::Client;
use super::question::set_broker;
use super::raw::{self, rd_kafka_ScramMechanism_t as Mechanism, rd_kafka_admin_op_t as Op};
use super::{Deadline, cstring, text};
use crate::error;
use crate::retry::retried;

/// How long librdkafka may take to say that the time is over.
const LATE_MS: i32 = 1000;

/// A change of a user of librdkafka's, freed on drop.
struct Alteration(NonNull<raw::rd_kafka_UserScramCredentialAlteration_t>);

impl Drop for Alteration {
    fn drop(&mut self) {
        // SAFETY: it is owned.
        unsafe { raw::rd_kafka_UserScramCredentialAlteration_destroy(self.0.as_ptr()) }
    }
}

impl Client {
    /// The users of these names, or all, in any order; those that are not there are left out. The brokers must have
    /// answered before.
    pub(crate) fn users(
        &self,
        operation: &'static str,
        names: &[String],
        deadline: Deadline,
    ) -> Result<Vec<ScramUser>> {
        let names: Vec<CString> = names.iter().map(|name| cstring(operation, "user", name)).collect::<Result<_>>()?;
        retried(deadline, || self.users_once(operation, &names, deadline))
    }

    /// Where a broker refuses the question as a whole, librdkafka 2.12.1 answers with words that lie on a stack, and
    /// frees them with the answer (`rd_kafka_DescribeUserScramCredentialsResponse_parse`). So these words are not looked
    /// at, and such an answer is never freed.
    fn users_once(&self, operation: &'static str, names: &[CString], deadline: Deadline) -> Result<Vec<ScramUser>> {
        let (broker, mut pointers) =
            (self.connected(), names.iter().map(|name| name.as_ptr()).collect::<Vec<*const c_char>>());
        let kind = Op::RD_KAFKA_ADMIN_OP_DESCRIBEUSERSCRAMCREDENTIALS;
        let queue = self.send(kind, deadline.left(), |rk, options, queue| {
            // SAFETY: `send` passes valid pointers; the names outlive the call, which copies them.
            unsafe {
                if let Some(broker) = broker {
                    set_broker(options, broker);
                }
                let count = pointers.len();
                raw::rd_kafka_DescribeUserScramCredentials(rk, pointers.as_mut_ptr(), count, options, queue);
            }
        });
        // librdkafka answers when the time is over.
        let Some(event) = queue.next_event(deadline.left_ms(i32::MAX).saturating_add(LATE_MS)) else {
            return Err(error::timed_out(operation));
        };
        match event.code() {
            0 => {}
            code => {
                if code > 0 {
                    std::mem::forget(event);
                }
                return Err(error::from_code(operation, code));
            }
        }
        let (mut count, mut users) = (0, Vec::new());
        // SAFETY: the event is the answer to this request; the descriptions live as long as it.
        unsafe {
            let result = raw::rd_kafka_event_DescribeUserScramCredentials_result(event.as_ptr());
            let described = raw::rd_kafka_DescribeUserScramCredentials_result_descriptions(result, &raw mut count);
            for index in 0..count {
                match users_of(operation, *described.add(index)) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    found => users.extend(found?),
                }
            }
        }
        Ok(users)
    }

    /// Makes a user, or gives it a new password. The number of iterations was checked.
    pub(crate) fn create_user(&self, operation: &'static str, new: &NewScramUser, deadline: Deadline) -> Result<()> {
        let ScramUser { name, mechanism, iterations } = &new.user;
        let (user, mechanism) = (cstring(operation, "user", name)?, number(operation, *mechanism)?);
        let password = new.password.as_bytes();
        // SAFETY: name and password outlive the call, which copies them; without a salt librdkafka makes one.
        let alteration = unsafe {
            raw::rd_kafka_UserScramCredentialUpsertion_new(
                user.as_ptr(),
                mechanism,
                *iterations,
                password.as_ptr(),
                password.len(),
                std::ptr::null(),
                0,
            )
        };
        self.alter_user(operation, name, alteration, deadline)
    }

    /// Deletes what a mechanism knows of a user.
    pub(crate) fn delete_user(
        &self,
        operation: &'static str,
        name: &str,
        mechanism: ScramMechanism,
        deadline: Deadline,
    ) -> Result<()> {
        let (user, mechanism) = (cstring(operation, "user", name)?, number(operation, mechanism)?);
        // SAFETY: the name outlives the call, which copies it.
        let alteration = unsafe { raw::rd_kafka_UserScramCredentialDeletion_new(user.as_ptr(), mechanism) };
        self.alter_user(operation, name, alteration, deadline)
    }

    /// Takes over the alteration.
    fn alter_user(
        &self,
        operation: &'static str,
        name: &str,
        alteration: *mut raw::rd_kafka_UserScramCredentialAlteration_t,
        deadline: Deadline,
    ) -> Result<()> {
        let alteration = Alteration(NonNull::new(alteration).expect("librdkafka gives an alteration"));
        let mut pointer = alteration.0.as_ptr();
        let altered = self.changed(operation, deadline, |broker| {
            let kind = Op::RD_KAFKA_ADMIN_OP_ALTERUSERSCRAMCREDENTIALS;
            let pending = self.start_change(kind, broker, deadline.left(), |rk, options, queue| {
                // SAFETY: `start_change` passes valid pointers; the array of one is copied.
                unsafe { raw::rd_kafka_AlterUserScramCredentials(rk, &raw mut pointer, 1, options, queue) }
            });
            let event = self.wait(operation, &pending, deadline)?;
            let mut count = 0;
            // SAFETY: the event is the answer to this request; the responses live as long as it.
            unsafe {
                let result = raw::rd_kafka_event_AlterUserScramCredentials_result(event.as_ptr());
                let responses = raw::rd_kafka_AlterUserScramCredentials_result_responses(result, &raw mut count);
                (0..count).try_for_each(|index| {
                    outcome(
                        operation,
                        raw::rd_kafka_AlterUserScramCredentials_result_response_error(*responses.add(index)),
                    )
                })
            }
        });
        altered.map_err(|error| error.with("user", name))
    }
}

/// What each mechanism knows of a user.
///
/// # Safety
/// `description` must be valid.
unsafe fn users_of(
    operation: &'static str,
    description: *const raw::rd_kafka_UserScramCredentialsDescription_t,
) -> Result<Vec<ScramUser>> {
    // SAFETY: the caller vouches for the description, and all its parts live as long as it.
    unsafe {
        let name = text(raw::rd_kafka_UserScramCredentialsDescription_user(description));
        outcome(operation, raw::rd_kafka_UserScramCredentialsDescription_error(description))
            .map_err(|error| error.with("user", &name))?;
        let count = raw::rd_kafka_UserScramCredentialsDescription_scramcredentialinfo_count(description);
        let user = |index| {
            let info = raw::rd_kafka_UserScramCredentialsDescription_scramcredentialinfo(description, index);
            ScramUser {
                name: name.clone(),
                mechanism: mechanism(raw::scram_mechanism(info)),
                iterations: raw::rd_kafka_ScramCredentialInfo_iterations(info),
            }
        };
        Ok((0..count).map(user).collect())
    }
}

fn mechanism(number: c_int) -> ScramMechanism {
    match number {
        1 => ScramMechanism::Sha256,
        2 => ScramMechanism::Sha512,
        _ => ScramMechanism::Unknown,
    }
}

fn number(operation: &'static str, mechanism: ScramMechanism) -> Result<Mechanism> {
    match mechanism {
        ScramMechanism::Sha256 => Ok(Mechanism::RD_KAFKA_SCRAM_MECHANISM_SHA_256),
        ScramMechanism::Sha512 => Ok(Mechanism::RD_KAFKA_SCRAM_MECHANISM_SHA_512),
        _ => {
            Err(Error::new(ErrorKind::Usage, operation, "there is no such SCRAM mechanism")
                .with("mechanism", mechanism))
        }
    }
}
