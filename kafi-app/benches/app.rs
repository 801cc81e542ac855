//! The apps that `cargo xtask bench --apps` compares with others. Each says how many seconds went by from its first
//! message until everything was written and committed.
//!
//! `bench change BROKERS TOPIC TARGET GROUP` adds one to a number of each message that is there. `bench value …` does
//! the same with a handler that knows no type.
//! `bench wait BROKERS TOPIC TARGET GROUP CONCURRENCY` waits a millisecond for each message: in the order of keys, or with
//! a concurrency of 1 in that of the partition.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use kafi_app::{App, Json, Key, Order, Route};
use kafi_core::{Result, Value};
use kafi_shell::Kafi;
use serde::{Deserialize, Serialize};

/// What is read and written.
#[derive(Deserialize, Serialize)]
struct Bought {
    order: u64,
    status: String,
    note: String,
}

static BEGUN: OnceLock<Instant> = OnceLock::new();

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [job, brokers, topic, target, group, more @ ..] = words.as_slice() else {
        panic!("usage: bench change|value|wait BROKERS TOPIC TARGET GROUP [CONCURRENCY]")
    };
    let properties = [("bootstrap.servers".to_string(), brokers.to_string())];
    let storage = Kafi::new(kafi_cluster::open("bench", &properties)?, Default::default());
    let route = Route::new(*topic).publish_to(*target).accepts("json").returns("json");
    let route = match *job {
        "change" => route.handle(change),
        "value" => route.handle(change_value),
        _ => {
            let concurrency: usize = more.first().and_then(|text| text.parse().ok()).expect("CONCURRENCY is a number");
            let order = if concurrency > 1 { Order::Key } else { Order::Partition };
            route.order(order).concurrency(concurrency).handle(wait)
        }
    };
    let done = App::new(*group, &storage).route(route).run_to_end()?;
    let seconds = BEGUN.get().map_or(0.0, |begun| begun.elapsed().as_secs_f64());
    println!("{} {seconds}", done.processed);
    Ok(())
}

fn change(Json(mut bought): Json<Bought>, Key(key): Key<Vec<u8>>) -> (Json<Bought>, Vec<u8>) {
    BEGUN.get_or_init(Instant::now);
    bought.order += 1;
    (Json(bought), key)
}

fn change_value(mut value: Value, Key(key): Key<Vec<u8>>) -> Result<(Value, Vec<u8>)> {
    BEGUN.get_or_init(Instant::now);
    let next = value["order"].int()? + 1;
    value.set("order", next)?;
    Ok((value, key))
}

fn wait(Json(bought): Json<Bought>, Key(key): Key<Vec<u8>>) -> (Json<Bought>, Vec<u8>) {
    BEGUN.get_or_init(Instant::now);
    thread::sleep(Duration::from_millis(1));
    (Json(bought), key)
}
