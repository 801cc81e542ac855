//! Joins, and what people do with whole topics, in a bucket and in a container.

use crate::places::on_both;

#[test]
fn topics_are_joined_compacted_and_made_anew() {
    on_both(|place| {
        place.sandbox.check(
            r#"
            $ kafi touch o:l --partitions 2 && printf 'a:{"n":1}\nb:{"n":2}\na:{"n":3}\n' | kafi produce o:l -K: -q
            $ kafi touch o:r && printf 'a:{"r":1}\nc:{"r":2}\n' | kafi produce o:r -K: -q
            $ kafi join o:l o:r --how full --left table --to o:out -q && kafi cat o:out -K: | sort
            a:{"n":3,"r":1}
            b:{"n":2}
            c:{"r":2}
            $ kafi compact o:l -K: -q | sort
            a:{"n":3}
            b:{"n":2}
            $ kafi stat o:l --sizes --json
            {"storage":"o","topic":"l","messages":3,"bytes":24,"average":8.0,"smallest":8,"smallest_at":"0:0","largest":8,"largest_at":"0:0"}
            $ kafi repeat o:l
            ! 1 read, 1 written in 0.0 s
            $ kafi recreate o:l -y
            ! topic l is made again with 2 partitions
            $ kafi rm -y o:l o:r o:out
            "#,
        );
    });
}
