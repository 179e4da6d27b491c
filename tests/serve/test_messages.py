import asyncio

import pytest

from wfctl.serve.messages import (
    ClientGone,
    HttpError,
    Message,
    Request,
    error_response,
    json_response,
)


def make_request(
    pieces: list[bytes], headers: list[tuple[bytes, bytes]] | None = None, query: bytes = b""
) -> tuple[Request, list[Message]]:
    """A request, and the messages that were not read of it."""
    waiting: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
    ]
    if waiting:
        waiting[-1]["more_body"] = False

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    scope = {"method": "POST", "path": "/p", "headers": headers or [], "query_string": query}
    return Request(scope, receive, "id-1"), waiting


def test_a_body_is_joined_from_its_pieces() -> None:
    request, _ = make_request([b"ab", b"", b"cd"])
    assert asyncio.run(request.body(4)) == b"abcd"
    assert request.body_complete


def test_an_announced_size_is_judged_before_reading() -> None:
    request, waiting = make_request([b"ab"], [(b"content-length", b"11")])
    with pytest.raises(
        HttpError, match="the body has 11 bytes; at most 10 bytes are taken"
    ) as error:
        asyncio.run(request.body(10))
    assert error.value.status == 413
    assert len(waiting) == 1


def test_reading_stops_at_the_limit() -> None:
    request, waiting = make_request([b"abc"] * 5, [(b"content-length", b"2")])
    with pytest.raises(HttpError, match="at most 4 bytes"):
        asyncio.run(request.body(4))
    assert len(waiting) == 3
    assert not request.body_complete


def test_a_client_that_leaves_is_not_an_error_of_ours() -> None:
    request, _ = make_request([])
    with pytest.raises(ClientGone):
        asyncio.run(request.body(4))


@pytest.mark.parametrize("value", [b"-1", b"1.5", b"", b"x", "٣".encode()])
def test_a_content_length_that_is_no_number(value: bytes) -> None:
    request, _ = make_request([b"a"], [(b"content-length", value)])
    with pytest.raises(HttpError, match="expected a number") as error:
        request.content_length()
    assert error.value.status == 400


def test_the_query_keeps_order_and_empty_values() -> None:
    request, _ = make_request([], query=b"a=1&b=&a=%20")
    assert request.query() == [("a", "1"), ("b", ""), ("a", " ")]


def test_answers_are_json() -> None:
    assert json_response({"a": 1}, 201).body == b'{"a":1}'
    failed = error_response(HttpError(503, "busy", ((b"retry-after", b"1"),)), "id-1")
    assert failed.status == 503
    assert failed.body == b'{"error":"busy","request_id":"id-1"}'
    assert failed.headers == ((b"retry-after", b"1"),)
