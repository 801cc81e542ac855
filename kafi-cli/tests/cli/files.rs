//! The files of storages.

use crate::support::Sandbox;

#[test]
fn files_are_copied_listed_printed_and_deleted() {
    Sandbox::new().check(
        r#"
        $ printf 'id,name\n1,cookie\n' > x.csv; printf two > 'y z.csv'
        $ kafi file cp x.csv 'y z.csv' ./data/files/
        ! error: create file: path ./data/files/x.csv: no such file or directory
        ? 1
        $ mkdir -p configs/locals && printf 'local:\n  root.dir: ./data\n' > configs/locals/l.yaml
        $ kafi file cp x.csv l:a/b.csv -q && kafi file cp x.csv 'y z.csv' l:a/ -q && kafi file cp x.csv l: -q
        $ kafi file ls l:; kafi file ls l:a/b; kafi file ls 'l:*x.csv' -l; kafi file ls ./data/ --json -l
        a/b.csv
        a/x.csv
        a/y z.csv
        x.csv
        a/b.csv
        FILE     BYTES
        a/x.csv   17 B
        x.csv     17 B
        {"storage":"./data","file":"a/b.csv","bytes":17}
        {"storage":"./data","file":"a/x.csv","bytes":17}
        {"storage":"./data","file":"a/y z.csv","bytes":3}
        {"storage":"./data","file":"x.csv","bytes":17}
        $ kafi file cat l:a/b.csv x.csv ./data/files/x.csv; ls -A data/files data/files/a
        id,name
        1,cookie
        id,name
        1,cookie
        id,name
        1,cookie
        data/files:
        a
        x.csv
        
        data/files/a:
        b.csv
        x.csv
        y z.csv
        $ kafi file cp l:a/x.csv copy.csv -q && cmp x.csv copy.csv && mkdir out && kafi file cp 'l:a/*' out -q && ls out
        b.csv
        x.csv
        y z.csv
        $ kafi file cp l:x.csv out/ 2>&1 | sed 's/in .* s/in T s/'
        1 copied, 17 bytes in T s
        $ kafi file rm l:a/b.csv
        ! error: delete files: nobody can be asked here
        ! hint: -y deletes without asking
        ? 2
        $ kafi file rm -y 'l:a/*' l:x.csv && kafi file ls l:; kafi ls l:
        "#,
    );
}

#[test]
fn what_is_no_file_is_said_in_one_line() {
    Sandbox::new().check(
        r#"
        $ kafi file cat ./data/x.csv
        ! error: read file: path ./data/x.csv: no such file or directory
        ? 1
        $ kafi file ls ./data/; kafi file cat mem:x.csv
        ! error: open file: file x.csv, storage mem: there is no such file
        ? 1
        $ kafi file cat mem:../x.csv
        ! error: check file name: file "../x.csv": a name does not lead through . or ..
        ? 2
        $ kafi file cat mem:
        ! error: read address: address "mem:": this names no file
        ! hint: kafi file ls mem: lists what is there
        ? 2
        $ kafi file ls x.csv
        ! error: list files: address "x.csv": this names no storage
        ! hint: a storage is written with its colon (prod:), a folder with a slash at its end (./data/)
        ? 2
        $ kafi file rm -y x.csv
        ! error: delete files: file x.csv: this names no file of a storage
        ! hint: the rm of the system deletes local files
        ? 2
        $ kafi file rm -y 'mem:*.csv'
        ! error: find files: address mem:*.csv: no file matches
        ? 1
        $ kafi file cp a b mem:c
        ! error: copy files: to mem:c: several files cannot become one
        ! hint: a storage (prod:) or a folder (./) keeps their names
        ? 2
        $ kafi file cp mem:a -
        ! error: copy files: - is not the name of a file here
        ! hint: kafi file cat prints files
        ? 2
        "#,
    );
}

