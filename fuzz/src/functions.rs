//! Functions in jq: both tiers make the same.

use std::ops::ControlFlow;
use std::time::Duration;

use kafi_core::{Json, Record};
use kafi_jq::{Function, FunctionOptions, Limits, MessageView, Part, Tier};

/// Takes `data` for a program, and behind a NUL the value of a message.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (program, value) = text.split_once('\0').unwrap_or((&text, "{\"a\":1}"));
    let limits = Limits { time: Duration::from_millis(200), outputs_max: 1000, bytes_max: 1 << 20 };
    let compile = |text: &str| Function::with(text, &FunctionOptions { limits, ..FunctionOptions::default() });
    let function = match compile(program) {
        Ok(function) => function,
        Err(error) => return assert!(!error.to_string().contains('\n'), "{error}"),
    };
    let value = if Json::parse(value).is_ok() { Part::Json(value) } else { Part::Text(value) };
    let record = Record { partition: 1, offset: 2, timestamp: 3, ..Record::new("t", None, None) };
    let message = MessageView::new(&record, Part::Text("k"), value);
    let is_quick = function.tier() == Tier::Bytes;
    let (ours, same) = (made(&function, &message), compile(".").unwrap());
    let canonical = |all: &[String]| all.iter().flat_map(|text| same.all(text).unwrap()).collect::<Vec<_>>();
    let Ok((made_ours, changed_ours)) = &ours else { return };
    if !is_quick {
        return;
    }
    if let Ok((made_theirs, changed_theirs)) = made(&function.interpreted(), &message) {
        assert_eq!(canonical(made_ours), canonical(&made_theirs), "{program} of {value:?}");
        // What is left out of a change stays.
        let merged = compile(". as [$old, $new] | $old + $new | [.key, .value]").unwrap();
        let old = format!("{{\"key\":\"k\",\"value\":{}}}", shown(value, &same));
        let merge = |all: &[String]| {
            let each = all.iter().map(|new| merged.all(&format!("[{old},{new}]")).map_err(|error| error.to_string()));
            each.collect::<Vec<_>>()
        };
        assert_eq!(merge(changed_ours), merge(&changed_theirs), "{program} changes {value:?}");
    } else {
        panic!("{program} of {value:?} fails only where it is interpreted");
    }
}

/// What a function makes of a message, and what of it becomes one; an error is one of the message's.
fn made(function: &Function, message: &MessageView<'_>) -> Result<(Vec<String>, Vec<String>), ()> {
    let (mut all, mut changed) = (Vec::new(), Vec::new());
    let ran = function.run_message(message, |text| {
        all.push(text.to_string());
        Ok(ControlFlow::Continue(()))
    });
    let ran = ran.and_then(|()| {
        function.change_message(message, |text| {
            changed.push(text.to_string());
            Ok(ControlFlow::Continue(()))
        })
    });
    match ran {
        Ok(()) => Ok((all, changed)),
        Err(error) => {
            assert!(!error.to_string().contains('\n') && error.to_string().contains("offset 2"), "{error}");
            Err(())
        }
    }
}

fn shown(value: Part<'_>, same: &Function) -> String {
    match value {
        Part::Json(text) => same.all(text).unwrap().remove(0),
        Part::Text(text) => Json::from(text).to_string(),
        _ => "null".to_string(),
    }
}
