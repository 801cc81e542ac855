def empty: {}[] as $x | .;
def error: error_empty as $x | .;
def error(message): (message | error_empty) as $x | .;
def null: [][0];
def nan: nan_native;
def infinite: infinite_native;
def select(f): if f then . else empty end;

def map(f): [.[] | f];
def map_values(f): .[] |= f;
def recurse(f): def r: ., (f | r); r;
def recurse: recurse(.[]?);
def recurse(f; condition): def r: ., (f | select(condition) | r); r;
def values: select(. != null);
def nulls: select(. == null);
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def strings: select(type == "string");
def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type == "array" or type == "object");
def scalars: select(type != "array" and type != "object");

def range($from; $to; $by): if $by == 0 then empty else range_native($from; $to; $by) end;
def range($from; $to): if ($from | type) == "number" and ($to | type) == "number" then range_native($from; $to; 1)
  else error("Range bounds must be numeric") end;
def range($to): range(0; $to);
def repeat(f): def r: ., (f | r); r;
def while(condition; update): def w: if condition then ., (update | w) else empty end; w;
def until(condition; update): def u: if condition then . else (update | u) end; u;
def limit($n; f): if $n < 0 then error("Limit doesn't support negative count") else limit_native($n; f) end;
def skip($n; f): if $n < 0 then error("Skip doesn't support negative count") else skip_native($n; f) end;
def nth($n): .[$n];
def nth($n; f): if $n < 0 then error("nth doesn't support negative indices") else first(skip_native($n; f)) end;
def first: .[0];
def last: .[-1];
def isempty(g): first((g | false), true);
def all(g; condition): isempty(first(g | condition and empty));
def any(g; condition): isempty(first(g | condition or empty)) | not;
def all(condition): all(.[]; condition);
def any(condition): any(.[]; condition);
def all: all(.[]; .);
def any: any(.[]; .);
def in(xs): . as $x | xs | has($x);
def inside(xs): . as $x | xs | contains($x);
def combinations: if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $rest | [$x] + $rest end;
def combinations($n): . as $all | [range($n)] | map($all) | combinations;

def add(f): reduce f as $x (null; . + $x);
def min_by(f): _by(map([f]); false);
def max_by(f): _by(map([f]); true);
def min: _by(.; false);
def max: _by(.; true);
def sort: _sorted(.);
def sort_by(f): _sorted(map([f]));
def group_by(f): _grouped(map([f]));
def unique_by(f): [group_by(f)[] | .[0]];
def unique: unique_by(.);
def flatten: _flattened(-1);
def flatten($depth): if $depth < 0 then error("flatten depth must not be negative") else _flattened($depth) end;
def index($i): indices($i) | .[0];
def rindex($i): indices($i) | .[-1:][0];
def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%SZ") | mktime;
def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
def todate: todateiso8601;
def fromdate: fromdateiso8601;
def date: todate;
def dateadd($unit; $n): . + $n;
def datesub($unit; $n): . - $n;

def paths: path(..) | select(length > 0);
def getpath($path): if ($path | type) != "array" then error("Path must be specified as an array") else reduce $path[] as $p (.; .[$p]) end;
def paths(f): . as $all | paths | select(. as $p | $all | getpath($p) | f);
def leaf_paths: paths(scalars);
def setpath($path; $x): getpath($path) = $x;
def delpaths($paths): _without($paths);
def del(f): _without([path(f)]);
def pick(f): . as $all | reduce path(f) as $p (null; setpath($p; $all | getpath($p)));
def with_entries(f): to_entries | map(f) | from_entries;
def walk(f): def w: if type == "object" then map_values(w) elif type == "array" then map(w) else . end | f; w;
def transpose: [range([.[] | length] | max // 0) as $i | [.[][$i]]];
def tostream: path(def r: (.[]? | r), .; r) as $p | getpath($p) | reduce path(.[]?) as $q ([$p, .]; [$p + $q]);
def fromstream(f): {x: null, e: false} as $init | foreach f as $i ($init;
  if .e then $init else . end
  | if $i | length == 2
    then setpath(["e"]; $i[0] | length == 0) | setpath(["x"] + $i[0]; $i[1])
    else setpath(["e"]; $i[0] | length == 1) end;
  if .e then .x else empty end);
def truncate_stream(stream): . as $n | null | stream | . as $input | if (.[0] | length) > $n then setpath([0]; .[0][$n:]) else empty end;

def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] |= $row);
def INDEX(f): INDEX(.[]; f);
def IN(s): any(s == .; .);
def IN(source; s): any(source == s; .);

def isnan: type == "number" and . != .;
def isinfinite: type == "number" and (. == infinite or . == -infinite);
def isnormal: type == "number" and . != 0 and (isnan or isinfinite | not);
def finites: select(isinfinite or isnan | not);
def normals: select(isnormal);
def abs: if type == "number" and . < 0 then -. elif type == "number" then . else error("\(type) (\(tojson)) has no absolute value") end;
def toarray: if type == "array" then . else [.] end;
def have_literal_numbers: true;
def have_decnum: false;
def debug: .;
def debug(message): (message | empty), .;
def stderr: .;

def match(re; flags): _match(re; flags) | .[];
def match(re): match(re; null);
def test(re; flags): _test(re; flags);
def test(re): test(re; null);
def capture(re; flags): match(re; flags) | [.captures[] | select(.name != null) | {key: .name, value: .string}] | from_entries;
def capture(re): capture(re; null);
def scan(re; flags): match(re; "g" + flags) | if (.captures | length) > 0 then [.captures[].string] else .string end;
def scan(re): scan(re; null);
def split(re; flags): . as $text | [foreach (match(re; flags + "g"), null) as $m ({at: 0, part: null};
  if $m == null then .part = $text[.at:] else .part = $text[.at:$m.offset] | .at = $m.offset + $m.length end; .part)];
def splits(re; flags): split(re; flags) | .[];
def splits(re): splits(re; null);
def sub(re; f; $flags): . as $text | _match(re; $flags) as $all
  | def r($i; $at): if $i == ($all | length) then $text[$at:] else $all[$i] as $m
      | ($m.captures | map(select(.name != null) | {key: .name, value: .string}) | from_entries | f) as $new
      | $text[$at:$m.offset] + $new + r($i + 1; $m.offset + $m.length) end;
    r(0; 0);
def sub(re; f): sub(re; f; "");
def gsub(re; f; $flags): sub(re; f; $flags + "g");
def gsub(re; f): sub(re; f; "g");

def @text: tostring;
def @json: tojson;
def @csv: _format("csv");
def @tsv: _format("tsv");
def @html: _format("html");
def @uri: _format("uri");
def @urid: _format("urid");
def @sh: _format("sh");
def @base64: _format("base64");
def @base64d: _format("base64d");
def @base32: _format("base32");
def @base32d: _format("base32d");
