//! A storage that keeps all promises but one.

mod admin;
mod consumer;
mod files;
mod producer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kafi_core::{
    Admin, Capabilities, Consumer, ConsumerOptions, Error, Files, Producer, ProducerOptions, Result, Storage,
};

use admin::BrokenAdmin;
use consumer::BrokenConsumer;
use files::BrokenFiles;
use producer::BrokenProducer;

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    Nothing,
    EverythingLacks,
    IdentityChanges,
    ClosedGoesOn,
    // Consumers.
    BatchIsKept,
    EndIsForgotten,
    EndIsDelivered,
    EndIsLeftOut,
    StartIsLeftOut,
    AssignAdds,
    MissingIsEmpty,
    OutOfRangeIsEmpty,
    SeekIsIgnored,
    PositionsAreLast,
    LimitsAreIgnored,
    OrderIsReversed,
    OneIsLost,
    PollIsLate,
    PollHangs,
    PollPanics,
    GapsAreRefused,
    // Groups.
    CommitIsLost,
    CommittedIsInvented,
    CloseCommits,
    GroupIsInvented,
    MembersAreMany,
    CommittedIsIgnored,
    StateIsStable,
    DeleteIsForgotten,
    OffsetsStay,
    AlterReplaces,
    GroupsAreShared,
    // Producers.
    LastIsDropped,
    AllIsDoubled,
    FromIsIgnored,
    KeyIsIgnored,
    NullIsEmpty,
    HeadersAreText,
    ZeroIsNow,
    TypeIsLost,
    ReportsComeTwice,
    OffsetsAreShifted,
    FailuresAreHidden,
    KindsAreUnexpected,
    FailuresAreForgiven,
    TopicsAreMade,
    FlushIsEarly,
    CloseIsEarly,
    ReportsWait,
    OffsetsAreNotKept,
    // Admins.
    TopicsAreReversed,
    ExistingIsFine,
    AnyNameIsFine,
    WatermarksAreSorted,
    TimesAreNext,
    TimesAreMissing,
    RecordsStay,
    SettingsAreForgotten,
    AnySettingIsFine,
    PartitionsAreForgotten,
    FewerIsFine,
    BrokersAreEmpty,
    // Files.
    FilesAreReversed,
    MissingFileIsEmpty,
    MissingFileIsDeleted,
    AnyFileNameIsFine,
    RangesBegin,
    RangesAreShort,
    LargeWritesAreCut,
    FinishedGoesOn,
    AbortFinishes,
    DropFinishes,
}

/// A storage that breaks one promise.
struct Broken {
    inner: Arc<dyn Storage>,
    how: Break,
}

/// `inner`, with one promise broken.
pub fn broken(inner: &Arc<dyn Storage>, how: Break) -> Arc<dyn Storage> {
    Arc::new(Broken { inner: Arc::clone(inner), how })
}

impl Storage for Broken {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn scheme(&self) -> &str {
        self.inner.scheme()
    }

    fn capabilities(&self) -> Capabilities {
        match self.how {
            Break::EverythingLacks => Capabilities::default(),
            Break::GroupsAreShared => self.inner.capabilities() | Capabilities::CONSUME_REBALANCE,
            _ => self.inner.capabilities(),
        }
    }

    fn identity(&self, timeout: Duration) -> Result<String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        match self.how {
            Break::IdentityChanges => Ok(COUNT.fetch_add(1, Ordering::Relaxed).to_string()),
            _ => self.inner.identity(timeout),
        }
    }

    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        let mut options = options.clone();
        match self.how {
            Break::GapsAreRefused => options.allow_gap = false,
            Break::GroupIsInvented => options.group = options.group.or(Some("invented".into())),
            _ => {}
        }
        Ok(Box::new(BrokenConsumer::new(self.inner.consumer(&options)?, options, self.how)))
    }

    fn producer(&self, options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        let keep_offsets = options.keep_offsets && self.how != Break::OffsetsAreNotKept;
        let inner = self.inner.producer(&ProducerOptions { keep_offsets, ..options.clone() })?;
        Ok(Box::new(BrokenProducer::new(inner, self.inner.admin()?, self.how)))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Ok(Box::new(BrokenAdmin { inner: self.inner.admin()?, how: self.how }))
    }

    fn files(&self) -> Result<Box<dyn Files>> {
        match self.how {
            Break::EverythingLacks => Err(Error::unsupported(self.name(), "keep files")),
            how => Ok(Box::new(BrokenFiles { inner: self.inner.files()?, how })),
        }
    }
}
