//! Storages from plugins: one that lies outside of the workspace, used as any other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::support::Sandbox;

/// The library of the example, built as its author would.
static JSONL: LazyLock<PathBuf> = LazyLock::new(|| {
    let target = Path::new(env!("CARGO_BIN_EXE_kafi")).ancestors().nth(2).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/plugins/jsonl");
    // The versions of the dependencies that are tested are those of the workspace.
    std::fs::copy(folder.join("../../../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--offline", "--lib", "--target-dir"]).arg(target).current_dir(folder);
    assert!(build.status().unwrap().success(), "the example can be built");
    target.join("debug").join(format!("{}kafi_jsonl{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX))
});

fn with_logs() -> Sandbox {
    let sandbox = Sandbox::new();
    let lines = [
        r#"{"key":"k1","value":{"id":1},"timestamp":1700000000000}"#,
        r#"{"level":"warn","size":19.990}"#,
        "",
        r#"{"level":"info","size":7}"#,
    ];
    sandbox.write("logs/access.jsonl", lines.join("\n"));
    sandbox.write("logs/empty.jsonl", "");
    sandbox.write("logs/bad.jsonl", "{}\nno json\n");
    std::fs::copy(&*JSONL, sandbox.path("jsonl.so")).unwrap();
    sandbox
}

#[test]
fn a_named_plugin_is_used_as_any_storage() {
    with_logs().check(
        r#"
        $ kafi --plugin jsonl.so ls jsonl://./logs/
        access
        bad
        empty
        $ kafi --plugin jsonl.so cat jsonl://./logs/access
        {"id":1}
        {"level":"warn","size":19.990}
        {"level":"info","size":7}
        $ kafi --plugin jsonl.so cat --json -o 1:2 jsonl://./logs/access
        {"topic":"access","partition":0,"offset":1,"timestamp":-1,"timestamp_type":"create","headers":[],"key":null,"value":{"level":"warn","size":19.990}}
        $ kafi --plugin jsonl.so tail -n 1 jsonl://./logs/access
        {"level":"info","size":7}
        $ kafi --plugin jsonl.so grep warn jsonl://./logs/access
        {"level":"warn","size":19.990}
        ! 3 read, 1 found in 0.0 s
        $ kafi --plugin jsonl.so watermarks jsonl://./logs/access
        TOPIC   PARTITION  LOW  HIGH  MESSAGES
        access          0    0     4         4
        $ kafi --plugin jsonl.so cp jsonl://./logs/access ./copy/ && kafi cat ./copy/access
        {"id":1}
        {"level":"warn","size":19.990}
        {"level":"info","size":7}
        ! 3 read, 3 written, 0 failed in 0.0 s
        $ echo hello | kafi --plugin jsonl.so produce jsonl://./logs/access
        ! error: produce: storage jsonl://./logs: this kind of storage cannot do that
        ? 2
        $ kafi --plugin jsonl.so cat jsonl://./logs/bad
        {}
        ! error: poll: topic bad, line 2: the line is no JSON object
        ? 1
        $ kafi --plugin jsonl.so ls 'jsonl://./logs/?rot.dir=x'
        ! error: read address: scheme jsonl, property rot.dir: this kind of storage has no such property, did you mean root.dir?
        ? 2
        $ kafi --plugin jsonl.so ls jsonl://./nothing/
        ! error: open storage: storage jsonl://./nothing, folder ./nothing: there is no such folder
        ? 2
        "#,
    );
}

#[test]
fn plugins_are_found_where_they_lie() {
    let sandbox = with_logs();
    sandbox.write("configs/jsonls/logs.yaml", "jsonl:\n  root.dir: logs\n");
    sandbox.write("configs/jsonls/bad.yaml", "jsonl:\n  root.dri: logs\n");
    sandbox.check(
        r#"
        $ kafi cat logs:access
        ! error: read configuration: storage logs, looked in .: no configuration has this name
        ! hint: configurations lie in $KAFI_HOME or the working directory, or in its folders configs/clusters, configs/locals, …
        ? 2
        $ kafi ls jsonl://./logs/
        ! error: read address: scheme jsonl: no such kind of storage; there are kafka://, s3://, azure://, rest://, file:, mem:
        ! hint: kafi plugin ls lists the plugins, which may open others
        ? 2
        $ mkdir plugins && mv jsonl.so plugins/ && KAFI_HOME=. kafi tail -n 1 logs:access
        {"level":"info","size":7}
        $ KAFI_HOME=. kafi ls jsonls/logs:
        access
        bad
        empty
        $ KAFI_HOME=. kafi cat bad:access
        ! error: read configuration: file ./configs/jsonls/bad.yaml, section jsonl, key root.dri: unknown key, did you mean root.dir?
        ? 2
        $ KAFI_HOME=. kafi storage ls
        STORAGE      KIND   FILE
        jsonls/bad   jsonl  ./configs/jsonls/bad.yaml
        jsonls/logs  jsonl  ./configs/jsonls/logs.yaml
        $ KAFI_HOME=. kafi plugin ls --load
        PLUGIN  VERSION  SCHEMES  SECTIONS  FOUND BY   FILE
        jsonl   0.1.0    jsonl    jsonl     KAFI_HOME  ./plugins/jsonl.so
        $ kafi --plugin plugins/jsonl.so plugin ls
        FOUND BY  FILE
        --plugin  plugins/jsonl.so
        $ kafi plugin check plugins/jsonl.so
        plugin     jsonl
        version    0.1.0
        interface  1
        kafi core  0.1.0
        schemes    jsonl
        sections   jsonl
        folders    jsonls
        keys       root.dir
        file       plugins/jsonl.so
        $ mv plugins elsewhere && KAFI_PLUGINS=elsewhere/jsonl.so kafi tail -n 1 logs:access
        {"level":"info","size":7}
        $ mkdir -p data/kafi && mv elsewhere data/kafi/plugins && XDG_DATA_HOME=$PWD/data kafi tail -n 1 jsonl://./logs/access
        {"level":"info","size":7}
        "#,
    );
}

#[test]
fn nothing_is_loaded_that_is_not_needed() {
    let sandbox = with_logs();
    sandbox.write("plugins/broken.so", "no library");
    sandbox.check(
        r#"
        $ kafi touch ./x/t && kafi ls ./x/
        t
        $ KAFI_PLUGINS=nowhere.so kafi ls ./x/
        t
        $ KAFI_PLUGINS=nowhere.so kafi ls jsonl://./logs/
        ! error: load plugin: plugin nowhere.so, looked for jsonl: there is no such file
        ? 2
        $ KAFI_HOME=. kafi plugin ls
        FOUND BY   FILE
        KAFI_HOME  ./plugins/broken.so
        $ KAFI_HOME=. kafi plugin ls --load
        ! warning: load plugin: plugin ./plugins/broken.so: it is no library that this system can load: file too short
        $ kafi --plugin plugins/broken.so ls ./x/
        ! error: load plugin: plugin plugins/broken.so: it is no library that this system can load: file too short
        ? 2
        $ chmod o+w plugins; KAFI_HOME=. kafi ls jsonl://./logs/
        ! error: look for plugins: folder ./plugins, looked for jsonl: everybody may write into this folder, so that nothing in it is loaded
        ! hint: chmod o-w the folder, or name the plugin with --plugin
        ? 1
        $ kafi plugin check jsonl.so --json | cut -c 1-40
        {"plugin":"jsonl","version":"0.1.0","int
        "#,
    );
}
