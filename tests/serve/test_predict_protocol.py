"""The wire of POST /predict, asked of a real server process."""

import base64
import io
import json
import socket
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from wfctl.cli.predict import command as predict_command
from wfctl.tests.helpers.bad_files import huge_png
from wfctl.tests.helpers.server_process import Reply, ServerProcess

MAX_BYTES = 32 * 2**20


def png(brightness: int = 200, mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (8, 8), (brightness,) * len(mode) if mode != "L" else brightness).save(
        buffer, "PNG"
    )
    return buffer.getvalue()


def multipart(name: str, content: bytes) -> tuple[bytes, str]:
    head = f'--XX\r\ncontent-disposition: form-data; name="{name}"; filename="a.png"\r\n\r\n'
    return head.encode() + content + b"\r\n--XX--\r\n", "multipart/form-data; boundary=XX"


def assert_error(reply: Reply, status: int, message: str) -> None:
    body = reply.json()
    assert (reply.status, message in body["error"]) == (status, True), body
    assert set(body) == {"error", "request_id"}
    assert body["request_id"] == reply.headers["x-request-id"]
    assert reply.headers["content-type"] == "application/json"
    assert "Traceback" not in body["error"]
    assert "\n" not in body["error"]


def test_every_form_of_a_picture_is_answered_alike(
    image_server: ServerProcess, image_artifact: Path, tmp_path: Path
) -> None:
    file = tmp_path / "grey.png"
    file.write_bytes(png())
    printed = CliRunner().invoke(predict_command, [str(image_artifact), str(file), "--json"]).output
    expected = {key: value for key, value in json.loads(printed).items() if key != "input"}

    pixels = np.full((8, 8), 200).tolist()
    replies = [
        image_server.predict(png(), "image/png"),
        image_server.predict(*multipart("image", png())),
        image_server.predict(json.dumps({"image": pixels}).encode(), "application/json"),
        image_server.predict(
            json.dumps({"image": base64.b64encode(png()).decode()}).encode(), "application/json"
        ),
    ]

    assert [entry["label"] for entry in expected["predictions"]] == ["9", "8", "7"]
    for reply in replies:
        assert reply.status == 200
        assert reply.json() == expected
        assert set(reply.json()) == {"model", "version", "predictions"}


def test_numbers_are_answered(number_server: ServerProcess) -> None:
    replies = [
        number_server.predict(b"14", "text/plain"),
        number_server.predict(b'{"number": 14}', "application/json"),
        number_server.predict(*multipart("number", b"14")),
    ]
    for reply in replies:
        assert reply.json()["predictions"][0]["label"] == "buzz"  # 14 mod 4 is 2
    assert_error(number_server.predict(b"15.5", "text/plain"), 400, "expected a whole number")
    assert_error(number_server.predict(png(), "image/png"), 415, "expected one of: text/plain")


def test_top_k_says_how_many_candidates(image_server: ServerProcess) -> None:
    counts = {
        query: len(image_server.predict(png(), "image/png", query).json()["predictions"])
        for query in ("", "?top_k=1", "?top_k=7", "?top_k=99")
    }
    assert counts == {"": 3, "?top_k=1": 1, "?top_k=7": 7, "?top_k=99": 10}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?top_k=0", "top_k is '0', expected a whole number from 1 on"),
        ("?top_k=-1", "top_k is '-1'"),
        ("?top_k=", "top_k is ''"),
        ("?top_k=2.5", "top_k is '2.5'"),
        ("?top_k=" + "9" * 5000, "expected a whole number from 1 on"),
        ("?topk=2", "unknown query parameter 'topk' (did you mean 'top_k'?)"),
        ("?" + "a=1&" * 200, "the query has too many fields"),
    ],
)
def test_a_wrong_query_is_named(image_server: ServerProcess, query: str, message: str) -> None:
    assert_error(image_server.predict(png(), "image/png", query), 400, message)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        (b"this is a text file\n", "image/png", 415, "not a picture in a known format"),
        (b"", "image/png", 400, "the body is empty"),
        (png()[:48], "image/png", 400, "the picture is damaged"),
        (png(), "application/x-www-form-urlencoded", 415, "expected one of: image/*"),
        (png(), "", 415, "a body without content-type"),
        (b'{"image": ', "application/json", 400, "not valid JSON"),
        (b'{"imag": "AA=="}', "application/json", 400, "did you mean 'image'"),
        (*multipart("file", b"x"), 400, "expected a part named 'image', got 'file'"),
        (b"--XX--\r\n", "multipart/form-data; boundary=XX", 400, "got none"),
        (b"x", "multipart/form-data", 400, "needs a boundary"),
    ],
)
def test_a_bad_body_is_named(
    image_server: ServerProcess, body: bytes, content_type: str, status: int, message: str
) -> None:
    assert_error(image_server.predict(body, content_type), status, message)
    assert image_server.predict(png(), "image/png").status == 200


