//! The fixed-size parts of messages, which say where in an arena the others lie.

/// A range of bytes in an arena, or null.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The number of bytes; -1 is null.
    pub len: i32,
}

impl Span {
    /// The null span.
    pub const NULL: Self = Self { start: 0, len: -1 };

    /// The bytes in `data`; `None` for null.
    #[inline]
    pub fn of(self, data: &[u8]) -> Option<&[u8]> {
        let len = usize::try_from(self.len).ok()?;
        let start = self.start as usize;
        Some(&data[start..start + len])
    }

    /// Copies `bytes` to the end of `arena` and returns where they lie.
    ///
    /// # Panics
    /// If the arena outgrows 4 GiB or `bytes` 2 GiB: callers bound batches well below.
    #[inline]
    pub fn append(arena: &mut Vec<u8>, bytes: Option<&[u8]>) -> Self {
        let Some(bytes) = bytes else { return Self::NULL };
        let start = arena.len();
        arena.extend_from_slice(bytes);
        Self::between(start, arena.len())
    }

    /// The bytes from `start` up to `end` of an arena.
    ///
    /// # Panics
    /// As for [`append`](Span::append).
    pub fn between(start: usize, end: usize) -> Self {
        let len = i32::try_from(end - start).expect("a field is smaller than 2 GiB");
        Self { start: u32::try_from(start).expect("an arena is smaller than 4 GiB"), len }
    }

    pub(crate) fn fits(self, arena_bytes: usize) -> bool {
        self.len < 0 || self.start as usize + self.len as usize <= arena_bytes
    }
}

/// Where a header's name and value lie in the bytes that hold them.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderMeta {
    /// The name; never null.
    pub name: Span,
    /// The value.
    pub value: Span,
}

/// Whose clock a timestamp comes from.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer's (Kafka's `CreateTime`).
    #[default]
    Create = 0,
    /// The log's, at the append (Kafka's `LogAppendTime`).
    Append = 1,
}

impl TimestampType {
    /// The word of the JSON envelope: `create` or `append`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Append => "append",
        }
    }
}

/// The fixed-size part of a message; everything else lies in the arena.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordMeta {
    /// The offset.
    pub offset: i64,
    /// Milliseconds since 1970-01-01T00:00Z, or -1 for none.
    pub timestamp: i64,
    /// The index of the topic's name in the batch.
    pub topic: u32,
    /// The partition; -1 is any.
    pub partition: i32,
    /// The key.
    pub key: Span,
    /// The value.
    pub value: Span,
    /// The index of the first header meta.
    pub header_start: u32,
    /// The number of headers.
    pub header_count: u32,
    /// Whose clock the timestamp comes from.
    pub timestamp_type: TimestampType,
}
