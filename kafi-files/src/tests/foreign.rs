//! Columns as others write them.

use super::*;
use crate::df_to_topic;
use arrow_array::types::Float16Type;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, Date32Array, Float32Array, Float64Array, Int32Array, Int64Array, ListArray,
    MapArray, PrimitiveArray, RecordBatch, StringArray, StructArray, Time32MillisecondArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, UnionArray,
};
use arrow_schema::{DataType, Field, UnionFields};

/// What becomes of a data frame of one column: the values of messages, and what was told of the others.
fn imported(bench: &Bench, topic: &str, column: ArrayRef) -> Result<Vec<String>> {
    bench.create(topic);
    let columns = RecordBatch::try_from_iter_with_nullable([("c", column, true)]).unwrap();
    let (serdes, failures) = (Serdes::default(), Failures::stop());
    let (cancel, progress) = (Cancel::new(), Arc::default());
    let target = TopicTarget { place: &bench.place, topic, serdes: &serdes, failures, cancel, progress };
    df_to_topic([Ok(columns)], &target, &ImportOptions::new("json".parse().unwrap()))?;
    let mut values = bench.values(topic);
    values.sort();
    Ok(values)
}

fn list_of(column: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(column.data_type().clone(), true));
    let offsets = arrow_buffer::OffsetBuffer::from_lengths((0..column.len()).map(|_| 1));
    Arc::new(ListArray::new(field, offsets, column, None))
}

fn struct_of(column: ArrayRef) -> ArrayRef {
    Arc::new(StructArray::from(vec![(Arc::new(Field::new("x", column.data_type().clone(), true)), column)]))
}

#[test]
fn a_number_that_is_no_date_or_time_is_an_error_of_its_row() {
    let bench = Bench::new();
    let columns: [(ArrayRef, &str); 6] = [
        (
            Arc::new(TimestampMicrosecondArray::from(vec![0, i64::MAX])),
            "9223372036854775807 is no date and time of Timestamp(µs)",
        ),
        (Arc::new(Date32Array::from(vec![0, i32::MAX])), "2147483647 is no date of Date32"),
        (Arc::new(Time32MillisecondArray::from(vec![0, 90_000_000])), "90000000 is no time of day of Time32(ms)"),
        (Arc::new(Time32MillisecondArray::from(vec![0, -1])), "-1 is no time of day of Time32(ms)"),
        // As 32 bits this would be the first second of a day.
        (
            Arc::new(Time64MicrosecondArray::from(vec![0, (1 << 32) * 1_000_000])),
            "4294967296000000 is no time of day of Time64(µs)",
        ),
        (
            Arc::new(PrimitiveArray::<arrow_array::types::DurationSecondType>::from(vec![0, i64::MAX])),
            "9223372036854775807 is no duration of Duration(s)",
        ),
    ];
    for (at, (column, why)) in columns.into_iter().enumerate() {
        for (shape, column) in
            [("plain", Arc::clone(&column)), ("list", list_of(Arc::clone(&column))), ("struct", struct_of(column))]
        {
            let topic = format!("{shape}{at}");
            let error = imported(&bench, &topic, column).unwrap_err();
            assert_eq!(error.to_string(), format!("read row: column c, row 2: {why}: it is out of range"));
            assert_eq!(bench.values(&topic).len(), 1, "the row before is there");
        }
    }
}

#[test]
fn what_stands_behind_a_null_counts_for_nothing() {
    let bench = Bench::new();
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0, i64::MAX]));
    let fields = vec![Arc::new(Field::new("x", times.data_type().clone(), true))];
    let nulls = arrow_buffer::NullBuffer::from(vec![true, false]);
    let column: ArrayRef = Arc::new(StructArray::new(fields.into(), vec![times], Some(nulls)));
    let values = imported(&bench, "t", column).unwrap().join("\n");
    assert!(values.contains(r#"{"c":null}"#) && values.contains(r#"{"c":{"x":"1970-01-01T00:00:00"}}"#), "{values}");
}

#[test]
fn what_is_no_number_has_its_name() {
    let bench = Bench::new();
    let half = |number: f32| <Float16Type as ArrowPrimitiveType>::Native::from_f32(number);
    let numbers = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.5];
    let columns: [ArrayRef; 3] = [
        Arc::new(PrimitiveArray::<Float16Type>::from_iter_values(numbers.map(half))),
        Arc::new(Float32Array::from(numbers.to_vec())),
        Arc::new(Float64Array::from(numbers.map(f64::from).to_vec())),
    ];
    for (at, column) in columns.into_iter().enumerate() {
        let plain = imported(&bench, &format!("plain{at}"), Arc::clone(&column)).unwrap().join("\n");
        let list = imported(&bench, &format!("list{at}"), list_of(Arc::clone(&column))).unwrap().join("\n");
        let within = imported(&bench, &format!("struct{at}"), struct_of(column)).unwrap().join("\n");
        for number in [r#""NaN""#, r#""Infinity""#, r#""-Infinity""#, "0.5"] {
            assert!(plain.contains(&format!("{{\"c\":{number}}}")), "{plain}");
            assert!(list.contains(&format!("{{\"c\":[{number}]}}")), "{list}");
            assert!(within.contains(&format!("{{\"c\":{{\"x\":{number}}}}}")), "{within}");
        }
    }
}

