//! Consumer groups: listed, shown, set, copied, and deleted.

use std::process::Stdio;

use crate::support::{Sandbox, seen, wait_until};

/// Two topics: `t` with two partitions of three messages each, a second apart, and `u` with one message.
fn topics(sandbox: &Sandbox) {
    let line = |number: i64| {
        format!("{{\"partition\":{},\"timestamp\":{},\"value\":\"v{number}\"}}\n", number % 2, 1000 * number)
    };
    sandbox.write("lines", (0..6).map(line).collect::<String>());
    sandbox.text(
        "kafi touch t --partitions 2 -q && kafi produce t --json -q < lines && kafi touch u && kafi produce u x -q",
    );
}

#[test]
fn a_reset_is_planned_and_then_done() {
    let sandbox = Sandbox::new();
    topics(&sandbox);
    sandbox.check(
        r#"
        $ kafi group reset g t u -o end -o 1=1
        GROUP  TOPIC  PARTITION  FROM  TO
        g      t              0  -      3
        g      t              1  -      1
        g      u              0  -      1
        ! nothing is changed yet; --execute does it
        $ kafi group reset g t -o -1
        GROUP  TOPIC  PARTITION  FROM  TO
        g      t              0  -      2
        g      t              1  -      2
        ! nothing is changed yet; --execute does it
        $ kafi group ls
        $ kafi group reset g t u -o @2500 --execute
        GROUP  TOPIC  PARTITION  FROM  TO
        g      t              0  -      2
        g      t              1  -      1
        g      u              0  -      0
        $ kafi group show g
        GROUP  STATE  TOPIC  PARTITION  COMMITTED  END  LAG
        g      Empty  t              0          2    3    1
        g      Empty  t              1          1    3    2
        g      Empty  u              0          0    1    1
        $ kafi group reset g -o 1=start --execute
        GROUP  TOPIC  PARTITION  FROM  TO
        g      t              1     1   0
        $ kafi group reset g t -o end -p 0 --execute --json
        {"storage":"./kafi-data","group":"g","topic":"t","partition":0,"from":2,"to":3}
        $ kafi group reset g 'u*' -o +0 --execute
        GROUP  TOPIC  PARTITION  FROM  TO
        g      u              0     0   0
        ! nothing to change
        $ kafi group show g --json
        {"storage":"./kafi-data","group":"g","state":"Empty","topic":"t","partition":0,"committed":3,"end":3,"lag":0,"member":null,"client":null,"host":null,"leader_epoch":null,"metadata":null}
        {"storage":"./kafi-data","group":"g","state":"Empty","topic":"t","partition":1,"committed":0,"end":3,"lag":3,"member":null,"client":null,"host":null,"leader_epoch":null,"metadata":null}
        {"storage":"./kafi-data","group":"g","state":"Empty","topic":"u","partition":0,"committed":0,"end":1,"lag":1,"member":null,"client":null,"host":null,"leader_epoch":null,"metadata":null}
        $ kafi cat t -g g
        v1
        v3
        v5
        $ kafi group show g --json | head -n 2 | tail -n 1
        {"storage":"./kafi-data","group":"g","state":"Empty","topic":"t","partition":1,"committed":3,"end":3,"lag":0,"member":null,"client":null,"host":null,"leader_epoch":null,"metadata":null}
        "#,
    );
}

