//! XML, and workbooks.

use super::*;

#[cfg(feature = "xml")]
#[test]
fn xml_has_the_shape_of_pandas() {
    let bench = Bench::new();
    bench.fill("t", &[Some(br#"{"id":1,"a b":"x<&\u0001","none":null,"empty":""}"#), None]);
    let xml = bench.text("t", "xml", |_| {});
    let row = "<id>1</id><a_x0020_b>x&lt;&amp;_x0001_</a_x0020_b><none/><empty></empty>";
    assert_eq!(
        xml,
        format!("<?xml version='1.0' encoding='utf-8'?>\n<data>\n<row>{row}</row>\n<row></row>\n</data>\n")
    );
    bench.create("u");
    bench.import(xml.as_bytes(), "u", "xml", |_| {}).unwrap();
    let values = bench.values("u");
    assert!(values.contains(&r#"- {"id":1,"a b":"x<&\u0001","none":null,"empty":""}"#.to_string()), "{values:?}");
    let of_pandas = "<?xml version='1.0' encoding='utf-8'?>\n<data>\n  <row>\n    <index>0</index>\n    <id>9007199254740993</id>\n    <ok>True</ok>\n    <name/>\n  </row>\n  <row kind=\"b\">\n    <index>1</index>\n    <id>2</id>\n    <ok/>\n    <name><![CDATA[<b>]]></name>\n  </row>\n</data>";
    for from_stream in [false, true] {
        let topic = format!("pandas-{from_stream}");
        bench.create(&topic);
        let stream = FileInput::Stream(Box::new(Cursor::new(of_pandas.as_bytes().to_vec())));
        match from_stream {
            true => bench.import_from(stream, &topic, "xml", |_| {}),
            false => bench.import(of_pandas.as_bytes(), &topic, "xml", |_| {}),
        }
        .unwrap();
        let mut values = bench.values(&topic);
        values.sort();
        assert_eq!(
            values,
            [r#"- {"id":9007199254740993,"ok":true,"name":null}"#, r#"- {"kind":"b","id":2,"ok":null,"name":"<b>"}"#]
        );
    }
    for (bad, part) in [
        ("<data><row><a>1</a>", "row 1: the file ends in the middle"),
        ("", "the file ends in the middle"),
        ("<data><row><a><b/></a></row></data>", "column a"),
        ("<data><row><a/><a/></row></data>", "twice"),
        ("<data>text</data>", "outside of columns"),
        ("<data/><data/>", "behind the end"),
        ("<data><row><a>&lol;</a></row></data>", "lol"),
        ("<data><row><a>1</b></row></data>", "row 1"),
        ("{}", "outside of columns"),
    ] {
        let error = bench.import(bad.as_bytes(), "u", "xml", |_| {}).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains('\n'), "{bad}: {error}");
    }
}

#[cfg(feature = "xlsx")]
#[test]
fn workbooks_keep_digits_and_say_what_became_text() {
    let bench = Bench::new();
    let rows: [&[u8]; 3] = [
        br#"{"id":9007199254740993,"price":19.990,"ok":true,"name":"x\u0001 \n_x0041_","tags":["a"],"empty":""}"#,
        br#"{"id":2,"price":1e21,"ok":null,"name":" y ","empty":"z"}"#,
        br#"{"price":0.1234567890123456}"#,
    ];
    bench.fill("t", &rows.map(Some));
    let (exported, bytes) = bench.export("t", "xlsx", |_| {}).unwrap();
    assert_eq!((exported.rows, exported.texts), (3, vec!["id".to_string(), "price".to_string()]));
    bench.create("u");
    assert_eq!(bench.import(&bytes, "u", "xlsx", |_| {}).unwrap().written, 3);
    let mut values = bench.values("u");
    values.sort();
    assert_eq!(
        values,
        [
            r#"- {"id":"9007199254740993","price":19.990,"ok":true,"name":"x\u0001 \n_x0041_","tags":"[\"a\"]","empty":""}"#,
            r#"- {"id":2,"price":1e21,"ok":null,"name":" y ","tags":null,"empty":"z"}"#,
            r#"- {"id":null,"price":"0.1234567890123456","ok":null,"name":null,"tags":null,"empty":null}"#,
        ]
    );
    for bad in [&bytes[..bytes.len() / 2], b"{}", b"", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        let error = bench.import(bad, "u", "xlsx", |_| {}).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(32_768));
    bench.fill("long", &[Some(long.as_bytes())]);
    let error = bench.export("long", "xlsx", |_| {}).unwrap_err().to_string();
    assert!(error.contains("column name, topic long, partition 0, offset 0: a cell holds at most 32767"), "{error}");
}

/// An archive of a few kilobytes that claims to hold a row, or a string, without an end.
#[cfg(feature = "xlsx")]
#[test]
fn workbooks_that_blow_up_end_in_an_error() {
    use std::io::Write;

    let bench = Bench::new();
    bench.create("t");
    for (part, start, part_of_it) in [
        ("xl/worksheets/sheet1.xml", "<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>", "a row, or what stands"),
        ("xl/worksheets/sheet1.xml", "<worksheet><sheetData><row r=\"1\" x=\"", "a row, or what stands"),
        ("xl/sharedStrings.xml", "<sst><si><t>", "256 MiB"),
        ("xl/styles.xml", "<styleSheet>", "a row, or what stands"),
    ] {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_level(Some(1));
        let mut add = |name: &str, text: &str, times: usize| {
            zip.start_file(name, options).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
            let spaces = vec![b' '; 1 << 20];
            (0..times).for_each(|_| zip.write_all(&spaces).unwrap());
        };
        let links = "<Relationships><Relationship Id=\"r\" Target=\"worksheets/sheet1.xml\"/></Relationships>";
        add("xl/_rels/workbook.xml.rels", links, 0);
        add("xl/workbook.xml", "<workbook><sheets><sheet name=\"S\" r:id=\"r\"/></sheets></workbook>", 0);
        add(part, start, 9);
        let bytes = zip.finish().unwrap().into_inner();
        assert!(bytes.len() < 4 << 20, "{}", bytes.len());
        let error = bench.import(&bytes, "t", "xlsx", |_| {}).unwrap_err().to_string();
        assert!(error.contains(part_of_it) && !error.contains('\n'), "{part}: {error}");
    }
}