#[test]
fn zones_that_are_offsets_become_utc_too() {
    let bench = Bench::new();
    let times = TimestampMicrosecondArray::from(vec![0]).with_timezone("+05:30");
    let values = imported(&bench, "t", list_of(Arc::new(times))).unwrap();
    assert!(values[0].ends_with(r#"{"c":["1970-01-01T00:00:00Z"]}"#), "{values:?}");
}

#[test]
fn keys_of_maps_are_text() {
    let bench = Bench::new();
    let entries = StructArray::from(vec![
        (Arc::new(Field::new("key", DataType::Int64, false)), Arc::new(Int64Array::from(vec![1, -2])) as ArrayRef),
        (Arc::new(Field::new("value", DataType::Utf8, true)), Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef),
    ]);
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let offsets = arrow_buffer::OffsetBuffer::from_lengths([2]);
    let map: ArrayRef = Arc::new(MapArray::new(field, offsets, entries, None, false));
    for (topic, column) in [("map", Arc::clone(&map)), ("list", list_of(map))] {
        let values = imported(&bench, topic, column).unwrap();
        assert!(values[0].contains(r#"{"1":"a","-2":"b"}"#), "{values:?}");
    }
}

#[test]
fn what_json_has_nothing_for_names_its_column() {
    let bench = Bench::new();
    let fields = UnionFields::from_fields([Field::new("n", DataType::Int32, true)]);
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let column: ArrayRef = Arc::new(UnionArray::try_new(fields, vec![0].into(), None, vec![numbers]).unwrap());
    let error = imported(&bench, "t", list_of(column)).unwrap_err().to_string();
    assert!(error.starts_with("read rows: column c: there is no JSON for the type Union("), "{error}");
}

#[cfg(feature = "feather")]
#[test]
fn files_of_arrow_that_are_no_feather_say_what_they_are() {
    let bench = Bench::new();
    bench.create("t");
    let columns = RecordBatch::try_from_iter([("c", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    let mut stream = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &columns.schema()).unwrap();
    stream.write(&columns).unwrap();
    let stream = stream.into_inner().unwrap();
    for (bytes, why, hint) in [
        (&stream[..], "it is a stream of Arrow's, which is not read", "write it as an IPC file"),
        (b"FEA1____FEA1", "it is a file of Feather's first version, which is not read", "write it with version 2"),
    ] {
        let error = bench.import(bytes, "t", "feather", |_| {}).unwrap_err();
        assert_eq!((error.message(), error.hint_text()), (why, Some(hint)));
    }
}

/// A file of Feather, and one of Parquet, in which an integer says of itself that it has 128 bits.
#[cfg(all(feature = "feather", feature = "parquet"))]
#[test]
fn integers_of_128_bits_are_refused_by_name() {
    let bench = Bench::new();
    bench.create("t");
    let columns = RecordBatch::try_from_iter([("huge", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    let mut stream = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &columns.schema()).unwrap();
    stream.write(&columns).unwrap();
    let feather = widened(stream.into_inner().unwrap());
    let encoded = parquet::arrow::encode_arrow_schema(&columns.schema());
    let message = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &encoded).unwrap();
    let wide = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, widened(message));
    let mut file = parquet::arrow::ArrowWriter::try_new(Vec::new(), columns.schema(), None).unwrap();
    file.write(&columns).unwrap();
    let bytes = file.into_inner().unwrap();
    let at = bytes.windows(encoded.len()).position(|part| part == encoded.as_bytes()).unwrap();
    let parquet = [&bytes[..at], wide.as_bytes(), &bytes[at + wide.len()..]].concat();
    for (format, bytes) in [("feather", feather), ("parquet", parquet)] {
        let error = bench.import(&bytes, "t", format, |_| {}).unwrap_err().to_string();
        assert_eq!(error, "read file: column huge: columns of the type Int128 are not read", "{format}");
    }
}

/// The same with 128 wherever the number 64 stands alone, as the width of an integer does.
#[cfg(all(feature = "feather", feature = "parquet"))]
fn widened(mut bytes: Vec<u8>) -> Vec<u8> {
    let width = 64_i32.to_le_bytes();
    let places: Vec<usize> = (0..bytes.len() - 4).step_by(4).filter(|at| bytes[*at..*at + 4] == width).collect();
    places.into_iter().for_each(|at| bytes[at] = 128);
    bytes
}

#[cfg(feature = "parquet")]
#[test]
fn columns_that_are_packed_with_brotli_say_so() {
    use parquet::basic::Compression;
    let bench = Bench::new();
    bench.create("t");
    let columns = RecordBatch::try_from_iter([("c", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    let properties = parquet::file::properties::WriterProperties::builder().set_compression(Compression::LZ4).build();
    let mut file = parquet::arrow::ArrowWriter::try_new(Vec::new(), columns.schema(), Some(properties)).unwrap();
    file.write(&columns).unwrap();
    let mut bytes = file.into_inner().unwrap();
    let footer =
        bytes.len() - 8 - u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
    // The path of the column, and behind it the number of its codec: 5 is LZ4, and 4 is brotli, twice as much as a
    // number in Thrift's form.
    let path = bytes[footer..].windows(4).position(|part| part == [0x18, 1, b'c', 0x15]).unwrap() + footer;
    assert_eq!(bytes[path + 4], 10);
    bytes[path + 4] = 8;
    let error = bench.import(&bytes, "t", "parquet", |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "read file: column c: it is packed with brotli");
    assert!(error.hint_text().is_some());
}

/// The values that a file of ORC becomes, in order.
#[cfg(feature = "orc")]
fn values_of_orc(file: &[u8]) -> Vec<String> {
    let bench = Bench::new();
    bench.create("t");
    bench.import(file, "t", "orc", |_| {}).unwrap();
    let mut values = bench.values("t");
    values.sort();
    values
}

#[cfg(feature = "orc")]
#[test]
fn times_of_orc_before_1970_are_those_that_pyarrow_meant() {
    let values = values_of_orc(include_bytes!("orc/before_1970.orc"));
    let times = [
        "1955-03-04T05:06:07.000000001",
        "1955-03-04T05:06:07.500",
        "1969-12-30T23:59:59.876544",
        "1969-12-31T23:59:58.500",
        "1969-12-31T23:59:59",
        "1969-12-31T23:59:59.999999999",
        "1970-01-01T00:00:00",
        "2001-01-01T00:00:00.000000001",
    ];
    let mut expected: Vec<String> = times.iter().map(|time| format!(r#"- {{"t":"{time}","l":["{time}Z"]}}"#)).collect();
    expected.push(r#"- {"t":null,"l":[null]}"#.into());
    expected.sort();
    assert_eq!(values, expected);
}

#[cfg(feature = "orc")]
#[test]
fn times_of_orc_without_nanoseconds_are_what_they_say_however_much_a_column_spans() {
    let values = values_of_orc(include_bytes!("orc/wide.orc"));
    let times = [
        "1931-05-06T00:00:00",
        "1969-07-20T20:17:00",
        "1999-12-31T23:59:59.123456",
        "2004-02-29T00:00:00",
        "2026-11-30T12:30:15.250",
    ];
    assert_eq!(values, times.map(|time| format!(r#"- {{"t":"{time}"}}"#)));
}

#[cfg(feature = "orc")]
#[test]
fn times_of_orc_that_may_be_two_are_refused() {
    let bench = Bench::new();
    bench.create("t");
    let error = bench.import(include_bytes!("orc/unclear.orc"), "t", "orc", |_| {}).unwrap_err();
    let why = "read file: column t: it has times before 1970 with negative nanoseconds, which ORC does not have";
    assert_eq!((error.to_string().as_str(), error.hint_text()), (why, Some("write the file as Parquet")));
    assert!(bench.values("t").is_empty());
}

#[cfg(feature = "orc")]
#[test]
fn times_of_orc_come_from_beyond_what_nanoseconds_hold() {
    let values = values_of_orc(include_bytes!("orc/far.orc")).join("\n");
    assert!(values.contains("9999-12-31T23:59:59.999\"") && values.contains("0001-01-01T00:00:00\""), "{values}");
}
