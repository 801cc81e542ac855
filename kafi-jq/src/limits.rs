//! What a function may take for one message: time, memory, depth, and outputs. What runs away is ended from within, by
//! unwinding: the interpreter has no hooks, but whatever it does goes through values and contexts, and these look.

use std::any::Any;
use std::cell::Cell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Json};

/// What a function may take for one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The time. Default: 1 s.
    pub time: Duration,
    /// How many values come out. Default: 1,000,000.
    pub outputs_max: usize,
    /// The bytes of everything that is made, and of what comes out. Default: 256 MB.
    pub bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(1), outputs_max: 1_000_000, bytes_max: 256 << 20 }
    }
}

/// How far the stack may grow below the caller's: threads have 2 MB.
const STACK_BYTES_MAX: usize = 1 << 20;

/// The clock is looked at once in so many steps.
const STEPS_PER_LOOK: u32 = 1 << 12;

/// How a function ran away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runaway {
    Time,
    Outputs,
    Bytes,
    Depth,
    Stack,
}

/// What is left for the function that runs in this thread.
struct Left {
    steps: Cell<u32>,
    deadline: Cell<Option<Instant>>,
    bytes: Cell<usize>,
    stack_end: Cell<usize>,
}

thread_local! {
    static LEFT: Left = const {
        Left {
            steps: Cell::new(0),
            deadline: Cell::new(None),
            bytes: Cell::new(usize::MAX),
            stack_end: Cell::new(0),
        }
    };
}

impl Runaway {
    /// As an error for users.
    pub(crate) fn error(self, limits: &Limits) -> Error {
        Error::new(ErrorKind::Function, "run function", self.why(limits))
    }

    /// What users are told.
    pub(crate) fn why(self, limits: &Limits) -> String {
        match self {
            Self::Time => format!("it takes longer than {} ms for one message", limits.time.as_millis()),
            Self::Outputs => format!("it makes more than {} values of one message", limits.outputs_max),
            Self::Bytes => format!("it makes more than {} bytes of one message", limits.bytes_max),
            Self::Depth => format!("it nests arrays and objects deeper than {} levels", Json::DEPTH_MAX),
            Self::Stack => "it calls itself too deeply".to_string(),
        }
    }
}

/// Runs something within limits; functions within functions share those of the outermost.
pub(crate) fn within<T>(limits: &Limits, run: impl FnOnce() -> T) -> Result<T, Runaway> {
    if LEFT.with(|left| left.stack_end.get()) != 0 {
        return Ok(run());
    }
    LEFT.with(|left| {
        left.steps.set(0);
        left.deadline.set(Instant::now().checked_add(limits.time));
        left.bytes.set(limits.bytes_max);
        left.stack_end.set(stack_here().saturating_sub(STACK_BYTES_MAX).max(1));
    });
    // What unwinds is dropped as a whole, and nothing of it is looked at again.
    let run = catch_unwind(AssertUnwindSafe(run));
    LEFT.with(|left| {
        left.deadline.set(None);
        left.bytes.set(usize::MAX);
        left.stack_end.set(0);
    });
    run.map_err(|payload: Box<dyn Any + Send>| match payload.downcast::<Runaway>() {
        Ok(runaway) => *runaway,
        Err(panic) => resume_unwind(panic),
    })
}

/// Takes note of a step.
#[inline]
pub(crate) fn step() {
    LEFT.with(|left| {
        if stack_here() < left.stack_end.get() {
            stop(Runaway::Stack);
        }
        let steps = left.steps.get().wrapping_add(1);
        left.steps.set(steps);
        if steps % STEPS_PER_LOOK == 0 && left.deadline.get().is_some_and(|deadline| Instant::now() > deadline) {
            stop(Runaway::Time);
        }
    });
}

/// Takes note of so many bytes that are made.
#[inline]
pub(crate) fn made(bytes: usize) {
    LEFT.with(|left| match left.bytes.get().checked_sub(bytes) {
        Some(rest) => left.bytes.set(rest),
        None => stop(Runaway::Bytes),
    });
}

/// The depth of a value around others of this depth.
#[inline]
pub(crate) fn deeper(depth: u32) -> u32 {
    if depth >= Json::DEPTH_MAX {
        stop(Runaway::Depth);
    }
    depth + 1
}

/// Unwinds without a word: this is no panic.
fn stop(runaway: Runaway) -> ! {
    resume_unwind(Box::new(runaway))
}

fn stack_here() -> usize {
    let here = 0u8;
    std::ptr::from_ref(black_box(&here)) as usize
}
