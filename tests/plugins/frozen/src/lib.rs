//! A storage with one topic of three messages, as an old plugin brings it. It speaks the interface by hand, so that it stays as it is.

use std::ptr;

use kafi_abi::abi_stable::library::{__call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult};
use kafi_abi::abi_stable::prefix_type::PrefixTypeTrait;
use kafi_abi::abi_stable::sabi_trait::TD_Opaque;
use kafi_abi::abi_stable::std_types::{RNone, RResult, RStr, RString, RVec};
use kafi_abi::{
    Admin_TO, AdminBox, Arena, BatchView, Consumer_TO, ConsumerBox, Failure, HeaderMeta, LogSink, Plugin, PluginRef, Polled, ProducerBox, RecordMeta, Span,
    Storage_TO, StorageBox, Text,
};

const DATA: &[u8] = b"k0one\xffhtwo";
const NULL: Span = Span { start: 0, len: -1 };
const TOPIC: &str = "old";

fn span(start: u32, len: i32) -> Span {
    Span { start, len }
}

fn records() -> [RecordMeta; 3] {
    let meta = |offset, key, value, header_count| RecordMeta {
        offset,
        timestamp: 1_000 + offset,
        topic: 0,
        partition: 0,
        key,
        value,
        header_start: 0,
        header_count,
        timestamp_type: 0,
    };
    [meta(0, span(0, 2), span(2, 3), 0), meta(1, NULL, span(0, 0), 1), meta(2, NULL, span(7, 3), 0)]
}

fn unsupported(operation: &str) -> Failure {
    Failure {
        kind: 5,
        retry: 0,
        operation: operation.into(),
        message: "this old plugin cannot do that".into(),
        context: RVec::new(),
        hint: RNone,
        chain: RVec::new(),
    }
}

struct Old;

impl kafi_abi::Storage for Old {
    fn name(&self) -> RStr<'_> {
        "frozen".into()
    }

    fn scheme(&self) -> RStr<'_> {
        "frozen".into()
    }

    fn capabilities(&self) -> u64 {
        1
    }

    fn identity(&self, _timeout_ns: u64) -> RResult<RString, Failure> {
        RResult::ROk("frozen".into())
    }

    fn consumer(&self, _options: RStr<'_>) -> RResult<ConsumerBox, Failure> {
        RResult::ROk(Consumer_TO::from_value(OldConsumer { next: 0 }, TD_Opaque))
    }

    fn producer(&self, _options: RStr<'_>) -> RResult<ProducerBox, Failure> {
        RResult::RErr(unsupported("produce"))
    }

    fn admin(&self) -> RResult<AdminBox, Failure> {
        RResult::ROk(Admin_TO::from_value(OldAdmin, TD_Opaque))
    }

    fn call(&self, name: RStr<'_>, _argument: RStr<'_>) -> RResult<RString, Failure> {
        RResult::RErr(unsupported(&name))
    }

    fn interface(&self, _name: RStr<'_>) -> *const () {
        ptr::null()
    }
}

struct Held {
    records: Vec<RecordMeta>,
    headers: [HeaderMeta; 1],
    topics: [Text; 1],
}

unsafe extern "C" fn release(held: *mut ()) {
    // SAFETY: it is the box that `arena` made.
    drop(unsafe { Box::from_raw(held.cast::<Held>()) });
}

struct OldConsumer {
    next: usize,
}

impl kafi_abi::Consumer for OldConsumer {
    fn arena(&self) -> Arena {
        let held = Held { records: Vec::new(), headers: [HeaderMeta { name: span(5, 2), value: NULL }], topics: [Text::new(TOPIC)] };
        // SAFETY: `release` frees it.
        unsafe { Arena::new(Box::into_raw(Box::new(held)).cast(), release) }
    }

    fn assign(&mut self, assignments: RStr<'_>, _timeout_ns: u64) -> RResult<(), Failure> {
        // `[{"topic":"old","partition":0,"start":1,"end":3}]`, from which it takes the start.
        let start = assignments.split("\"start\":").nth(1).and_then(|rest| rest.split([',', '}']).next());
        self.next = start.and_then(|start| start.parse().ok()).unwrap_or(0);
        RResult::ROk(())
    }

