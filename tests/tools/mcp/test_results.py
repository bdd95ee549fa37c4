"""Results of calls: read within bounds, whatever they say."""

import base64
from typing import Any

import pytest
from hypothesis import given

from tests.tools.mcp.test_listing import JSON
from webapp.tools.mcp.results import MOST_CONTENTS, Unreadable, reply_of

DATA = base64.b64encode(b"bytes").decode()


def test_texts_are_joined_and_hide_nothing() -> None:
    texts = [{"type": "text", "text": "a\u200b\x00\r\nb\u202e"}, {"type": "text", "text": "c" * 70_000}]

    assert reply_of({"content": texts}).text == "a\nb\n\n" + "c" * 70_000


def test_structured_content_counts_where_there_is_no_text() -> None:
    assert reply_of({"structuredContent": [1, {"a": "ü"}]}).text == '[1, {"a": "ü"}]'
    assert reply_of({"content": [{"type": "text", "text": "x"}], "structuredContent": {"a": 1}}).text == "x"
    assert reply_of({"content": [], "structuredContent": None}).text == ""


@pytest.mark.parametrize("result", [{}, {"content": None}, {"content": "x"}, {"content": {}}, {"toolResult": 1}])
def test_what_is_no_result_is_unreadable(result: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        reply_of(result)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("file:///a/report.pdf", "report.pdf"),
        ("https://example.org/a%20b.txt?x#y", "a b.txt"),
        ("file:///../../etc/passwd", "passwd"),
        ("file:///a%2F..%2Fb", "a_.._b"),
        ("file:///.htaccess", "htaccess"),
        ("file:///a\\b", "a_b"),
        ("x:", "file"),
        ("http://[", "file"),
        ("file:///" + "x" * 1_000, "x" * 119 + "…"),
        (None, "file"),
        (["x"], "file"),
    ],
)
def test_a_file_has_a_name_that_leads_nowhere(uri: Any, name: str) -> None:
    reply = reply_of({"content": [{"type": "resource", "resource": {"uri": uri, "blob": DATA}}]})

    assert [(part.name, part.kind, part.content) for part in reply.files] == [(name, "application/octet-stream", b"bytes")]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("image/PNG; x=y", "image/png"),
        ("text/html\r\nX: y", "application/octet-stream"),
        ("x" * 200, "application/octet-stream"),
        (7, "application/octet-stream"),
        ("image/svg+xml", "image/svg+xml"),
    ],
)
def test_what_a_picture_says_of_its_kind_is_a_kind(said: Any, kind: str) -> None:
    assert reply_of({"content": [{"type": "image", "data": DATA, "mimeType": said}]}).pictures[0].kind == kind


def test_what_cannot_be_read_is_named() -> None:
    contents = [
        {"type": "image", "data": "!!!"},
        {"type": "image", "data": "ü"},
        {"type": "image"},
        {"type": "resource", "resource": {"uri": "file:///a.pdf", "blob": "x"}},
        {"type": "resource", "resource": []},
        {"type": "video\n\u202e", "data": DATA},
        {"type": "resource_link", "name": "\x00", "title": ["x"]},
        "x",
    ]
    reply = reply_of({"content": contents})

    assert reply.left_out == (
        "picture, which can't be read",
        "picture, which can't be read",
        "a part of the kind “image”",
        "a.pdf, which can't be read",
        "a part of the kind “resource”",
        "a part of the kind “video”",
        "a link to something",
        "a part of the kind “unknown”",
    )


def test_only_so_many_parts_are_read() -> None:
    reply = reply_of({"content": [{"type": "image", "data": DATA}] * 1_000})

    assert len(reply.pictures) == MOST_CONTENTS
    assert reply.left_out == ("800 further parts",)


@given(JSON)
def test_whatever_a_result_is_it_is_read_or_refused(value: Any) -> None:
    for result in ({"content": value}, {"content": [value, {"type": "resource", "resource": value}], "structuredContent": value}):
        try:
            reply = reply_of(result)
        except Unreadable:
            continue
        reply.text.encode()
