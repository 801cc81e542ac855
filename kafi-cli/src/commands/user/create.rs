//! `user create`: makes users, and gives them passwords.

use clap::Parser;
use kafi::{NewScramUser, Result, ScramMechanism, ScramUser};

use super::{mechanism, open_user};
use crate::args::PasswordArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Make a user, or give it a new password
#[derive(Parser)]
pub struct CreateArgs {
    /// The user (prod:alice)
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// How the password is proved: SCRAM-SHA-256, SCRAM-SHA-512; repeatable [default: SCRAM-SHA-512]
    #[arg(long, value_name = "NAME", value_parser = mechanism)]
    mechanism: Vec<ScramMechanism>,
    /// How often the password is hashed
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(i32).range(4096..=16384))]
    iterations: i32,
    #[command(flatten)]
    password: PasswordArgs,
}

impl Verb for CreateArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let (kafi, _, name) = open_user(context, &self.address)?;
        let password = self.password.password("create user", &name)?;
        let mut mechanisms = self.mechanism.clone();
        mechanisms.dedup();
        if mechanisms.is_empty() {
            mechanisms.push(ScramMechanism::Sha512);
        }
        let mut admin = kafi.admin()?;
        for mechanism in mechanisms {
            let user = ScramUser { name: name.clone(), mechanism, iterations: self.iterations };
            admin.create_user(&NewScramUser { user, password: password.clone() }, TIMEOUT)?;
        }
        Ok(Exit::Done)
    }
}
