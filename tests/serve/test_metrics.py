from pathlib import Path

from wfctl.tests.helpers.server_process import running_server


def test_requests_are_counted_under_bounded_labels(number_artifact: Path) -> None:
    with running_server(number_artifact) as server:
        for _ in range(3):
            assert server.predict(b"14", "text/plain").status == 200
        assert server.predict(b"x", "text/plain").status == 400
        for number in range(20):  # a scan of addresses
            assert server.request("GET", f"/admin/{number}.php?x={number}").status == 404
            server.request("GET", f"/static_content/{number}")
        text = server.request("GET", "/metrics").body.decode()

    def count(route: str, status: int) -> str:
        labels = f'model="fizzbuzz",route="{route}",status="{status}",version="3"'
        return f"wfctl_requests_total{{{labels}}}"

    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines[count("/predict", 200)] == "3.0"
    assert lines[count("/predict", 400)] == "1.0"
    assert lines[count("other", 404)] == "20.0"
    duration = 'wfctl_request_duration_seconds_count{model="fizzbuzz",route="/predict",version="3"}'
    assert lines[duration] == "4.0"
    assert ".php" not in text
    assert "static_content" not in text
