"""Chunked bodies decode to the same bytes however chunks and reads are split, and as in the standard library."""

import socket
from http.client import HTTPException, HTTPResponse
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.models.upstream.chunked import Chunked

CONTENTS = st.lists(st.binary(min_size=1, max_size=40), max_size=12)
EXTENSIONS = ("", ";a=b", ' ; a="b"')
ENDS = ("0\r\n\r\n", "0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n", "000\r\n\r\n", "0;last=yes\n\n")


def sent(contents: list[bytes], *, extension: str = "", end: str = ENDS[0]) -> bytes:
    return b"".join(b"%X%s\r\n%s\r\n" % (len(content), extension.encode(), content) for content in contents) + end.encode()


def read(content: bytes, *cuts: int) -> tuple[bytes, bool]:
    chunked, edges = Chunked(), sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    return b"".join([chunked.feed(content[a:b]) for a, b in pairwise(edges)]), chunked.is_over


def read_by_the_library(content: bytes) -> bytes:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + content)
        theirs.shutdown(socket.SHUT_WR)
        with HTTPResponse(ours) as response:
            response.begin()
            return response.read()


@pytest.mark.slow
@given(
    contents=CONTENTS,
    extension=st.sampled_from(["", ";a=b", ' ; a="b"']),
    end=st.sampled_from(ENDS),
    cuts=st.lists(st.integers(0, 400)),
)
def test_the_cut_of_chunks_does_not_matter(contents: list[bytes], extension: str, end: str, cuts: list[int]) -> None:
    content = sent(contents, extension=extension, end=end)

    assert read(content, *cuts) == (b"".join(contents), True)
    assert read_by_the_library(content) == b"".join(contents)


@pytest.mark.parametrize("end", ENDS)
def test_a_body_byte_by_byte_is_over_with_its_last_byte(end: str) -> None:
    content = sent([b"first", b"\r\n", b"x" * 300], end=end)

    assert read(content, *range(len(content))) == (b"first\r\n" + b"x" * 300, True)
    assert not read(content[:-1], *range(len(content)))[1]


@pytest.mark.parametrize("content", [b"x\r\n", b"-5\r\nhello", b"\r\n", b"5\r\nhelloXXXX\r\n", b"1" * 70_000])
def test_what_does_not_consist_of_chunks_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(content)
    with pytest.raises((ValueError, HTTPException)):
        read_by_the_library(content)


def test_what_is_there_together_is_read_together() -> None:
    assert Chunked().feed(sent([b"one ", b"two ", b"three"])[:-5]) == b"one two three"
