//! What is evaluated over the bytes of messages allocates nothing for a message.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use kafi::jq::Tier;
use kafi::{Batch, BatchSteps, Failures, Function, FunctionStep, FunctionSteps, Kafi, Record, Serdes};

use crate::support::memory;

/// Counts how often each thread asks for memory.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

impl Counting {
    fn count() {
        // Of a thread that ends nothing is counted any more.
        let _counted = COUNT.try_with(|count| count.set(count.get() + 1));
    }
}

// SAFETY: all calls go to the system's allocator as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What makes a step of a function.
type Step = fn(Function) -> FunctionStep;

/// What people write, and whether it filters, maps, makes messages, or is printed.
const FUNCTIONS: &[(Step, &[&str])] = &[
    (
        FunctionStep::Filter,
        &[
            ".value.country == \"DE\"",
            ".value.id < 3 and (.value.name != \"x\" or .value.in.deep)",
            ".value.amount >= 1.5 | not",
            ".value.none // .value.name",
            ".value | has(\"name\")",
            ".value.name | length > 2",
            ".value.name | type == \"string\"",
            ".value.name | startswith(\"be\")",
            ".value.name | endswith(\"ta\")",
            ".value.name | contains(\"et\")",
            ".value.name | test(\"^b.t\")",
            ".value.name | ltrimstr(\"be\") == \"ta\"",
            ".value.name | ascii_downcase == \"beta\"",
            ".value.id | tostring == \"7\"",
            ".value.text | tonumber > 3",
            ".value.id + 1 > .value.amount * 2",
            "select(.value.id == 7) | .value.in",
            ".key == \"k\" and .partition == 0 and .offset >= 0",
        ],
    ),
    (
        FunctionStep::Map,
        &[
            ".value.amount += 1",
            ".value.id -= .value.amount",
            ".value.name = .key",
            ".value.name |= ascii_downcase",
            ".value.new = 1 | .value.id = 2",
            ".value.in.deep = .value.name",
            "del(.value.name)",
            ".key = .value.name",
            ".value |= {id, name}",
            ".value = {id: .value.id, list: [.value.name, .key]}",
            ".value |= [.id, .country]",
            ".value |= keys",
            "{value: {id: .value.id}}",
        ],
    ),
    (
        |function| FunctionStep::Print { function, raw: true },
        &[
            ".value.name",
            ".value | {id, name}",
            ".value.id + 1",
            ".value | keys",
            ".value.in | keys_unsorted",
            ".value | length",
            "[.value.id, .value.name]",
        ],
    ),
];

fn messages(count: usize) -> Batch {
    let mut batch = Batch::new();
    for id in 0..count {
        let value = format!(
            r#"{{"id":{},"country":"DE","name":"Beta","amount":19.990,"text":"5","in":{{"deep":true}}}}"#,
            id % 10
        );
        batch.push(Record { partition: 0, offset: id as i64, ..Record::new("t", Some(b"k"), Some(value.as_bytes())) });
    }
    batch
}

/// How often memory is asked for while so many messages go through.
fn allocations(steps: &BatchSteps, count: usize) -> u64 {
    let mut batch = messages(count);
    let before = COUNT.get();
    steps.apply(&mut batch).unwrap();
    COUNT.get() - before
}

fn open(c: &Kafi, step: FunctionStep, writes: bool) -> BatchSteps {
    let steps = FunctionSteps::new(vec![step], false);
    let opened = BatchSteps::open(&steps, c.place(), &Serdes::default(), &Failures::stop()).unwrap();
    if writes { opened.writing(c.place(), &Serdes::default()).unwrap() } else { opened }
}

#[test]
fn the_first_tier_allocates_nothing_for_a_message() {
    let c = memory();
    let mut wrong = Vec::new();
    for (step, functions) in FUNCTIONS {
        for text in *functions {
            for writes in [false, true] {
                let function = Function::compile(text).unwrap();
                if function.tier() != Tier::Bytes {
                    wrong.push(format!("{text}: it is not evaluated over bytes"));
                }
                let steps = open(&c, step(function), writes);
                // What is kept from batch to batch grows first.
                for _ in 0..3 {
                    allocations(&steps, 300);
                }
                let (few, many) = (allocations(&steps, 10), allocations(&steps, 200));
                if many > few + 20 {
                    wrong.push(format!("{text}, writing {writes}: {few} of 10 messages, {many} of 200"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