#[test]
fn a_reset_that_cannot_be_changes_nothing() {
    let sandbox = Sandbox::new();
    topics(&sandbox);
    sandbox.check(
        r#"
        $ kafi group reset g t -o 1 --execute -q && kafi group show g --json > before
        GROUP  TOPIC  PARTITION  FROM  TO
        g      t              0  -      1
        g      t              1  -      1
        $ kafi group reset g
        ! error: reset group: no offset was given
        ! hint: -o says where: start, end, N, -N, +N, @TIME, or P=SPEC for one partition
        ? 2
        $ kafi group reset g -o 1:2 --execute
        ! error: reset group: a range of offsets was given, where one place is wanted
        ! hint: write N instead of N:M, and @T instead of @T1:T2
        ? 2
        $ kafi group reset g -o 4 --execute
        ! error: resolve offsets: topic t, partition 0, asked 4, available 0 to 3: the offsets 3 to 3 are not there yet
        ! hint: --allow-gap takes what is there
        ? 1
        $ kafi group reset new -o end --execute
        ! error: find group: group new: no such group
        ! hint: name its topics to make a new group
        ? 1
        $ kafi group reset new nope -o end --execute
        ! error: find topic: topic nope, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        $ kafi group reset new 'x*' -o end --execute
        ! error: find topics: glob x*: no topic matches
        ? 1
        $ kafi group reset 'g*' -o end
        ! error: read address: address "g*": a glob means several groups, where one is wanted
        ! hint: a backslash takes a sign as it is: a\*b
        ? 2
        $ kafi group reset ./kafi-data/ -o end
        ! error: read address: address "./kafi-data/": this names a storage, where a group is wanted
        ! hint: kafi group ls ./kafi-data/ lists its groups
        ? 2
        $ kafi group show g --json | diff - before && kafi group ls
        g
        "#,
    );
}

#[test]
fn groups_are_listed_and_deleted() {
    let sandbox = Sandbox::new();
    topics(&sandbox);
    for (group, place) in [("one", "start"), ("two", "end"), ("three", "-1")] {
        sandbox.text(&format!("kafi group reset {group} t -o {place} --execute -q"));
    }
    sandbox.check(
        r#"
        $ kafi group ls
        one
        three
        two
        $ kafi group ls ./kafi-data/ -l
        GROUP  STATE  MEMBERS  PARTITIONS  LAG
        one    Empty        0           2    6
        three  Empty        0           2    2
        two    Empty        0           2    0
        $ kafi group ls 't*' one -l --json
        {"storage":"./kafi-data","group":"three","type":null,"protocol":null,"state":"Empty","members":0,"partitions":2,"lag":2}
        {"storage":"./kafi-data","group":"two","type":null,"protocol":null,"state":"Empty","members":0,"partitions":2,"lag":0}
        {"storage":"./kafi-data","group":"one","type":null,"protocol":null,"state":"Empty","members":0,"partitions":2,"lag":6}
        $ kafi group ls thre
        ! error: find group: group thre: no such group
        ! hint: did you mean three?
        ? 1
        $ kafi group show 'x*'
        ! error: find groups: address x*: no group matches
        ? 1
        $ kafi group rm one
        ! error: delete groups: nobody can be asked here
        ! hint: -y deletes without asking
        ? 2
        $ kafi group rm -y one nope; kafi group ls
        one
        three
        two
        ! error: find group: group nope: no such group
        ! hint: did you mean one?
        $ kafi group rm -y one 't*' two && kafi group ls
        $ kafi group ls mem:
        "#,
    );
}

