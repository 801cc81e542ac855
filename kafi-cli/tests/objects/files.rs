//! Topics as files in a bucket and in a container.

use crate::places::on_both;

#[test]
fn files_lie_beside_topics_and_urls_name_objects() {
    on_both(|place| {
        place.sandbox.check(
            r#"
            $ printf '{"id":1,"name":"a, b"}\n{"id":9007199254740993}\n' | kafi produce o:orders --create -q
            $ kafi export o:orders o:reports/orders.csv -q && kafi file ls o: -l && kafi file cat o:reports/orders.csv
            FILE                BYTES
            reports/orders.csv   35 B
            id,name
            1,"a, b"
            9007199254740993,
            $ kafi import o:reports/orders.csv o:again --create -q && kafi cat o:again && kafi ls o:
            {"id":1,"name":"a, b"}
            {"id":9007199254740993,"name":null}
            again
            orders
            $ kafi file rm o:reports/orders.csv -y && kafi file ls o: && kafi file cat o:reports/orders.csv
            ! error: open file: file reports/orders.csv, storage o: there is no such file
            ? 1
            "#,
        );
        // Those that are read from their end, in pieces, and those that are read as streams. What was missing is null where
        // there are columns, and Excel takes so many digits as text.
        for (suffix, second) in [
            ("tsv.gz", r#"{"id":9007199254740993,"name":null}"#),
            ("json.zst", r#"{"id":9007199254740993}"#),
            ("xml", r#"{"id":9007199254740993}"#),
            ("xlsx", r#"{"id":"9007199254740993","name":null}"#),
            ("parquet", r#"{"id":9007199254740993,"name":null}"#),
            ("feather", r#"{"id":9007199254740993,"name":null}"#),
            ("orc", r#"{"id":9007199254740993,"name":null}"#),
        ] {
            let file = format!("o:all/x.{suffix}");
            let line = format!(
                "kafi export o:orders {file} -q && kafi import {file} ./{suffix} --create -q && kafi cat ./{suffix}"
            );
            assert_eq!(place.sandbox.text(&line), format!("{{\"id\":1,\"name\":\"a, b\"}}\n{second}\n"), "{suffix}");
        }
        // Larger than a part, and named by a URL: the object is what stands there, with nothing between.
        let large: Vec<u8> = (0..5_000_000_u32).flat_map(u32::to_le_bytes).collect();
        place.sandbox.write("large", &large);
        let (keys, url) = (place.keys(), place.address("large.bin"));
        let inner = place.address("files/large.bin");
        let run = |line: &str| place.sandbox.run(&format!("{keys} {line}"));
        assert!(run(&format!("kafi file cp large {url} -q")).status.success());
        assert!(run(&format!("kafi file cat {url}")).stdout == large);
        assert!(!run(&format!("kafi file cat {inner}")).status.success());
        assert!(
            run(&format!("kafi file cp large o:large.bin -q && kafi file cat {inner} | cmp - large")).status.success()
        );
    });
}
