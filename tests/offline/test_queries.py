"""Prometheus and InfluxDB asked for recordings, by what their APIs are documented to answer."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from streamdetect.errors import DataError
from streamdetect.offline.recordings import read
from streamdetect.offline.recordings.queries import TOKEN, fetch, is_query

NOW = 1.7e9
SAMPLES = [(NOW - 90_000 + 30 * at, f"{20 + at % 7}.5") for at in range(3000)]


@pytest.fixture
def server():
    """A server that answers as the queries want; `asked` has what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(b"")

        def do_POST(self):
            self.answer(self.rfile.read(int(self.headers["Content-Length"])))

        def answer(self, body):
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            asked.append((url.path, query, body, dict(self.headers)))
            status, content = answers(url.path, query)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{http.server_port}", asked
    http.shutdown()
    http.server_close()


def answers(path, query):
    if query.get("query", "").startswith("bad"):
        return 400, b'{"status":"error","error":"parse error"}'
    if path == "/api/v1/query":
        end, span = float(query["time"]), float(query["query"].rpartition("[")[2].removesuffix("ms]")) / 1000
        pairs = [
            pair for pair in SAMPLES if end - span <= pair[0] <= end
        ]  # both ends, as Prometheus 2 has it
        return 200, matrix(pairs)
    if path == "/api/v1/query_range":
        start, end, step = (float(query[name]) for name in ("start", "end", "step"))
        return 200, matrix([(start + at * step, "1.5") for at in range(int((end - start) / step) + 1)])
    if path == "/api/v2/query":
        return 200, b",result,table,_time,_value,_field\r\n,,0,2023-11-14T00:00:00Z,21.5,temp\r\n"
    rows = {"results": [{"series": [{"name": "air", "columns": ["time", "t"], "values": [[10**18, 21.5]]}]}]}
    return 200, json.dumps(rows).encode()


def matrix(pairs):
    rooms = [{"metric": {"__name__": "t", "room": room}, "values": pairs} for room in ("a", "b")]
    return json.dumps(
        {"status": "success", "data": {"resultType": "matrix", "result": rooms if pairs else []}}
    ).encode()


def ask(address, tmp_path):
    return {one.name: one for one in read([fetch(address, tmp_path, lambda: NOW)])}


def test_prometheus_gives_the_samples_of_a_selector_each_once(server, tmp_path):
    host, asked = server
    found = ask(f"prometheus://{host}/?query=t%7Bjob%3D%22x%22%7D&since=1d", tmp_path)
    assert list(found) == ["t/a", "t/b"]
    assert found["t/a"].times.tolist() == [time for time, _ in SAMPLES if time >= NOW - 86_400]
    assert found["t/b"].values[:, 0].tolist() == [float(v) for time, v in SAMPLES if time >= NOW - 86_400]
    assert [query["query"] for _, query, _, _ in asked] == ['t{job="x"}[21600000ms]'] * 4


def test_prometheus_gives_the_values_of_an_expression_in_parts(server, tmp_path):
    host, asked = server
    found = ask(f"prometheus://{host}/?query=rate(t[5m])&since=1d&step=5s", tmp_path)
    assert found["t/a"].times.tolist() == [NOW - 86_400 + 5 * at for at in range(86_400 // 5 + 1)]
    assert len(asked) == 2


def test_influxdb_of_both_kinds(server, tmp_path, monkeypatch):
    host, asked = server
    assert ask(f"influxdb://{host}/?db=home&query=SELECT+t+FROM+air", tmp_path)["air/t"].times.tolist() == [
        1e9
    ]
    monkeypatch.setenv(TOKEN, "secret")
    assert (
        ask(f"influxdb://{host}/?org=home&query=from(bucket:%22b%22)", tmp_path)["temp"].values[0, 0] == 21.5
    )
    (_, first, _, _), (_, second, body, headers) = asked
    assert first == {"db": "home", "q": "SELECT t FROM air", "epoch": "ns"}
    assert second == {"org": "home"}
    assert json.loads(body) == {"query": 'from(bucket:"b")', "type": "flux"}
    assert headers["Authorization"] == "Token secret"


def test_user_and_password(server, tmp_path):
    host, asked = server
    ask(f"influxdb://me:p%40ss@{host}/?db=home&query=SELECT", tmp_path)
    assert asked[0][3]["Authorization"] == "Basic bWU6cEBzcw=="


def test_what_goes_wrong_is_said_without_the_password(server, tmp_path, free_port):
    host, _ = server
    with pytest.raises(DataError, match=r"prometheus://127.0.0.1:\d+: 400 Bad Request: .*parse error"):
        fetch(f"prometheus://me:secret@{host}/?query=bad", tmp_path)
    with pytest.raises(DataError, match="refused") as caught:
        fetch(f"prometheus://me:secret@127.0.0.1:{free_port}/?query=t", tmp_path)
    assert "secret" not in str(caught.value)
    with pytest.raises(DataError, match="must have a host and a query"):
        fetch(f"prometheus://{host}/", tmp_path)
    assert not is_query("data.csv")
    assert not is_query("http://host/")
