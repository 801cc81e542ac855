"""A client of a REST Proxy with nothing but Python's library: at the first argument, with a topic and a group named by the
second; what it gets, a line each."""

import json
import sys
import urllib.error
import urllib.request

BASE, NAME = sys.argv[1], sys.argv[2]


def call(method, path, body=None, type_="application/json", accept="*/*"):
    data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data, {"Content-Type": type_, "Accept": accept}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            text = answer.read().decode()
            return answer.status, text
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def main():
    cluster = json.loads(call("GET", "/v3/clusters")[1])["data"][0]["cluster_id"]
    v3 = f"/v3/clusters/{cluster}"
    made = call("POST", f"{v3}/topics", {"topic_name": NAME, "partitions_count": 1,
                                         "configs": [{"name": "retention.ms", "value": "-1"}]})
    print("made", made[0], json.loads(made[1])["partitions_count"])
    print("again", call("POST", f"{v3}/topics", {"topic_name": NAME})[0])
    records = [{"key": {"type": "STRING", "data": f"k{n}"}, "value": {"type": "JSON", "data": {"n": n}},
                "headers": [{"name": "h", "value": "eA=="}], "timestamp": "2026-01-02T03:04:05Z"} for n in range(1000)]
    written = call("POST", f"{v3}/topics/{NAME}/records", "\n".join(map(json.dumps, records)))
    answers = [json.loads(line) for line in written[1].splitlines()]
    print("stream", written[0], len(answers), all(a["error_code"] == 200 for a in answers), answers[-1]["offset"])
    avro = {"value_schema": '{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]}', "records": [{"value": {"a": 1}}]}
    written = call("POST", f"/topics/{NAME}", avro, "application/vnd.kafka.avro.v2+json")
    print("avro", written[0], json.loads(written[1])["offsets"][0]["offset"])
    consumer = {"name": "i", "format": "binary", "auto.offset.reset": "earliest", "auto.commit.enable": "false"}
    v2 = "application/vnd.kafka.v2+json"
    print("consumer", call("POST", f"/consumers/{NAME}", consumer, v2)[0])
    instance = f"/consumers/{NAME}/instances/i"
    print("subscribe", call("POST", f"{instance}/subscription", {"topics": [NAME]}, v2)[0])
    read = []
    while len(read) < 1001:
        status, text = call("GET", f"{instance}/records?timeout=3000", accept="application/vnd.kafka.binary.v2+json")
        assert status == 200, text
        read += json.loads(text)
    print("read", len(read), [message["offset"] for message in read] == list(range(1001)), read[7]["key"], read[7]["value"])
    print("commit", call("POST", f"{instance}/offsets", {"offsets": [{"topic": NAME, "partition": 0, "offset": 989}]}, v2)[0])
    committed = call("GET", f"{instance}/offsets", {"partitions": [{"topic": NAME, "partition": 0}]}, v2)
    print("committed", json.loads(committed[1])["offsets"][0]["offset"])
    print("deleted", call("DELETE", instance, None, v2)[0])
    print("lag", json.loads(call("GET", f"{v3}/consumer-groups/{NAME}/lag-summary")[1])["total_lag"])
    print("topic gone", call("DELETE", f"{v3}/topics/{NAME}")[0], call("GET", f"/topics/{NAME}")[0])


main()
