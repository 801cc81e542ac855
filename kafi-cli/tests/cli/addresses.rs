//! Where a topic lives, in one word.

use crate::support::Sandbox;

#[test]
fn the_default_storage_is_a_folder_that_only_writing_creates() {
    Sandbox::new().check(
        r#"
        $ for verb in ls 'ls -l' 'cat t' 'head t' 'tail t' 'grep x t' 'wc t' 'watermarks t' 'cp t u' 'rm -y t' 'produce t x'; do kafi $verb 2>/dev/null; echo $?; done; ls
        0
        0
        1
        1
        1
        2
        1
        1
        1
        1
        1
        $ kafi touch t
        ! topics are kept in ./kafi-data ($KAFI_STORAGE names another default)
        $ kafi touch u
        $ kafi produce v x --create
        ! 1 written in 0.0 s
        $ kafi ls
        t
        u
        v
        $ ls
        kafi-data
        $ mkdir x && cd x && kafi cp ../kafi-data/t v
        ! topics are kept in ./kafi-data ($KAFI_STORAGE names another default)
        ! 0 read, 0 written, 0 failed in 0.0 s
        $ rm -r kafi-data; kafi produce t x --create -q; kafi ls
        t
        "#,
    );
}

#[test]
fn folders() {
    Sandbox::new().check(
        r#"
        $ kafi touch ./a/t && kafi touch ./t && kafi touch ~/b/t && kafi touch $PWD/c/t && kafi touch file:d/t && ls
        a
        b
        c
        d
        topics
        $ kafi ls ./a/; kafi ls .; kafi ls ~/b/; kafi ls $PWD/c/; kafi ls file:d/; kafi ls file://$PWD/d/
        t
        t
        t
        t
        t
        t
        $ mkdir e && cd e && kafi ls .. && kafi ls ../a/ && kafi produce ../a/t hello && kafi cat file:../a/t
        t
        t
        hello
        ! 1 written in 0.0 s
        $ kafi cat ./a/
        ! error: read address: address "./a/": this names a storage, where a topic is wanted
        ! hint: kafi ls ./a/ lists its topics
        ? 2
        $ kafi cat ./a/t/
        ! error: read address: address "./a/t/": this names a storage, where a topic is wanted
        ! hint: kafi ls ./a/t/ lists its topics
        ? 2
        $ kafi cat a/t
        ! error: read address: address "a/t": a folder is written ./FOLDER/TOPIC, a storage KIND/NAME:TOPIC
        ? 2
        $ kafi cat ~someone/t
        ! error: read address: address "~someone/t": only ~/ is known, not ~USER
        ? 2
        "#,
    );
}