#[test]
fn topics_become_files_and_come_back() {
    Sandbox::new().check(
        r#"
        $ printf '{"id":9007199254740993,"price":19.990}\n{"id":2,"name":"a, b","at":{"x":1}}\n' > rows.jsonl
        $ kafi import rows.jsonl t 2>&1; kafi import rows.jsonl t --create --key-column id -q && kafi cat t -K:
        error: find topic: topic t, storage ./kafi-data: no such topic
        hint: --create creates it
        9007199254740993:{"id":9007199254740993,"price":19.990}
        2:{"id":2,"name":"a, b","at":{"x":1}}
        $ kafi export t t.csv 2>&1 | sed 's/in .* s/in T s/'; cat t.csv; kafi export t - --format tsv --columns key,offset,value.at.x -q | tr '\t' '|'
        2 exported, 65 bytes in T s
        id,price,name,at
        9007199254740993,19.990,,
        2,,"a, b","{""x"":1}"
        key|offset|at.x
        9007199254740993|0|
        2|1|1
        $ kafi export t - --format json --flatten _ -n 1 -o 1 -q; kafi export t t.json.zst --array -q; kafi import t.json.zst u --create -q; kafi wc u -q | tail -1
        {"id":2,"name":"a, b","at_x":1}
        u             2          0           73           0
        $ kafi export t e.csv.gz --envelope -q && kafi touch v && kafi import e.csv.gz v --envelope -q && kafi diff t v -q && echo same
        same
        $ gzip -dc e.csv.gz | kafi import - w --format csv --envelope --create -q && kafi diff t w -q && echo same
        same
        $ mkdir -p configs/locals && printf 'local:\n  root.dir: ./data\n' > configs/locals/l.yaml
        $ kafi export t l:reports/t.tsv -q && kafi file ls l: && kafi import l:reports/t.tsv <(echo '{"id":3}') x --create 2>&1
        reports/t.tsv
        error: find format: file /dev/fd/63: the name says no format that is known
        hint: --format says which: csv, tsv, json, xml, xlsx, parquet, feather, orc; .gz or .zst behind those of text compresses
        ? 2
        $ kafi import l:reports/t.tsv x --create -q && kafi import <(echo '{"id":3}') x --format json -q && kafi cat x
        {"id":9007199254740993,"price":19.990,"name":null,"at":null}
        {"id":2,"price":null,"name":"a, b","at":"{\"x\":1}"}
        {"id":3}
        "#,
    );
}

#[test]
fn what_cannot_be_exported_or_imported_leaves_nothing() {
    Sandbox::new().check(
        r#"
        $ printf '{"id":1}\n' | kafi produce t --create -q
        $ kafi export t x.doc; kafi export t x.csv --columns kye
        ! error: find format: file x.doc: the name says no format that is known
        ! hint: --format says which: csv, tsv, json, xml, xlsx, parquet, feather, orc; .gz or .zst behind those of text compresses
        ! error: read arguments: invalid value 'kye' for '--columns <LIST>': "kye": there is no such column; there are topic, partition, offset, timestamp, timestamp_type, headers, key, value, value.*, value.NAME
        ? 2
        $ kafi export t - --format csv -g g; kafi export t x.csv -f; kafi export t x.csv --array; kafi export nope x.csv
        ! error: read arguments: argument -g: nobody knows whether what went to standard output has arrived
        ! hint: kafi cat prints messages, and commits
        ! error: read arguments: argument -f: a file is whole or not at all, and this one would never be
        ! hint: --roll 10min writes one after another
        ! error: read arguments: argument --array: only JSON is written so
        ! error: find topic: topic nope, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        $ kafi export t x.csv -t avro 2>/dev/null; ls -A; printf '{"id":1}\n{"id"' > cut.json; kafi import cut.json t -q
        kafi-data
        ! error: read JSON: row 2, file cut.json: the file ends in the middle: it is damaged or cut off
        ? 1
        "#,
    );
}

#[test]
fn files_follow_one_another_and_groups_commit_when_they_are_whole() {
    Sandbox::new().check(
        r#"
        $ seq -f '{"id":%g}' 5 | kafi produce t --create -q
        $ kafi export t out.csv.gz --roll 2 2>&1 | sed 's/in .* s/in T s/; s/[0-9]* bytes/N bytes/'; ls; zcat out-00003.csv.gz
        5 exported, N bytes, 3 files in T s
        kafi-data
        out-00001.csv.gz
        out-00002.csv.gz
        out-00003.csv.gz
        id
        5
        $ kafi export t out.csv.gz --roll 1h -n 1 -q && ls out-00004.csv.gz
        out-00004.csv.gz
        $ kafi export t ./nothing/x.csv -g g -o start -q
        ! error: create file: path ./nothing/x.csv: no such file or directory
        ? 1
        $ kafi export t g.csv -g g -o start -q; wc -l < g.csv; echo '{"id":6}' | kafi produce t -q; kafi export t g.csv -g g -q; cat g.csv
        6
        id
        6
        $ kafi export t - --format tsv -q --filter '.value.id > 3' --map '{value: (.value + {twice: (.value.id * 2)})}' -n 2 | tr '\t' '|'
        id|twice
        4|8
        5|10
        $ kafi export t x.csv --roll 10x
        ! error: read arguments: invalid value '10x' for '--roll <WHEN>': it is a number of messages, a size such as 100MB, or a time such as 10min
        ? 2
        "#,
    );
}

