//! Committed offsets of groups: shifted, from files and to files, deleted one by one; and the lag of many groups.

use crate::support::Sandbox;

/// Two topics, and groups at some places in them.
fn groups(sandbox: &Sandbox) {
    sandbox.text("kafi touch t --partitions 2 -q && kafi touch u -q");
    sandbox.text("seq 6 | kafi produce t -p 0 -q && seq 4 | kafi produce t -p 1 -q && seq 3 | kafi produce u -q");
    sandbox.text("kafi group reset one t u -o 2 --execute -q && kafi group reset two u -o end --execute -q");
}

#[test]
fn offsets_are_shifted() {
    let sandbox = Sandbox::new();
    groups(&sandbox);
    sandbox.check(
        r#"
        $ kafi group reset one --by -1
        GROUP  TOPIC  PARTITION  FROM  TO
        one    t              0     2   1
        one    t              1     2   1
        one    u              0     2   1
        ! nothing is changed yet; --execute does it
        $ kafi group reset one t --by 3 -p 0 --execute
        GROUP  TOPIC  PARTITION  FROM  TO
        one    t              0     2   5
        $ kafi group reset one t --by 3
        ! error: reset group: topic t, partition 0, asked 8, available 0 to 6: there is no such offset
        ! hint: --allow-gap takes the nearest offset that is there
        ? 1
        $ kafi group reset one t --by 3 --allow-gap --execute --json
        {"storage":"./kafi-data","group":"one","topic":"t","partition":0,"from":5,"to":6}
        {"storage":"./kafi-data","group":"one","topic":"t","partition":1,"from":2,"to":4}
        ! warning: reset group: topic t, partition 0, asked 8, available 0 to 6: there is no such offset: taking 6
        ! warning: reset group: topic t, partition 1, asked 5, available 0 to 4: there is no such offset: taking 4
        $ kafi group reset two t --by 1
        ! error: reset group: group two, topic t: the group has committed nothing for it
        ? 1
        $ kafi group reset none --by 1
        ! error: find group: group none: no such group
        ! hint: did you mean one?
        ? 1
        $ kafi group reset one --by 1 -o end 2>&1 | head -n 1
        error: read arguments: the argument '--by <N>' cannot be used with '--offset <SPEC>'
        "#,
    );
}

#[test]
fn offsets_go_to_a_file_and_come_from_one() {
    let sandbox = Sandbox::new();
    groups(&sandbox);
    sandbox.check(
        r#"
        $ kafi group reset one --to-file saved && cat saved
        {"topic":"t","partition":0,"offset":2}
        {"topic":"t","partition":1,"offset":2}
        {"topic":"u","partition":0,"offset":2}
        ! 3 offsets are written to saved
        $ kafi group reset one --to-file - -q | diff saved -
        $ kafi group reset one --to-file - 1>&-
        ! error: write to stdout: bad file descriptor
        ? 1
        $ kafi group reset one -o end --to-file ends -q > plan && cat ends
        {"topic":"t","partition":0,"offset":6}
        {"topic":"t","partition":1,"offset":4}
        {"topic":"u","partition":0,"offset":3}
        $ kafi group reset one --from-file ends --execute -q > done && diff plan done && kafi group lag one --by group
        GROUP  PARTITIONS  LAG
        one             3    0
        $ kafi group reset new --from-file saved --execute --json
        {"storage":"./kafi-data","group":"new","topic":"t","partition":0,"from":null,"to":2}
        {"storage":"./kafi-data","group":"new","topic":"t","partition":1,"from":null,"to":2}
        {"storage":"./kafi-data","group":"new","topic":"u","partition":0,"from":null,"to":2}
        $ kafi group show one two --json > shown && printf 'u,0,1\n' | kafi group reset one --from-file - --execute -q
        GROUP  TOPIC  PARTITION  FROM  TO
        one    u              0     3   1
        $ kafi group reset one --from-file shown
        GROUP  TOPIC  PARTITION  FROM  TO
        one    t              0     6   6
        one    t              1     4   4
        one    u              0     1   3
        ! nothing is changed yet; --execute does it
        $ kafi group reset other --from-file shown
        ! error: read offsets: file shown, group other: the file says nothing of this group
        ? 1
        $ printf 't,0,1\nt,0,2\n' | kafi group reset one --from-file -
        ! error: read offsets: file stdin, line 2: there are two offsets of one partition
        ? 2
        $ printf '\nt 0 1\n' | kafi group reset one --from-file -
        ! error: read offsets: file stdin, line 2: a line is a JSON document, or topic,partition,offset
        ? 2
        $ printf 't,0,7\n' | kafi group reset one --from-file -
        ! error: reset group: topic t, partition 0, asked 7, available 0 to 6: there is no such offset
        ! hint: --allow-gap takes the nearest offset that is there
        ? 1
        $ printf 't,9,0\n' | kafi group reset one --from-file -
        ! error: reset group: topic t, partition 9: there is no such partition
        ? 1
        $ kafi group reset one --from-file missing 2>&1 | cut -d: -f 1-3
        error: read offsets: file missing
        "#,
    );
}

