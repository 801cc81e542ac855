//! The limits that the operating system sets a process.

use crate::support::{Sandbox, seen};

/// Each partition in use takes up to three files: these take more than the soft limit, and few enough for the hard one.
#[test]
fn the_soft_limit_of_open_files_is_raised() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch -q many --partitions 100 2> /dev/null");
    sandbox.write("lines", (0..100).map(|p| format!("{{\"partition\":{p},\"value\":\"v{p}\"}}\n")).collect::<String>());
    assert_eq!(
        sandbox.text(
            "ulimit -Sn 64; kafi produce many --json -l lines -q && kafi cat many | wc -l && kafi wc -q many --json"
        ),
        "100\n{\"storage\":\"./kafi-data\",\"topic\":\"many\",\"messages\":100,\"key_bytes\":0,\"value_bytes\":290,\"tombstones\":0}\n"
    );
    let refused = seen(&sandbox.run("ulimit -n 64; kafi cat many"));
    let (error, hint) = (
        ": too many open files\n",
        "! hint: each partition in use takes up to three files: raise the limit (ulimit -n)\n? 1\n",
    );
    assert!(refused.starts_with("! error: ") && refused.ends_with(&format!("{error}{hint}")), "{refused}");
}

/// What a limit on the size of files refuses is told, as on a full disk, and leaves nothing.
#[test]
fn a_file_beyond_its_limit_is_no_sudden_end() {
    let sandbox = Sandbox::new();
    sandbox.text("seq 100000 | kafi produce t --create -q");
    let refused = seen(&sandbox.run("ulimit -f 100; kafi export t t.csv; echo $?; ls -A; kafi cp t ./copy/t"));
    assert!(refused.contains("error: write file: path t.csv: file too large"), "{refused}");
    assert!(refused.contains("1\nkafi-data\n") && refused.ends_with("? 1\n"), "{refused}");
}