#[test]
fn schemas_say_what_columns_are() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "order.avsc",
        r#"{"type":"record","name":"shop.Order","fields":[{"name":"id","type":"int"},{"name":"note","type":["null","string"]},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"day","type":{"type":"int","logicalType":"date"}},{"name":"raw","type":"bytes"},{"name":"tags","type":{"type":"map","values":"int"}}]}"#,
    );
    sandbox.write(
        "order.proto",
        "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; message Order { uint64 id = 1; google.protobuf.Timestamp at = 2; bytes raw = 3; repeated string tags = 4; }",
    );
    sandbox.check(
        r#"
        $ printf '{"id":1,"note":null,"price":19.90,"at":1767323045123,"day":20455,"raw":"ÿ","tags":{"a":1}}\n' > avro.jsonl
        $ kafi import avro.jsonl avro --create --value-type avro --value-schema @order.avsc -q
        $ kafi export avro x.parquet -q; kafi import x.parquet back --create -q; kafi cat back
        {"id":1,"note":null,"price":19.90,"at":"2026-01-02T03:04:05.123Z","day":"2026-01-02","raw":"/w==","tags":{"a":1}}
        $ kafi export avro y.feather --columns key,value.at,offset -q; kafi import y.feather parts --create -q; kafi cat parts
        {"key":null,"at":"2026-01-02T03:04:05.123Z","offset":0}
        $ kafi export avro z.parquet --infer all -q; kafi import z.parquet found --create -q; kafi cat found
        {"id":1,"note":null,"price":19.90,"at":1767323045123,"day":20455,"raw":"ÿ","tags":{"a":1}}
        $ printf '{"id":18446744073709551615,"at":"2026-01-02T03:04:05.123456789Z","raw":"/w==","tags":["a"]}\n' > pb.jsonl
        $ kafi import pb.jsonl pb --create --value-type pb --value-schema @order.proto -q
        $ kafi export pb x.feather -q; kafi import x.feather back_pb --create -q; kafi cat back_pb
        {"id":18446744073709551615,"at":"2026-01-02T03:04:05.123456789Z","raw":"/w==","tags":["a"]}
        $ printf '{"id":7,"day":"2026-01-02"}\n{"id":8,"price":"1.5"}\n' | kafi produce plain --create -q
        $ kafi export plain p.parquet --schema order.avsc -q; kafi import p.parquet back_plain --create -q; kafi cat back_plain
        {"id":7,"note":null,"price":null,"at":null,"day":"2026-01-02","raw":null,"tags":null}
        {"id":8,"note":null,"price":1.50,"at":null,"day":null,"raw":null,"tags":null}
        $ echo '{"other":1}' | kafi produce plain -q; kafi export plain p.parquet --schema order.avsc -q
        ! error: write row: column other, topic plain, partition 0, offset 2: nothing said before the first row that there is such a column
        ! hint: --infer all looks at all messages first; --columns says which columns there are
        ? 1
        $ kafi touch letters; echo '{"id":1.5}' | kafi produce plain -q; kafi export plain p.parquet --schema order.avsc --on-error dlq=letters 2>&1 | sed 's/in .* s/in T s/; s/[0-9]* bytes/N bytes/'
        warning: left out: write row: column other, topic plain, partition 0, offset 2: nothing said before the first row that there is such a column
        warning: left out: write row: column id, topic plain, partition 0, offset 3: 1.5 does not fit into Int32
        2 exported, N bytes, 2 skipped in T s
        $ kafi cat letters; kafi import p.parquet back_rest --create -q; kafi wc back_rest --json 2>/dev/null | grep -o '"messages":[0-9]*'
        {"other":1}
        {"id":1.5}
        "messages":2
        "#,
    );
}

