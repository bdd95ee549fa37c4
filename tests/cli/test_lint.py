"""What `flask lint-sse` finds in a stream, by its head and its bytes."""

import pytest

from webapp.guests.client_tools.lint import Linter, of_head

HEAD = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
GOOD = [b": hello\n\n", b'event: a\nid: 1\ndata: {"x": 1}\n\n', b'id: 2\ndata: {"x": 2}\n\n', b"id: 3\ndata: [DONE]\n\n"]


def found(pieces, *, every=0.0, is_over=True):
    linter = Linter(0.0)
    for number, piece in enumerate(pieces):
        linter.feed(piece, number * every)
    return " ".join(finding.sentence for finding in linter.finish(len(pieces) * every, is_over=is_over))


def test_a_good_stream_has_no_faults():
    assert of_head(200, HEAD) == []
    assert found(GOOD) == ""


@pytest.mark.parametrize(
    ("status", "changed", "words"),
    [
        (404, {}, "status is 404"),
        (200, {"Content-Type": "application/json"}, "application/json"),
        (200, {"Content-Type": ""}, "missing"),
        (200, {"Cache-Control": "max-age=5"}, "may be cached"),
        (200, {"Content-Encoding": "gzip"}, "compressed"),
        (200, {"Content-Length": "5"}, "isn't a stream"),
        (200, {"X-Accel-Buffering": "yes"}, "nginx"),
        (200, {"Cache-Control": "no-cache"}, "no-transform"),
    ],
)
def test_the_head_is_looked_at(status, changed, words):
    (finding,) = [fault for fault in of_head(status, {**HEAD, **changed}) if words in fault.sentence]
    assert finding.level in ("bad", "note")


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([b"\xef\xbb\xbfdata: 1\n\n"], "byte order mark"),
        ([b"data: 1\r\n\r\n"], "carriage returns"),
        ([b"data: 1\0\n\n"], "NUL"),
        ([b"data: \xff\n\n"], "isn't valid UTF-8"),
        ([b"id: 1\ndata: 1\n\ndata: 2"], "ends in the middle of an event"),
        (['id: 1\ndata: "ü"\n\n'.encode()], "isn't pure ASCII"),
        ([b"id: 1\ndata:1\n\n"], "by a space"),
        ([b"id: 1\ndata: 1\ndata: 2\n\n"], "several data lines"),
        ([b"id: 1\nnonsense\ndata: 1\n\n"], "aren't fields"),
        ([b"id: 1\ndata: words\n\n"], "isn't JSON"),
        ([b"data: 1\n\n"], "have no id"),
        ([b"id: 2\ndata: 1\n\n", b"id: 1\ndata: 1\n\n"], "don't increase"),
        ([b"id: 1\nda", b"ta: 1\n\n", b"id: 2\nda", b"ta: 1\n\n"], "in pieces"),
        ([], "Nothing arrived"),
    ],
)
def test_every_fault_has_its_words(pieces, words):
    assert words in found(pieces)


def test_a_long_silence_is_no_heartbeat():
    assert "silent for 20 s" in found(GOOD, every=20.0)
    assert found(GOOD[:2], every=14.0, is_over=False) == ""
