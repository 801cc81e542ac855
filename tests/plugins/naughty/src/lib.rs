//! A plugin that does what no plugin should, as its address or its configuration says.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use kafi_core::abi::{Opening, PluginInfo};
use kafi_core::{
    Admin, Assignment, Batch, Capabilities, CommittedOffset, ConfigKey, Consumer, ConsumerOptions, Error, ErrorKind, Polled, Position, Producer,
    ProducerOptions, Record, Result, Retry, Span, Storage, StorageInfo, TopicPartition,
};

static INFO: PluginInfo = PluginInfo {
    name: "naughty",
    version: env!("CARGO_PKG_VERSION"),
    storages: &[
        StorageInfo {
            scheme: "naughty",
            section: Some("naughty"),
            folder: Some("naughties"),
            keys: &[
                ConfigKey { name: "mode", default: None, meaning: "what goes wrong" },
                ConfigKey { name: "secret.word", default: None, meaning: "a secret" },
            ],
            takes_any_key: false,
        },
        StorageInfo { scheme: "mem", section: None, folder: None, keys: &[], takes_any_key: false },
    ],
};

struct Naughty {
    name: String,
    mode: String,
}

fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
    log::warn!("opened {:?}", opening.items);
    let mode = opening.get("mode").unwrap_or(&opening.authority).to_string();
    if mode == "closed" {
        let cause = std::io::Error::other("the disk is on fire");
        return Err(Error::new(ErrorKind::NoSpace, "open storage", "no").with("storage", &opening.name).retry(Retry::Later).hint("try again").source(cause));
    }
    Ok(Arc::new(Naughty { name: opening.name.clone(), mode }))
}

kafi_core::export_storage!(INFO, open);

impl Storage for Naughty {
    fn name(&self) -> &str {
        &self.name
    }

    fn scheme(&self) -> &str {
        "naughty"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::CONSUME
    }

    fn identity(&self, _timeout: Duration) -> Result<String> {
        panic!("who am I? {}", self.mode)
    }

    fn consumer(&self, _options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        if self.mode == "thread" {
            let ended = thread::spawn(|| panic!("a thread of its own")).join();
            return Err(Error::new(ErrorKind::Unexpected, "make consumer", format!("the thread panicked: {}", ended.is_err())));
        }
        Ok(Box::new(NaughtyConsumer(self.mode.clone())))
    }

    fn producer(&self, _options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        Err(Error::unsupported(&self.name, "produce"))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Err(Error::unsupported(&self.name, "administer"))
    }
}

struct NaughtyConsumer(String);

impl Consumer for NaughtyConsumer {
    fn assign(&mut self, _assignments: &[Assignment], _timeout: Duration) -> Result<()> {
        Ok(())
    }

    fn subscribe(&mut self, _topics: &[String], _timeout: Duration) -> Result<()> {
        Ok(())
    }

    fn seek(&mut self, _position: &Position, _timeout: Duration) -> Result<()> {
        Ok(())
    }

    fn poll(&mut self, batch: &mut Batch, _timeout: Duration) -> Result<Polled> {
        batch.clear();
        batch.push(Record::new("t", Some(b"k"), None));
        match self.0.as_str() {
            "panic" => panic!("poll panics"),
            "outside" => batch.metas_mut()[0].key = Span { start: 1 << 20, len: 5 },
            "liar" => return Ok(Polled::End),
            _ => {}
        }
        Ok(Polled::Records)
    }

    fn positions(&self) -> Vec<Position> {
        Vec::new()
    }

    fn commit(&mut self, _offsets: &[CommittedOffset], _timeout: Duration) -> Result<()> {
        Ok(())
    }

    fn committed(&mut self, _partitions: &[TopicPartition], _timeout: Duration) -> Result<Vec<CommittedOffset>> {
        Ok(Vec::new())
    }

    fn close(&mut self, _timeout: Duration) -> Result<()> {
        Ok(())
    }
}

impl Drop for NaughtyConsumer {
    fn drop(&mut self) {
        assert_ne!(self.0, "panic", "its drop panics, too");
    }
}