#[test]
fn a_group_is_named_exactly_whatever_its_name_is() {
    let sandbox = Sandbox::new();
    topics(&sandbox);
    sandbox.text(r#"for g in 'a*' 'a[1]' 'a{x,y}' 'a?' 'a\b' ab; do kafi cat u -g "$g" > /dev/null; done"#);
    sandbox.check(
        r#"
        $ kafi group ls
        a*
        a?
        a[1]
        a\b
        ab
        a{x,y}
        $ kafi group ls 'a\*' 'a\?' 'a\[1]' 'a\b' 'a\{x,y}'
        a*
        a?
        a[1]
        a\b
        a{x,y}
        $ kafi group ls 'a[*?]'
        a*
        a?
        $ kafi group show 'a\*' 'a\[1\]' --json | cut -d , -f 1,2
        {"storage":"./kafi-data","group":"a*"
        {"storage":"./kafi-data","group":"a[1]"
        $ kafi group reset 'a*' u -o start --execute
        ! error: read address: address "a*": a glob means several groups, where one is wanted
        ! hint: a backslash takes a sign as it is: a\*b
        ? 2
        $ kafi group reset 'a\*' 'u*' -o start --execute
        GROUP  TOPIC  PARTITION  FROM  TO
        a*     u              0     1   0
        $ kafi group cp 'a\*' 'b\{\}' --execute
        GROUP  TOPIC  PARTITION  FROM  TO
        b{}    u              0  -      0
        $ kafi group rm -y 'a\*' 'a\[1]' 'a[?]' 'a\{x,y\}' 'b\{*'
        $ kafi group ls
        a\b
        ab
        $ kafi group rm -y 'a\b'
        $ kafi group ls
        ab
        $ kafi group show 'a[b'
        ! error: read glob: glob "a[b": its brackets do not fit
        ! hint: a backslash takes a sign as it is: a\[b
        ? 2
        $ kafi touch 'odd\*'
        ! error: check topic name: topic "odd*": '*' is not allowed: only a-z A-Z 0-9 . _ -
        ? 2
        $ kafi touch 't\-2' && kafi ls 't\-2'
        t-2
        "#,
    );
}

#[test]
fn offsets_are_copied_to_another_group_or_storage() {
    let sandbox = Sandbox::new();
    topics(&sandbox);
    sandbox.check(
        r#"
        $ kafi group reset g t u -o -1 --execute -q > /dev/null && kafi cp t u ./b/ -q
        $ kafi group cp g ./b/
        GROUP  TOPIC  PARTITION  FROM  TO
        g      t              0  -      2
        g      t              1  -      2
        g      u              0  -      0
        ! nothing is changed yet; --execute does it
        $ kafi group ls ./b/
        $ kafi group cp g ./b/ --execute -q > /dev/null && kafi group show ./b/g --json | head -n 1
        {"storage":"./b","group":"g","state":"Empty","topic":"t","partition":0,"committed":2,"end":3,"lag":1,"member":null,"client":null,"host":null,"leader_epoch":null,"metadata":null}
        $ kafi group cp g g2 t -p 1 --execute
        GROUP  TOPIC  PARTITION  FROM  TO
        g2     t              1  -      2
        $ kafi group cp g g2 --execute --json
        {"storage":"./kafi-data","group":"g2","topic":"t","partition":0,"from":null,"to":2}
        {"storage":"./kafi-data","group":"g2","topic":"t","partition":1,"from":2,"to":2}
        {"storage":"./kafi-data","group":"g2","topic":"u","partition":0,"from":null,"to":0}
        $ kafi group cp g g
        ! error: copy group: group g: source and target are the same group
        ? 2
        $ kafi group cp gg g2
        ! error: find group: group gg: no such group
        ! hint: did you mean g?
        ? 1
        $ kafi group cp g g2 nope
        ! error: copy group: group g, topic nope: the group has committed nothing for it
        ? 1
        $ kafi touch ./c/t -q && kafi group cp g ./c/ t -p 1
        ! error: copy group: topic t, partition 1: the target has no such partition
        ? 1
        $ kafi partitions ./c/t 2 && kafi group cp g ./c/ t
        ! error: copy group: topic t, partition 0, available 0 to 0: the target does not hold the offset 2
        ! hint: --allow-gap takes the nearest offset that is there
        ? 1
        $ kafi group cp g ./c/x t --allow-gap --execute
        GROUP  TOPIC  PARTITION  FROM  TO
        x      t              0  -      0
        x      t              1  -      0
        "#,
    );
}

#[test]
fn what_consumers_keep_beside_offsets_comes_along() {
    let sandbox = Sandbox::new();
    topics(&sandbox);
    sandbox.text("kafi group reset g t -o -1 --execute -q && kafi cp t ./b/ -q");
    // As other programs that write such files may.
    sandbox.text(r#"sed -i '0,/"metadata": ""/s//"leader_epoch": 7, "metadata": "state ä"/' kafi-data/groups/g.json"#);
    let row = |group: &str, partition: i32, committed: i64, beside: &str| {
        let numbers =
            format!("\"partition\":{partition},\"committed\":{committed},\"end\":3,\"lag\":{}", 3 - committed);
        format!(
            "{{\"storage\":\"./kafi-data\",\"group\":\"{group}\",\"state\":\"Empty\",\"topic\":\"t\",{numbers},\"member\":null,\"client\":null,\"host\":null,{beside}}}\n"
        )
    };
    let nothing = r#""leader_epoch":null,"metadata":null"#;
    let kept = row("g", 0, 2, r#""leader_epoch":7,"metadata":"state ä""#) + &row("g", 1, 2, nothing);
    assert_eq!(sandbox.text("kafi group show g --json"), kept);
    assert!(!sandbox.text("kafi group show g").contains("METADATA"), "people are not bothered with it");
    // An epoch means something only to the cluster that counts it.
    let copied = row("g", 0, 2, r#""leader_epoch":null,"metadata":"state ä""#) + &row("g", 1, 2, nothing);
    sandbox.text("kafi group cp g ./b/ --execute");
    let copied = copied.replace("./kafi-data", "./b");
    assert_eq!(sandbox.text("kafi group show ./b/g --json"), copied);
    // A group that lost it gets it again, though its offsets are the same.
    sandbox.text("kafi group reset ./b/h t -o 2 --execute && kafi group cp ./b/g ./b/h --execute");
    assert_eq!(sandbox.text("kafi group show ./b/h --json"), copied.replace("\"g\"", "\"h\""));
    // What belongs to an offset stays with it, and goes with it.
    sandbox.text("kafi group reset g -o 2 --execute");
    assert_eq!(sandbox.text("kafi group show g --json"), kept);
    sandbox.text("kafi group reset g -o 1 --execute");
    assert_eq!(sandbox.text("kafi group show g --json"), row("g", 0, 1, nothing) + &row("g", 1, 1, nothing));
}

#[test]
fn a_group_file_with_offsets_that_are_none_is_damaged() {
    let sandbox = Sandbox::new();
    topics(&sandbox);
    sandbox.text("kafi group reset g t -o -1 --execute -q && sed -i 's/\"offset\": 2/\"offset\": -9223372036854775808/' kafi-data/groups/g.json");
    for line in ["kafi group show g", "kafi group reset g -o start --execute", "kafi cat t -g g"] {
        let output = seen(&sandbox.run(line));
        assert!(
            output
                .contains("the file is damaged: it says that offset -9223372036854775808 of partition 0 is committed")
                && output.ends_with("? 1\n"),
            "{line}: {output}"
        );
    }
}

#[test]
fn a_group_beyond_the_end_is_told_how_to_go_on() {
    let sandbox = Sandbox::new();
    topics(&sandbox);
    sandbox.text(
        "kafi group reset g t -o end --execute -q && sed -i 's/\"offset\": 3/\"offset\": 9/' kafi-data/groups/g.json",
    );
    for line in ["kafi cat t -g g", "kafi cat t -g g --no-commit"] {
        let refused = seen(&sandbox.run(line));
        assert!(
            refused.contains("the offset 9 lies beyond the end 3") && refused.contains("--allow-gap"),
            "{line}: {refused}"
        );
        assert!(refused.contains("kafi group reset") && refused.ends_with("? 1\n"), "{line}: {refused}");
    }
    assert_eq!(sandbox.text("kafi cat t -g g --allow-gap --no-commit -q 2> /dev/null"), "");
    assert_eq!(sandbox.text("kafi cat t -g g --allow-gap -q 2> /dev/null"), "");
    sandbox.text("kafi produce t -p 0 -q new");
    assert_eq!(sandbox.text("kafi cat t -g g -q"), "new\n", "it stands at the end now");
}

#[test]
fn lag_is_what_can_be_read() {
    let sandbox = Sandbox::new();
    topics(&sandbox);
    sandbox.check(
        r#"
        $ kafi group reset g t -o start --execute -q > /dev/null && kafi delete-records t -o 2 -y > /dev/null
        $ kafi group show g
        GROUP  STATE  TOPIC  PARTITION  COMMITTED  END  LAG
        g      Empty  t              0          0    3    1
        g      Empty  t              1          0    3    1
        $ kafi group ls -l --json
        {"storage":"./kafi-data","group":"g","type":null,"protocol":null,"state":"Empty","members":0,"partitions":2,"lag":2}
        "#,
    );
}

#[test]
fn a_group_with_a_live_member_is_left_alone() {
    let sandbox = Sandbox::new();
    topics(&sandbox);
    let mut child = sandbox.start(&["cat", "t", "-g", "g", "-f"], Stdio::null(), "out", "err");
    sandbox.wait_for("out", "v5");
    wait_until("the group to be seen alive", || {
        sandbox.text("kafi group ls -l --json").starts_with(
            r#"{"storage":"./kafi-data","group":"g","type":null,"protocol":null,"state":"Stable","members":1,"#,
        )
    });
    assert!(sandbox.text("kafi group show g --json").contains("\"member\":\"live\",\"client\":null,\"host\":null,"));
    for line in [
        "kafi group reset g t -o start --execute",
        "kafi group rm g -y",
        "kafi group reset o t -o end --execute -q > /dev/null && kafi group cp o g --execute",
    ] {
        let refused = "! error: change group: group g: it has 1 live member\n! hint: stop its consumers first\n? 1\n";
        assert_eq!(seen(&sandbox.run(line)), refused, "{line}");
    }
    let planned = seen(&sandbox.run("kafi group reset g t -o start"));
    assert!(
        planned.ends_with(
            "! warning: change group: group g: it has 1 live member\n! nothing is changed yet; --execute does it\n"
        ),
        "{planned}"
    );
    child.interrupt();
    assert_eq!(child.exit_code(), 130);
    assert!(sandbox.text("kafi group reset g t -o start --execute").ends_with("g      t              1     3   0\n"));
}

#[test]
fn a_group_goes_on_at_the_same_message_where_offsets_differ() {
    let sandbox = Sandbox::new();
    // What was deleted at the start is not counted in a copy that is appended.
    sandbox.text("seq 100 | kafi produce ./s/t --create -q; kafi delete-records -y ./s/t -o 20 -q; kafi cp ./s/t ./b/ --append -q");
    sandbox.check(
        r#"
        $ kafi group reset ./s/g t -o 30 --execute -q > /dev/null; kafi group cp ./s/g ./b/ --execute; kafi cat ./b/t -g g --no-commit | head -n 1
        GROUP  TOPIC  PARTITION  FROM  TO
        g      t              0  -     10
        31
        $ kafi group reset ./s/done t -o end --execute -q > /dev/null; kafi group cp ./s/done ./b/ --execute | tail -n 1; echo new | kafi produce ./b/t -q; kafi cat ./b/t -g done --no-commit
        done   t              0  -     80
        new
        $ kafi group cp './s/*' ./c/; kafi touch ./c/t; kafi group cp ./s/ ./c/
        ! error: copy group: topic t, partition 0: the target has no such partition
        ! error: copy group: topic t, partition 0: the target has no such partition
        ! error: copy group: topic t, partition 0, available 0 to 0: the target does not hold the offset 100
        ! hint: --allow-gap takes the nearest offset that is there
        ! error: copy group: topic t, partition 0, available 0 to 0: the target does not hold the offset 30
        ! hint: --allow-gap takes the nearest offset that is there
        ? 1
        $ kafi group cp ./s/ ./b/x
        ! error: copy group: address "./b/x": several groups need a storage as target, which keeps their names
        ? 2
        $ seq 200 300 | kafi produce ./d/t --create -q; kafi group cp ./s/g ./d/
        ! error: copy group: topic t, partition 0, available 0 to 101: the target does not hold the message that the group reads next (at offset 30), or it cannot be told from others
        ! hint: --allow-gap takes the nearest offset that is there
        ? 1
        "#,
    );
    // Other times, and the same messages from the start: they are counted.
    sandbox.text("kafi cp ./s/t ./e/ --append --ignore-timestamp -q");
    assert!(sandbox.text("kafi group cp ./s/g ./e/").ends_with("g      t              0  -     10\n"));
    // Ten times the same message at the same time: the place among them is kept.
    sandbox.write("same", "{\"timestamp\":5,\"value\":\"x\"}\n".repeat(10) + "{\"timestamp\":9,\"value\":\"end\"}\n");
    sandbox.text("(echo '{\"timestamp\":1,\"value\":\"first\"}'; cat same) | kafi produce ./h/t --json --create -q; (echo '{\"timestamp\":1,\"value\":\"other\"}'; echo '{\"timestamp\":2,\"value\":\"first\"}'; cat same) | kafi produce ./i/t --json --create -q");
    sandbox.text("kafi group reset ./h/g t -o 4 --execute -q");
    assert!(sandbox.text("kafi group cp ./h/g ./i/").ends_with("g      t              0  -      5\n"));
    // Some of them are missing, and nothing says which.
    sandbox.text("head -n 5 same | kafi produce ./j/t --json --create -q");
    assert!(seen(&sandbox.run("kafi group cp ./h/g ./j/")).contains("or it cannot be told from others"));
}