#[test]
fn payloads_of_avro_become_columns_without_text_between() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "all.avsc",
        r#"{"type":"record","name":"R","fields":[
            {"name":"none","type":"null"},{"name":"ok","type":"boolean"},{"name":"int","type":"int"},
            {"name":"long","type":["null","long"]},{"name":"float","type":"float"},{"name":"double","type":["double","null"]},
            {"name":"text","type":"string"},{"name":"raw","type":"bytes"},{"name":"fix","type":{"type":"fixed","name":"F","size":2}},
            {"name":"price","type":["null",{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}]},
            {"name":"big","type":{"type":"bytes","logicalType":"decimal","precision":60,"scale":2}},
            {"name":"fixprice","type":{"type":"fixed","name":"P","size":9,"logicalType":"decimal","precision":20,"scale":3}},
            {"name":"color","type":{"type":"enum","name":"E","symbols":["RED","BLUE"]}},
            {"name":"uuid","type":{"type":"string","logicalType":"uuid"}},{"name":"day","type":{"type":"int","logicalType":"date"}},
            {"name":"time","type":{"type":"int","logicalType":"time-millis"}},{"name":"micros","type":{"type":"long","logicalType":"time-micros"}},
            {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"nanos","type":{"type":"long","logicalType":"timestamp-nanos"}},
            {"name":"local","type":{"type":"long","logicalType":"local-timestamp-micros"}},
            {"name":"some","type":["null","int","string"]},{"name":"tags","type":{"type":"array","items":["null","string"]}},
            {"name":"map","type":{"type":"map","values":"long"}},
            {"name":"inner","type":["null",{"type":"record","name":"I","fields":[{"name":"x","type":"int"},{"name":"b","type":"bytes"}]}]}]}"#,
    );
    sandbox.write(
        "rows.jsonl",
        concat!(
            r#"{"none":null,"ok":true,"int":-2147483648,"long":9223372036854775807,"float":0.1,"double":-2.5e-300,"text":"ä \"q\" \\ \u0001","raw":"ÿ\u0000","fix":"ab","price":-19.90,"big":12345678901234567890123456789012345678901234567890.12,"fixprice":-12345678901234567.890,"color":"BLUE","uuid":"123e4567-e89b-12d3-a456-426614174000","day":-1,"time":3723004,"micros":3723004005,"at":1767323045123,"nanos":1767323045123456789,"local":1767323045123456,"some":{"string":"s"},"tags":["a",null,""],"map":{"k":1},"inner":{"x":-1,"b":"\u00fe"}}"#,
            "\n",
            r#"{"none":null,"ok":false,"int":0,"long":null,"float":"NaN","double":null,"text":"","raw":"","fix":"\u0000\u0000","price":null,"big":0.00,"fixprice":0.000,"color":"RED","uuid":"","day":0,"time":0,"micros":0,"at":-1001,"nanos":-1000000001,"local":0,"some":7,"tags":[],"map":{},"inner":null}"#,
            "\n"
        ),
    );
    // With a column of the message beside them, values are read as values first.
    sandbox.check(
        r#"
        $ kafi import rows.jsonl rows.jsonl t --create --value-type avro --value-schema @all.avsc -q
        $ for f in parquet feather orc; do kafi export t a.$f -q && kafi export t b.$f --columns 'value.*,partition' -q; done 2>/dev/null
        $ for f in parquet feather orc; do kafi import a.$f a-$f --create -q; kafi import b.$f b-$f --create -q; kafi cat a-$f > a; kafi cat b-$f | sed 's/,"partition":0}/}/' > b; cmp a b && wc -l < a; done
        4
        4
        4
        $ kafi cat a-parquet -n 2
        {"none":null,"ok":true,"int":-2147483648,"long":9223372036854775807,"float":0.1,"double":-2.5e-300,"text":"ä \"q\" \\ \u0001","raw":"/wA=","fix":"YWI=","price":-19.90,"big":12345678901234567890123456789012345678901234567890.12,"fixprice":-12345678901234567.890,"color":"BLUE","uuid":"123e4567-e89b-12d3-a456-426614174000","day":"1969-12-31","time":"01:02:03.004","micros":"01:02:03.004005","at":"2026-01-02T03:04:05.123Z","nanos":"2026-01-02T03:04:05.123456789Z","local":"2026-01-02T03:04:05.123456","some":"s","tags":["a",null,""],"map":{"k":1},"inner":{"x":-1,"b":"/g=="}}
        {"none":null,"ok":false,"int":0,"long":null,"float":"NaN","double":null,"text":"","raw":"","fix":"AAA=","price":null,"big":0.00,"fixprice":0.000,"color":"RED","uuid":"","day":"1970-01-01","time":"00:00:00","micros":"00:00:00","at":"1969-12-31T23:59:58.999Z","nanos":"1969-12-31T23:59:58.999999999Z","local":"1970-01-01T00:00:00","some":"7","tags":[],"map":{},"inner":null}
        $ printf '{"id":1}\n' > one.jsonl; echo '{"type":"record","name":"R","fields":[{"name":"id","type":"int"}]}' > one.avsc
        $ echo '{"type":"record","name":"R","fields":[{"name":"id","type":"long"},{"name":"more","type":"string","default":"x"}]}' > two.avsc; printf '{"id":9007199254740993,"more":"m"}\n' > two.jsonl
        $ kafi import one.jsonl grown --create --value-type avro --value-schema @one.avsc -q; kafi import two.jsonl grown --value-type avro --value-schema @two.avsc -q; echo '{"id":1.5,"more":2}' | kafi produce grown -q
        $ kafi export grown g.parquet -n 2 -q; kafi import g.parquet g --create -q; kafi cat g; kafi export grown g.parquet -q; kafi import g.parquet g2 --create -q; kafi cat g2
        {"id":1,"more":null}
        {"id":9007199254740993,"more":"m"}
        {"id":1.0,"more":null}
        {"id":9007199254740993.0,"more":"m"}
        {"id":1.5,"more":"2"}
        $ echo '{"type":"record","name":"R","fields":[{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}' > at.avsc; printf '{"at":-1000}\n{"at":-1}\n{"at":0}\n' > at.jsonl
        $ kafi import at.jsonl times --create --value-type avro --value-schema @at.avsc -q; kafi export times at.orc
        ! error: write row: column at, topic times, partition 0, offset 1: ORC has no number for a point in time with a fraction in the last second before 1970
        ! hint: Parquet and Feather have it
        ? 1
        $ kafi export times at.orc --on-error skip -q; kafi import at.orc at --create -q; kafi cat at
        {"at":"1969-12-31T23:59:59Z"}
        {"at":"1970-01-01T00:00:00Z"}
        "#,
    );
}