#[test]
fn single_offsets_are_deleted() {
    let sandbox = Sandbox::new();
    groups(&sandbox);
    sandbox.check(
        r#"
        $ kafi group rm one --topic t
        ! error: delete group offsets: nobody can be asked here
        ! hint: -y deletes without asking
        ? 2
        $ kafi group rm one --topic t -p 1 -y && kafi group lag one --by partition
        GROUP  TOPIC  PARTITION  COMMITTED  END  LAG
        one    t              0          2    6    4
        one    u              0          2    3    1
        $ kafi group rm one --topic x -y
        ! error: delete group offsets: group one, topic x: the group has committed nothing for it
        ? 1
        $ kafi group rm one --topic t -p 1 -y
        ! error: delete group offsets: group one: the group has committed nothing for them
        ? 1
        $ kafi group rm 'o*' two --topic 'u*' -y && kafi group ls && kafi group lag
        one
        two
        GROUP  TOPIC  PARTITIONS  LAG
        one    t               1    4
        $ kafi group rm one -p 0 -y
        ! error: delete groups: partitions were given, but no topic
        ! hint: --topic TOPIC deletes committed offsets of a topic only
        ? 2
        $ kafi group rm none --topic t -y
        ! error: find group: group none: no such group
        ! hint: did you mean one?
        ? 1
        "#,
    );
}

#[test]
fn lag_is_shown_of_many_groups_and_again() {
    let sandbox = Sandbox::new();
    groups(&sandbox);
    sandbox.check(
        r#"
        $ kafi group lag
        GROUP  TOPIC  PARTITIONS  LAG
        one    t               2    6
        one    u               1    1
        two    u               1    0
        $ kafi group lag --by group --json
        {"storage":"./kafi-data","group":"one","partitions":3,"lag":7}
        {"storage":"./kafi-data","group":"two","partitions":1,"lag":0}
        $ kafi group lag 't*' ./kafi-data/one --by partition
        STORAGE      GROUP  TOPIC  PARTITION  COMMITTED  END  LAG
        ./kafi-data  two    u              0          3    3    0
        ./kafi-data  one    t              0          2    6    4
        ./kafi-data  one    t              1          2    4    2
        ./kafi-data  one    u              0          2    3    1
        $ kafi group lag on
        ! error: find group: group on: no such group
        ! hint: did you mean one?
        ? 1
        $ kafi group lag one --by group --json --watch=1 | head -n 2
        {"storage":"./kafi-data","group":"one","partitions":3,"lag":7}
        {"storage":"./kafi-data","group":"one","partitions":3,"lag":7}
        $ kafi group lag --watch=0 2>&1 | cut -d: -f 1-2
        error: read arguments
        "#,
    );
}

#[test]
fn groups_are_listed_by_state() {
    let sandbox = Sandbox::new();
    groups(&sandbox);
    sandbox.check(
        r#"
        $ kafi group ls --state empty
        one
        two
        $ kafi group ls --state Stable --state dead
        $ kafi group ls --type classic
        $ kafi group ls one --state EMPTY -l
        GROUP  STATE  MEMBERS  PARTITIONS  LAG
        one    Empty        0           3    7
        "#,
    );
}

#[test]
fn a_damaged_group_hides_no_other() {
    let sandbox = Sandbox::new();
    groups(&sandbox);
    sandbox.write("kafi-data/groups/two.json", "{");
    sandbox.check(
        r#"
        $ kafi group lag
        GROUP  TOPIC  PARTITIONS  LAG
        one    t               2    6
        one    u               1    1
        ! error: read group: group two, path ./kafi-data/groups/two.json: the file is damaged
        ! hint: remove the file to start over, or restore it from a backup
        ? 1
        $ kafi group show two one | head -n 2
        GROUP  STATE  TOPIC  PARTITION  COMMITTED  END  LAG
        one    Empty  t              0          2    6    4
        ! error: read group: group two, path ./kafi-data/groups/two.json: the file is damaged
        ! hint: remove the file to start over, or restore it from a backup
        "#,
    );
}
