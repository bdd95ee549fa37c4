"""Input that is parsed before authentication, forms and cookies, does not block other requests."""

import io
from urllib.parse import parse_qsl, urlencode

import pytest
from flask import Flask, request
from hypothesis import given, strategies as st
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder

from tests.api.client import client_of
from tests.support.browser import Browser
from tests.support.turns import nobody_waits
from webapp.api.operations import MOST_BYTES as MESSAGE_BYTES
from webapp.base.errors import TooLarge
from webapp.web.security import MOST_BYTES
from webapp.web.server.request_parsing import MOST_COOKIE_CHARS, MOST_HEAD_BYTES, PIECE_BYTES, Incoming
from webapp.web.uploads import expect_files

NAMED = b'--B\r\nContent-Disposition: form-data; name="a"\r\n'
MUCH = 600_000
FORM = "application/x-www-form-urlencoded"
HEADS = {
    "escapes": b'--B\r\nContent-Disposition: form-data; name="' + b'\\"' * MUCH + b'"\r\n\r\nx\r\n--B--\r\n',
    "parameters": b"--B\r\nContent-Disposition: form-data; " + b"a=1; " * MUCH + b"\r\n\r\nx\r\n--B--\r\n",
    "headers": NAMED + b"X: y\r\n" * MUCH + b"\r\nx\r\n--B--\r\n",
    "folded": NAMED + b" \r\n" * MUCH + b"\r\nx\r\n--B--\r\n",
    "endless": NAMED + b"X: " + b"y" * MUCH,
    # Short ones too: a form can have two hundred of them.
    "short escapes": b'--B\r\nContent-Disposition: form-data; name="' + b'\\"' * 1_900 + b'"\r\n\r\nx\r\n--B--\r\n',
    "short parameters": b"--B\r\nContent-Disposition: form-data; " + b"a=1; " * 700 + b"name=a\r\n\r\nx\r\n--B--\r\n",
    "long heads": (NAMED.strip() + b'; b="' + b"y" * 3_800 + b'"\r\n\r\nx\r\n') * 20 + b"--B--\r\n",
    "short headers": NAMED + b"X: y\r\n" * 600 + b"\r\nx\r\n--B--\r\n",
}


def sent(visitor: Browser, body: bytes) -> int:
    return visitor.client.post("/login", data=body, content_type="multipart/form-data; boundary=B").status_code


@pytest.mark.mostly_slow
@pytest.mark.parametrize("name", HEADS)
def test_the_head_of_a_part_is_bounded(visitor: Browser, name: str) -> None:
    # The first refusal in a process compiles the templates of its page.
    assert sent(visitor, HEADS["endless"]) == 413
    with nobody_waits(0.2):
        assert sent(visitor, HEADS[name]) == 413