def test_a_huge_picture_is_refused(image_server: ServerProcess) -> None:
    assert_error(image_server.predict(huge_png(), "image/png"), 413, "the picture is too large")


def test_compressed_bodies_are_refused(image_server: ServerProcess) -> None:
    headers = {"content-type": "image/png", "content-encoding": "gzip"}
    reply = image_server.request("POST", "/predict", png(), headers)
    assert_error(reply, 415, "content-encoding 'gzip' is not taken")


def test_other_methods_and_paths_are_named(image_server: ServerProcess) -> None:
    reply = image_server.request("GET", "/predict")
    assert_error(reply, 405, "/predict takes POST, not GET")
    assert reply.headers["allow"] == "POST"
    assert_error(image_server.request("POST", "/predic", b"x"), 404, "did you mean '/predict'?")
    assert_error(image_server.request("GET", "/zzzz"), 404, "the model answers at '/predict'")
    assert_error(image_server.request("POST", "/livez", b""), 405, "Method Not Allowed")


def test_the_clients_request_id_comes_back(image_server: ServerProcess) -> None:
    headers = {"content-type": "image/png", "x-request-id": "client-7.a_b"}
    assert image_server.request("POST", "/predict", png(), headers).headers["x-request-id"] == (
        "client-7.a_b"
    )
    assert image_server.request("GET", "/readyz", None, headers).headers["x-request-id"] == (
        "client-7.a_b"
    )
    made = image_server.request("POST", "/predict", png(), headers | {"x-request-id": "a b" * 99})
    assert made.headers["x-request-id"].isalnum()


def exchange(server: ServerProcess, request: bytes, timeout_s: float = 10.0) -> bytes:
    """Send raw bytes, then read until the server closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout_s) as connection:
        connection.sendall(request)
        while piece := connection.recv(65536):
            received += piece
    return received


HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\n"


def test_an_announced_size_over_the_limit_is_refused_before_the_body(
    image_server: ServerProcess,
) -> None:
    answer = exchange(image_server, HEAD + b"content-length: 99999999999\r\n\r\n" + bytes(1000))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"the body has 99999999999 bytes; at most 33554432 bytes are taken" in answer
    assert b"connection: close" in answer


def test_a_client_that_asks_first_is_told_at_once(image_server: ServerProcess) -> None:
    head = HEAD + b"expect: 100-continue\r\ncontent-length: 99999999999\r\n\r\n"
    answer = exchange(image_server, head, timeout_s=1.0)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer


def test_a_chunked_body_is_counted_while_it_is_read(image_server: ServerProcess) -> None:
    piece = b"100000\r\n" + bytes(2**20) + b"\r\n"
    body = piece * (MAX_BYTES // 2**20 + 1) + b"0\r\n\r\n"
    answer = exchange(image_server, HEAD + b"transfer-encoding: chunked\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"the body has more; at most 33554432" in answer


def test_a_body_shorter_than_announced_ends_with_its_client(image_server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", image_server.port), 5) as connection:
        connection.sendall(HEAD + b"content-length: 5000\r\n\r\n" + png())
    assert image_server.predict(png(), "image/png").status == 200


def test_a_body_longer_than_announced_is_not_read_as_more(image_server: ServerProcess) -> None:
    data = png()
    head = HEAD + b"content-length: %d\r\n\r\n" % len(data)
    answer = exchange(image_server, head + data + b"trailing rubbish\r\n\r\n")
    assert b"HTTP/1.1 400 Bad Request" in answer
    assert answer.count(b"HTTP/1.1 200") <= 1


@pytest.mark.parametrize("length", [b"-5", b"1e3", b"0x10", b"five"])
def test_a_content_length_that_is_no_number_is_refused(
    image_server: ServerProcess, length: bytes
) -> None:
    answer = exchange(image_server, HEAD + b"content-length: " + length + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