/// What Avro exports comes back under the same schema: bytes, dates, and times too.
#[test]
fn columns_come_back_under_the_schema_of_avro() {
    let sandbox = Sandbox::new();
    let logical = |shape: &str, name: &str| format!(r#"{{"type":"{shape}","logicalType":"{name}"}}"#);
    let fields = [
        ("raw", r#"["null","bytes"]"#.to_string()),
        ("fix", r#"{"type":"fixed","name":"F","size":2}"#.to_string()),
        ("raws", r#"{"type":"array","items":"bytes"}"#.to_string()),
        ("named", r#"{"type":"map","values":"bytes"}"#.to_string()),
        ("in", r#"{"type":"record","name":"In","fields":[{"name":"raw","type":"bytes"}]}"#.to_string()),
        ("day", format!(r#"["null",{}]"#, logical("int", "date"))),
        ("ms", logical("int", "time-millis")),
        ("us", logical("long", "time-micros")),
        ("at", logical("long", "timestamp-millis")),
        ("micros", logical("long", "timestamp-micros")),
        ("nanos", logical("long", "timestamp-nanos")),
        ("local", logical("long", "local-timestamp-micros")),
        ("double", r#""double""#.to_string()),
    ];
    let fields: Vec<String> =
        fields.iter().map(|(name, type_)| format!(r#"{{"name":"{name}","type":{type_}}}"#)).collect();
    sandbox.write("all.avsc", format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, fields.join(",")));
    let rows = [
        r#"{"raw":"\u00ff\u0000a","fix":"\u0080b","raws":["\u00fe",""],"named":{"k":"\u00fd"},"in":{"raw":"\u00fc"},"day":-1,"ms":1,"us":2,"at":-999,"micros":1767323045123456,"nanos":-1,"local":-1000001,"double":"-Infinity"}"#,
        r#"{"raw":null,"fix":"ab","raws":[],"named":{},"in":{"raw":""},"day":null,"ms":86399999,"us":86399999999,"at":253402300799999,"micros":0,"nanos":0,"local":0,"double":"NaN"}"#,
    ];
    sandbox.write("rows.jsonl", rows.join("\n"));
    sandbox.check(
        r#"
        $ kafi import rows.jsonl t --create --value-type avro --value-schema @all.avsc -q
        $ for f in parquet feather; do kafi export t a.$f -q; kafi import a.$f $f --create --value-type avro --value-schema @all.avsc -q; kafi cat $f > $f.out; done; kafi cat t > t.out
        $ cmp t.out parquet.out; cmp t.out feather.out && wc -l < t.out
        2
        "#,
    );
    sandbox.write("times.avsc", format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, fields[5..].join(",")));
    sandbox.write("times.jsonl", r#"{"day":20455,"ms":1000,"us":1,"at":1767323045123,"micros":1767323045123456,"nanos":1,"local":1000000,"double":0.5}"#);
    sandbox.check(
        r#"
        $ kafi import times.jsonl times --create --value-type avro --value-schema @times.avsc -q; kafi cat times > times.out
        $ kafi export times x.orc -q; kafi export times x.parquet -q; kafi import x.parquet text --create -q
        $ for f in csv json xml xlsx; do kafi export text x.$f -q; done; for f in orc csv json xml xlsx; do kafi import x.$f $f --create --value-type avro --value-schema @times.avsc -q; kafi cat $f | cmp - times.out; done
        "#,
    );
}

#[test]
fn xml_and_workbooks_are_files_too() {
    Sandbox::new().check(
        r#"
        $ printf '{"id":9007199254740993,"price":19.990}\n{"id":2,"name":"a, b","at":{"x":1}}\n' | kafi produce t --create -q
        $ kafi export t t.xml -q; cat t.xml; kafi import t.xml x --create -q; kafi cat x
        <?xml version='1.0' encoding='utf-8'?>
        <data>
        <row><id>9007199254740993</id><price>19.990</price></row>
        <row><id>2</id><name>a, b</name><at>{"x":1}</at></row>
        </data>
        {"id":9007199254740993,"price":19.990}
        {"id":2,"name":"a, b","at":"{\"x\":1}"}
        $ kafi export t t.xlsx 2>&1 | sed 's/in .* s/in T s/; s/[0-9]* bytes/N bytes/'; kafi import t.xlsx y --create -q; kafi cat y
        note: written as text, since no type of the format holds all of it: id
        2 exported, N bytes in T s
        {"id":"9007199254740993","price":19.990,"name":null,"at":null}
        {"id":2,"price":null,"name":"a, b","at":"{\"x\":1}"}
        $ printf 'id,p,h\n1,0,x\n2,no,y\n' > rows.csv; kafi import rows.csv z --create -q --partition-column p --header-column h --on-error skip
        ? 1
        $ kafi cat z -F '%h %v\n'; kafi import rows.csv z -q --partition-column p
        h=x {"id":1}
        ! error: read row: column p, row 2, file rows.csv: this is no partition
        ? 1
        "#,
    );
}

#[test]
fn members_keep_to_themselves_whatever_they_are_called() {
    Sandbox::new().check(
        r#"
        $ echo '{"offset":7,"key":"k","a":{"b":1}}' | kafi produce t --create -q; kafi export t - --format csv --columns key,offset,value.* -q
        key,offset,value.offset,value.key,a
        ,0,7,k,"{""b"":1}"
        $ kafi export t t.parquet --columns offset,value.* -q; kafi import t.parquet back --create -q; kafi cat back
        {"offset":0,"value.offset":7,"key":"k","a":{"b":1}}
        $ echo '{"a":{"b":1},"a.b":2}' | kafi produce t -q; for f in csv json xlsx parquet; do kafi export t x.$f --flatten .; done 2>&1
        error: write row: column a.b, topic t, partition 0, offset 1: two members of the value become this column
        hint: --flatten takes another separator
        error: write row: column a.b, topic t, partition 0, offset 1: two members of the value become this column
        hint: --flatten takes another separator
        error: write row: column a.b, topic t, partition 0, offset 1: two members of the value become this column
        hint: --flatten takes another separator
        error: write row: column a.b, topic t, partition 0, offset 1: two members of the value become this column
        hint: --flatten takes another separator
        ? 1
        $ kafi export t - --format csv --flatten . --on-error skip -q; kafi export t - --format json --flatten _ -o 1 -q
        offset,key,a.b
        7,k,1
        {"a_b":1,"a.b":2}
        "#,
    );
}

#[test]
fn files_of_other_programs_are_read_as_they_mean_it() {
    Sandbox::new().check(
        r#"
        $ printf 'a,b\r1,x\r2,"y\rz"' > old.csv; kafi import old.csv old --create -q; kafi cat old
        {"a":1,"b":"x"}
        {"a":2,"b":"y\rz"}
        $ printf 'a\n1.5\n""\n3.0\n' > one.csv; kafi import one.csv one --create -q; kafi cat one; kafi export one - --format csv -q
        {"a":1.5}
        {"a":null}
        {"a":3.0}
        a
        1.5
        ""
        3.0
        $ printf '\357\273\277{"a":1}\n' > mark.json; kafi import mark.json mark --create -q; kafi cat mark
        {"a":1}
        $ echo '{"a":1,"b":2,"a":3}' | kafi produce twice --create -q; kafi export twice t.xml -q; cat t.xml; kafi import t.xml xml --create -q; kafi cat xml
        <?xml version='1.0' encoding='utf-8'?>
        <data>
        <row><b>2</b><a>3</a></row>
        </data>
        {"b":2,"a":3}
        "#,
    );
}

#[test]
fn an_envelope_that_a_workbook_cannot_hold_is_skipped_by_itself() {
    Sandbox::new().check(
        r#"
        $ (echo a; head -c 40000 /dev/zero | tr '\0' x; echo) | kafi produce t --create -q; kafi export t t.xlsx --envelope
        ! error: write workbook: column value, topic t, partition 0, offset 1: a cell holds at most 32767 characters
        ? 1
        $ kafi export t t.xlsx --envelope --on-error skip -q; kafi import t.xlsx back --envelope --create -q; kafi cat back
        a
        "#,
    );
}

#[test]
fn schemas_are_made_of_columns() {
    Sandbox::new().check(
        r#"
        $ printf 'id,name,price,p\n1,cookie,19.990,0\n2,,2.5,0\n' > d.csv
        $ kafi import d.csv derived --create --value-type avro --derive-schema --partition-column p -q && kafi cat derived
        {"id":1,"name":"cookie","price":19.990}
        {"id":2,"name":null,"price":2.500}
        $ kafi export derived d.parquet -q && kafi import d.parquet again --create --value-type jsonschema --derive-schema -q
        $ kafi cat again && kafi registry get again-value
        {"id":1,"name":"cookie","price":19.990}
        {"id":2,"name":null,"price":2.500}
        {"$schema":"http://json-schema.org/draft-07/schema#","title":"again","type":"object","properties":{"id":{"type":["integer","null"]},"name":{"type":["string","null"]},"price":{"type":["number","null"]}}}
        $ kafi import d.csv t --create --derive-schema
        ! error: derive schema: a schema is made for values that have one
        ! hint: --value-type avro, or --value-type jsonschema
        ? 2
        $ kafi import - t --create --format csv --derive-schema --value-type avro < d.csv
        ! error: derive schema: what comes through a pipe is read once, and its columns are known at its end
        ! hint: save it to a file first
        ? 2
        $ printf '{"a b":1}\n' > bad.json; printf '{"x":1}\n{"x":"a"}\n' > mixed.json
        $ kafi import bad.json t --create --derive-schema --value-type avro
        ! error: make schema: column a b: this is no name for a field of Avro's: letters, digits, and _, no digit first
        ! hint: --value-schema FILE names a schema that somebody has written
        ? 2
        $ kafi import bad.json mixed.json t --create --derive-schema --value-type avro 2>&1 | head -n 1; kafi ls
        error: make schema: column a b: this is no name for a field of Avro's: letters, digits, and _, no digit first
        _schemas
        again
        derived
        $ kafi import mixed.json t --create --derive-schema --value-type avro
        ! error: make schema: column x: it holds values of several types, of which no schema is made
        ! hint: --value-schema FILE names a schema that somebody has written
        ? 2
        "#,
    );
}