def test_a_part_without_a_name_is_refused(visitor: Browser) -> None:
    assert sent(visitor, b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n") == 400


@pytest.mark.parametrize("size", [1, 7, 64, 20_000])
def test_a_form_in_parts_is_read_whole(app: Flask, size: int) -> None:
    text, file = "line\r\n--b\r\n" * 10_000, bytes(range(256)) * 1_000
    with app.test_request_context(
        method="POST", data={"text": text, "short": "ä" * size, "file": (io.BytesIO(file), "a file\u00e9.bin", "image/png")}
    ):
        assert request.form["text"] == text
        assert request.form["short"] == "ä" * size
        found = request.files["file"]
        assert (found.filename, found.mimetype, found.read()) == ("a file\u00e9.bin", "image/png", file)


def test_a_head_may_be_as_long_as_a_name_is(app: Flask) -> None:
    name = "n" * (MOST_HEAD_BYTES - 100)
    with app.test_request_context(method="POST", data={name: "x", "file": (io.BytesIO(b"y"), name)}):
        assert request.form[name] == "x"
        assert request.files["file"].filename == name


class Long(io.RawIOBase):
    """A form with one file of the declared length; counts the bytes that were read."""

    def __init__(self, length: int) -> None:
        self._length, self._place = length, 0
        self.count, self._head = 0, b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        chunk = self._head or b"x" * len(buffer)
        buffer[: len(chunk)], self._head = chunk, b""
        self.count += len(chunk)
        return len(chunk)

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        self._place = self._length if whence == io.SEEK_END else place
        return self._place

    def tell(self) -> int:
        return self._place


def files_of(most_bytes: int, files: int) -> object:
    expect_files(most_bytes, files=files)
    return request.files


@pytest.mark.parametrize(
    ("declared", "files", "most_read", "says"),
    [
        (200_000_000, 1, 0, "This file is too large. The limit is 1 MB."),
        (200_000_000, 20, 0, "These files are too large. The limit is 20 MB together."),
        # Within the limit for twenty files together: reading stops at the first file that is too large.
        (20_000_000, 20, 1_250_000, "This file is too large. The limit is 1 MB."),
    ],
)
def test_a_file_that_is_too_large_is_not_read(app: Flask, declared: int, files: int, most_read: int, says: str) -> None:
    body = Long(declared)
    with app.test_request_context(method="POST", input_stream=body, content_type="multipart/form-data; boundary=B"):
        with pytest.raises(TooLarge) as refused:
            files_of(1024 * 1024, files)
        assert (refused.value.message, refused.value.status) == (says, 413)
    assert body.count <= most_read


@pytest.mark.slow
def test_others_go_on_while_a_file_is_read_as_far_as_it_may(app: Flask, member: Browser) -> None:
    program, body = client_of(app, member.email), Long(900_000_000)
    path = f"/api/v1/collections/{program.post('/collections', {'name': 'Large'}, status=201)['id']}/documents"
    kind = "multipart/form-data; boundary=B"
    with nobody_waits():
        refused = program.client.post(path, input_stream=body, headers=program.headers, content_type=kind)
    assert refused.get_json()["detail"] == "This file is too large. The limit is 50 MB."
    assert body.count < 51 * 1024 * 1024


def test_each_file_has_a_limit_of_its_own(app: Flask) -> None:
    with app.test_request_context(method="POST", data={name: (io.BytesIO(b"x" * 1000), name) for name in "ab"}):
        expect_files(1000, files=2)
        assert [len(request.files[name].read()) for name in "ab"] == [1000, 1000]


@pytest.mark.slow
@pytest.mark.parametrize("escape", ["%41", "%FF", "%", "%e4%bd", "+%"])
def test_the_escapes_of_a_form_are_decoded_in_pieces(visitor: Browser, escape: str) -> None:
    body = f"email={escape * (3_900_000 // len(escape))}"
    with nobody_waits(0.2):
        assert visitor.client.post("/login", data=body, content_type=FORM).status_code == 422


@pytest.mark.slow
@given(
    fields=st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=4),
    before=st.integers(0, 9),
    letter=st.sampled_from("aä你😀 +%&="),
)
def test_a_form_is_read_as_it_was_written(fields: list[tuple[str, str]], before: int, letter: str) -> None:
    # Longer than a piece, so that it is split at every position of an escape.
    written = [*fields, ("x" * before, letter * (PIECE_BYTES // 2))]
    content = urlencode(written, errors="replace").encode()
    builder = EnvironBuilder(method="POST", data=content, content_type=FORM)
    form = Incoming(builder.get_environ()).form
    assert form.to_dict(flat=False) == MultiDict(parse_qsl(content.decode(), keep_blank_values=True)).to_dict(flat=False)


def test_what_is_no_text_in_a_form_is_replaced(app: Flask) -> None:
    with app.test_request_context(method="POST", data=b"a=%FF%41%4&b&=c&%zz=\xff+d", content_type=FORM):
        assert dict(request.form) == {"a": "\ufffdA%4", "b": "", "": "c", "%zz": "\ufffd d"}


def test_more_cookies_than_a_browser_sends_are_not_read(app: Flask, visitor: Browser) -> None:
    visitor.client = app.test_client(use_cookies=False)
    with nobody_waits(0.2):
        page = visitor.get("/login", headers={"Cookie": "a;" * 400_000})

    assert page.status_code == 431
    assert page.says("Delete the cookies of this site")
    assert visitor.get("/login", headers={"Cookie": "a;" * (MOST_COOKIE_CHARS // 2)}).status_code == 200


def sent_in_chunks(visitor: Browser, path: str, body: bytes, kind: str) -> int:
    """Sends a body whose length is not known beforehand, as gunicorn passes it on."""
    chunks = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    return visitor.client.post(path, content_type=kind, input_stream=io.BytesIO(body), environ_overrides=chunks).status_code


@pytest.mark.parametrize(("bytes_over", "status"), [(-1, 422), (0, 422), (1, 413), (70_000, 413)])
def test_a_body_in_chunks_over_the_limit_is_refused_not_cut_off(visitor: Browser, bytes_over: int, status: int) -> None:
    body = b'{"message": ""}'
    body += b" " * (MESSAGE_BYTES + bytes_over - len(body))
    assert sent_in_chunks(visitor, "/api/chat", body, "application/json") == status


def test_a_form_in_chunks_over_the_limit_is_refused(visitor: Browser) -> None:
    assert sent_in_chunks(visitor, "/login", b"email=" + b"a" * MOST_BYTES, FORM) == 413
