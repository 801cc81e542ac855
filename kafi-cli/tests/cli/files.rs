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
