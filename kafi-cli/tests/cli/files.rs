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
        hint: --format says which: csv, tsv, json, parquet, feather; .gz or .zst behind csv, tsv, and json compresses
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
        ! hint: --format says which: csv, tsv, json, parquet, feather; .gz or .zst behind csv, tsv, and json compresses
        ! error: read arguments: invalid value 'kye' for '--columns <LIST>': "kye": there is no such column; there are topic, partition, offset, timestamp, timestamp_type, headers, key, value, value.*, value.NAME
        ? 2
        $ kafi export t x.csv -g g; kafi export t x.csv --array; kafi export nope x.csv
        ! error: read arguments: argument -g: a file is whole or not at all, and no group commits for it
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