#[test]
fn names_of_configurations() {
    let sandbox = Sandbox::new();
    sandbox.write("configs/locals/prod.yaml", "local:\n  root.dir: data\n");
    sandbox.write("configs/locals/both.yaml", "local:\n  root.dir: data\n");
    sandbox.write("configs/clusters/both.yaml", "kafka:\n  bootstrap.servers: localhost:1\n");
    sandbox.write("configs/locals/s3.yml", "local:\n  root.dir: s3data\n");
    sandbox.check(
        r#"
        $ kafi touch prod:orders && kafi touch locals/prod:returns && kafi touch s3:x && kafi touch prod:orders-1
        $ kafi ls prod:; kafi ls locals/prod: ; kafi ls s3:; ls
        orders
        orders-1
        returns
        orders
        orders-1
        returns
        x
        configs
        data
        s3data
        $ kafi ls both:
        ! error: read configuration: storage both: several storages have this name: clusters/both, locals/both
        ! hint: say which, as in clusters/both:
        ? 2
        $ kafi ls locals/both:
        orders
        orders-1
        returns
        $ kafi ls prd:
        ! error: read configuration: storage prd, looked in .: no configuration has this name, did you mean prod?
        ? 2
        $ kafi ls nothing/prod:
        ! error: read configuration: storage nothing/prod: no kind of storage has the folder nothing; there are clusters, restproxies, locals, s3s, azureblobs
        ? 2
        $ kafi cat prod
        ! error: find topic: topic prod, storage ./kafi-data: no such topic
        ! hint: did you mean prod: ?
        ? 1
        $ kafi ls prod
        ! error: find topic: topic prod, storage ./kafi-data: no such topic
        ! hint: did you mean prod: ?
        ? 1
        $ kafi ls locals/prod
        ! error: read address: address "locals/prod": a folder is written ./FOLDER/TOPIC, a storage KIND/NAME:TOPIC
        ! hint: did you mean locals/prod: ?
        ? 2
        $ kafi cat prod:order
        ! error: find topic: topic order, storage prod: no such topic
        ! hint: did you mean prod:orders?
        ? 1
        $ kafi produce prod:orders hello && kafi cp prod:orders s3
        ! 1 written in 0.0 s
        ! hint: did you mean s3: ?
        ! topics are kept in ./kafi-data ($KAFI_STORAGE names another default)
        ! 1 read, 1 written, 0 failed in 0.0 s
        $ kafi touch prod
        ! hint: did you mean prod: ?
        $ kafi cat 'prod:.x'
        ! error: find topic: topic .x, storage prod: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        $ kafi cat prod:a:b
        ! error: read address: address "prod:a:b": a topic's name has neither : nor /
        ? 2
        $ kafi cat prod:a/b
        ! error: read address: address "prod:a/b": a topic's name has neither : nor /
        ? 2
        $ kafi storage ls
        STORAGE        KIND   FILE
        clusters/both  kafka  ./configs/clusters/both.yaml
        locals/both    local  ./configs/locals/both.yaml
        locals/prod    local  ./configs/locals/prod.yaml
        locals/s3      local  ./configs/locals/s3.yml
        $ cd configs && kafi ls prod:
        ! error: read configuration: storage prod, looked in .: no configuration has this name
        ! hint: configurations lie in $KAFI_HOME or the working directory, or in its folders configs/clusters, configs/locals, …
        ? 2
        $ cd configs && KAFI_HOME=.. kafi storage ls --json
        {"storage":"clusters/both","kind":"kafka","file":"../configs/clusters/both.yaml"}
        {"storage":"locals/both","kind":"local","file":"../configs/locals/both.yaml"}
        {"storage":"locals/prod","kind":"local","file":"../configs/locals/prod.yaml"}
        {"storage":"locals/s3","kind":"local","file":"../configs/locals/s3.yml"}
        "#,
    );
}

#[test]
fn another_default_storage() {
    let sandbox = Sandbox::new();
    sandbox.write("configs/locals/prod.yaml", "local:\n  root.dir: data\n");
    sandbox.check(
        r#"
        $ KAFI_STORAGE=prod kafi touch a && KAFI_STORAGE=prod: kafi touch b && KAFI_STORAGE=./data kafi touch c && KAFI_STORAGE=./data/ kafi ls; ls
        a
        b
        c
        configs
        data
        $ KAFI_STORAGE= kafi ls
        $ KAFI_STORAGE=prod:a kafi ls
        ! error: read address: address "prod:a", variable KAFI_STORAGE: this names a topic where a storage is wanted
        ? 2
        $ KAFI_STORAGE=nope kafi ls
        ! error: read configuration: storage nope, looked in .: no configuration has this name
        ? 2
        "#,
    );
}