    fn subscribe(&mut self, _topics: RStr<'_>, _timeout_ns: u64) -> RResult<(), Failure> {
        RResult::RErr(unsupported("subscribe"))
    }

    fn seek(&mut self, _position: RStr<'_>, _timeout_ns: u64) -> RResult<(), Failure> {
        RResult::RErr(unsupported("seek"))
    }

    fn poll(&mut self, arena: &mut Arena, _records_max: u64, _bytes_max: u64, _timeout_ns: u64) -> RResult<Polled, Failure> {
        // SAFETY: the host hands back only arenas that `arena` made.
        let held = unsafe { &mut *arena.state().cast::<Held>() };
        held.records = records()[self.next.min(3)..].to_vec();
        self.next = 3;
        let status = if held.records.is_empty() { 2 } else { 0 };
        RResult::ROk(Polled { status, batch: BatchView::exclusive(DATA, &mut held.records, &held.headers, &held.topics) })
    }

    fn membership(&self) -> u32 {
        1
    }

    fn positions(&self) -> RResult<RString, Failure> {
        RResult::ROk(format!("[{{\"topic\":\"{TOPIC}\",\"partition\":0,\"offset\":{}}}]", self.next).into())
    }

    fn commit(&mut self, _positions: RStr<'_>, _timeout_ns: u64) -> RResult<(), Failure> {
        RResult::RErr(unsupported("commit"))
    }

    fn committed(&mut self, _partitions: RStr<'_>, _timeout_ns: u64) -> RResult<RString, Failure> {
        RResult::RErr(unsupported("read committed offsets"))
    }

    fn close(&mut self, _timeout_ns: u64) -> RResult<(), Failure> {
        RResult::ROk(())
    }

    fn call(&mut self, name: RStr<'_>, _argument: RStr<'_>) -> RResult<RString, Failure> {
        RResult::RErr(unsupported(&name))
    }

    fn interface(&self, _name: RStr<'_>) -> *const () {
        ptr::null()
    }
}

struct OldAdmin;

impl kafi_abi::Admin for OldAdmin {
    fn call(&mut self, name: RStr<'_>, _argument: RStr<'_>, _timeout_ns: u64) -> RResult<RString, Failure> {
        let answer = match name.as_str() {
            "topics" => {
                let partition = "{\"partition\":0,\"leader\":0,\"replicas\":[],\"in_sync\":[],\"bytes\":null}";
                format!("[{{\"name\":\"{TOPIC}\",\"id\":\"\",\"internal\":false,\"partitions\":[{partition}]}}]")
            }
            "watermarks" => format!("[{{\"topic\":\"{TOPIC}\",\"partition\":0,\"low\":0,\"high\":3}}]"),
            name => return RResult::RErr(unsupported(name)),
        };
        RResult::ROk(answer.into())
    }

    fn interface(&self, _name: RStr<'_>) -> *const () {
        ptr::null()
    }
}

extern "C" fn announce() -> RString {
    "{\"name\":\"frozen\",\"version\":\"1.0.0\",\"storages\":[{\"scheme\":\"frozen\"}]}".into()
}

extern "C" fn open(_opening: RStr<'_>, _log: LogSink) -> RResult<StorageBox, Failure> {
    RResult::ROk(Storage_TO::from_value(Old, TD_Opaque))
}

extern "C" fn call(name: RStr<'_>, _argument: RStr<'_>) -> RResult<RString, Failure> {
    RResult::RErr(unsupported(&name))
}

fn module() -> PluginRef {
    Plugin { announce, open, call }.leak_into_prefix()
}

extern "C" fn load() -> RootModuleResult {
    __call_root_module_loader(module)
}

/// The number of the interface.
#[unsafe(no_mangle)]
pub static KAFI_ABI: u32 = 1;

#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
// SAFETY: `load` makes its module of a `PluginRef`.
static HEADER: LibHeader = unsafe { LibHeader::from_constructor::<PluginRef>(load, CheckTypeLayout::Yes) };
