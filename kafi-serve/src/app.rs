//! What all requests share.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::Storage;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::Refusal;
use crate::kept::KeptAnswers;
use crate::metrics::Metrics;
use crate::options::ServeOptions;

/// How long the storage may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// Room for bodies is given out in so many bytes.
const ROOM_UNIT: usize = 1 << 10;

/// The room that a body has, until it is dropped.
#[derive(Default)]
pub struct Room(Option<OwnedSemaphorePermit>);

/// What all requests share.
pub struct App {
    pub options: ServeOptions,
    pub metrics: Metrics,
    pub kept: KeptAnswers,
    /// One for each connection that may be open.
    pub connections: Arc<Semaphore>,
    /// One for each request that may work on a thread.
    pub working: Arc<Semaphore>,
    /// One for each [`ROOM_UNIT`] of bodies.
    room: Arc<Semaphore>,
    storage: Arc<dyn Storage>,
}

impl App {
    pub fn new(storage: Arc<dyn Storage>, options: ServeOptions) -> Self {
        let connections = Arc::new(Semaphore::new(options.limits.connections_max.max(1)));
        let working = Arc::new(Semaphore::new(options.limits.working_max.max(1)));
        // One body always finds room.
        let room = options.limits.bodies_bytes_max.max(options.limits.body_bytes_max).div_ceil(ROOM_UNIT);
        let room = Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS)));
        let kept = KeptAnswers::new(options.limits.kept);
        Self { options, metrics: Metrics::default(), kept, connections, working, room, storage }
    }

    /// Makes `room` as large as so many bytes.
    ///
    /// # Errors
    /// 503 where others have it.
    pub fn make_room(&self, room: &mut Room, bytes: usize) -> Result<(), Refusal> {
        let units = bytes.div_ceil(ROOM_UNIT);
        let before = room.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more) = units.checked_sub(before).filter(|more| *more > 0) else {
            if let Some(given) = &mut room.0 {
                drop(given.split(before - units));
            }
            return Ok(());
        };
        let busy = || Refusal::of_status(503, "the server is busy with what others have sent");
        let count = u32::try_from(more).map_err(|_| busy())?;
        let given = Arc::clone(&self.room).try_acquire_many_owned(count).map_err(|_| busy())?;
        match &mut room.0 {
            Some(before) => before.merge(given),
            none => *none = Some(given),
        }
        Ok(())
    }

    /// Asks the storage who it is. Blocks.
    pub fn is_ready(&self) -> kafi_core::Result<()> {
        self.storage.identity(READY_TIMEOUT).map(drop)
    }
}