#[test]
fn globs() {
    Sandbox::new().check(
        r#"
        $ for topic in orders-1 orders-2 returns; do kafi touch ./d/$topic && kafi produce ./d/$topic $topic -q; done
        $ kafi ls './d/orders-*'; kafi ls './d/{returns,nope}'; kafi ls './d/x*'
        orders-1
        orders-2
        returns
        $ kafi cat './d/{orders-2,returns}'
        orders-2
        returns
        $ kafi wc './d/*'
        TOPIC     MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        orders-1         1          0            8           0
        orders-2         1          0            8           0
        returns          1          0            7           0
        total            3          0           23           0
        ! 3 read in 0.0 s
        $ kafi cat './d/x*'
        ! error: find topics: address ./d/x*: no topic matches
        ? 1
        $ kafi cat './d/{x'
        ! error: read glob: glob "{x": its brackets do not fit
        ! hint: a backslash takes a sign as it is: a\[b
        ? 2
        $ kafi touch './d/x*'
        ! error: read address: address "./d/x*": a glob means several topics, where one is wanted
        ? 2
        $ kafi produce './d/*' x
        ! error: read address: address "./d/*": a glob means several topics, where one is wanted
        ? 2
        $ kafi cp './d/orders-*' './e/*'
        ! error: copy: address "./e/*": a target cannot be a glob
        ? 2
        $ kafi cp './d/orders-*' ./e/x
        ! error: copy: address "./e/x": several sources need a storage as target, which keeps their names
        ! hint: a folder ends with a slash: ./e/x/
        ? 2
        $ kafi cp './d/orders-?' ./e/ && kafi ls ./e/
        orders-1
        orders-2
        ! 2 read, 2 written, 0 failed in 0.0 s
        $ kafi rm -y './e/*[12]' && kafi ls ./e/
        "#,
    );
}

#[test]
fn what_is_no_address_is_one_line() {
    Sandbox::new().check(
        r#"
        $ kafi cat ''
        ! error: read address: address "": an address cannot be empty
        ? 2
        $ kafi cat :t
        ! error: read address: address ":t": the storage before the colon is missing
        ? 2
        $ kafi cat foo://h/t
        ! error: read address: scheme foo: no such kind of storage; there are kafka://, s3://, azure://, rest://, file:, mem:
        ! hint: kafi plugin ls lists the plugins, which may open others
        ? 2
        $ kafi cat 's3://bucket/in/folders/t?endpont=http://h'
        ! error: open storage: storage s3://bucket/in/folders, property endpont: there is no such property; did you mean endpoint?
        ? 2
        $ kafi cat 's3://bucket/t?secret.key=hunter2'
        ! error: read address: property secret.key: a secret does not belong into an address, where others can see it
        ! hint: write secret.key='${VARIABLE}', or use a configuration file
        ? 2
        $ kafi cat azure://container/t
        ! error: open storage: storage azure://container, property connection.string: it is not set
        ! hint: set it, or AZURE_STORAGE_CONNECTION_STRING in the environment, or account.name with account.key or sas.token
        ? 2
        $ kafi cat kafka:///t
        ! error: read address: address "kafka:///t": the host or bucket is missing
        ? 2
        $ kafi cat kafka://::1:9092/t
        ! error: read address: address "kafka://::1:9092/t": an IPv6 address stands in brackets: [::1]:9092
        ? 2
        $ kafi cat 'kafka://h:9092/t?acks'
        ! error: read address: address "kafka://…?…": a property is written key=value
        ? 2
        $ kafi cat 'kafka://h:9092/t?sasl.password=hunter2'
        ! error: read address: property sasl.password: a secret does not belong into an address, where others can see it
        ! hint: write sasl.password='${VARIABLE}', or use a configuration file
        ? 2
        $ kafi cat 'kafka://h:9092/t?sasl.password=${NOT_SET}'
        ! error: read variables: key sasl.password: the environment variable NOT_SET is not set
        ? 2
        $ kafi cat kafka://me:hunter2@h/t
        ! error: read address: address "kafka://…": user and password do not belong into an address, where others can see them: put them into a configuration file
        ? 2
        $ kafi cat kafka://h:84628/t
        ! error: read address: address "kafka://…": the port is a number from 1 to 65535
        ? 2
        $ kafi ls kafka://h:abc
        ! error: read address: address "kafka://…": the port is a number from 1 to 65535
        ? 2
        $ kafi cat kafka://h:/t
        ! error: read address: address "kafka://…": the port is a number from 1 to 65535
        ? 2
        $ kafi ls kafka://h:9092 -X bootstrap.servers=h:84628
        ! error: open storage: storage kafka://h:9092, property bootstrap.servers: a broker's port is a number from 1 to 65535
        ? 2
        $ kafi cat mem:t
        ! error: find topic: topic t, storage mem: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        $ kafi ls mem:
        "#,
    );
}
