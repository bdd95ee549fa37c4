"""Chunked bodies are read to the same bytes however chunks and reads are split; what arrived together is read together."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

import pytest
from hypothesis import given, strategies as st

from webapp.models.upstream.sockets import SocketReply, Turns

CONTENTS = st.lists(st.binary(min_size=1, max_size=40), max_size=12)
EXTENSIONS = ("", ";a=b", ' ; a="b"')
ENDS = ("0\r\n\r\n", "0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n", "000\r\n\r\n", "0;last=yes\n\n")
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def sent(contents: list[bytes], *, extension: str = "", end: str = ENDS[0], digits: int = 1) -> bytes:
    return b"".join(b"%0*X%s\r\n%s\r\n" % (digits, len(part), extension.encode(), part) for part in contents) + end.encode()


@contextmanager
def reply_to(first: bytes) -> Iterator[tuple[SocketReply, socket.socket]]:
    """A reply whose head and `first` bytes have arrived, and the socket that sends the rest."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(HEAD + first)
        with SocketReply(Turns(ours)) as reply:
            reply.begin()
            yield reply, theirs


def read(content: bytes, *, size: int = 65536, closes: bool = True) -> list[bytes]:
    """Returns what each read gives."""
    with reply_to(content) as (reply, server):
        if closes:
            server.shutdown(socket.SHUT_WR)
        return list(iter(lambda: reply.read1(size), b""))


@pytest.mark.slow
@given(
    contents=CONTENTS,
    extension=st.sampled_from(EXTENSIONS),
    end=st.sampled_from(ENDS),
    size=st.integers(1, 100),
    digits=st.integers(1, 8),
)
def test_the_cut_of_chunks_does_not_matter(contents: list[bytes], extension: str, end: str, size: int, digits: int) -> None:
    content = sent(contents, extension=extension, end=end, digits=digits)

    assert b"".join(read(content, size=size, closes=False)) == b"".join(contents)


@pytest.mark.parametrize("end", ENDS)
def test_every_cut_of_the_wire_gives_the_same_bytes_and_none_is_held_back(end: str) -> None:
    whole = [b"first", b"\r\n", b"\r\n5\r\nx", b"x" * 30]
    content = sent(whole, end=end)
    for cut in range(len(content)):
        with reply_to(content[:cut]) as (reply, server):
            arrived = b""
            expected = whole_chunks_in(content[:cut], whole)
            while len(arrived) < expected:
                arrived += reply.read1(65536)
            server.sendall(content[cut:])
            while part := reply.read1(65536):
                arrived += part
            assert arrived == b"".join(whole)
            assert reply.isclosed()


def whole_chunks_in(content: bytes, contents: list[bytes]) -> int:
    """Returns how many bytes of the body the beginning of a message contains in whole chunks."""
    ends = [len(sent(contents[:count], end="")) - 2 for count in range(1, len(contents) + 1)]
    return sum(len(part) for part, end in zip(contents, ends, strict=True) if end <= len(content))


@pytest.mark.parametrize("content", [b"x\r\n", b"\r\n", b"5\r\nhelloXXXX\r\n", b"1" * 70_000, b"5\r\nhel"])
def test_what_does_not_consist_of_chunks_is_refused(content: bytes) -> None:
    with pytest.raises(HTTPException):
        read(content)


def test_what_is_there_together_is_read_together() -> None:
    assert read(sent([b"one ", b"two ", b"three"])) == [b"one two three"]
    assert read(sent([b"one ", b"two ", b"three"], digits=8)) == [b"one two three"]


def test_a_reply_without_its_trailers_is_whole() -> None:
    assert b"".join(read(sent([b"all"], end="0\r\n"))) == b"all"
