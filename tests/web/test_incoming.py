"""What is read before anybody is asked who they are: the parts of a form, and cookies. None of it holds up the others."""

import io
from urllib.parse import parse_qsl, urlencode

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder

from tests.support.browser import Browser
from tests.support.gap import nobody_waits
from webapp.web.incoming import MOST_COOKIE_CHARS, MOST_HEAD_BYTES, PIECE_BYTES, Incoming

NAMED = b'--B\r\nContent-Disposition: form-data; name="a"\r\n'
MUCH = 600_000
FORM = "application/x-www-form-urlencoded"
HEADS = {
    "escapes": b'--B\r\nContent-Disposition: form-data; name="' + b'\\"' * MUCH + b'"\r\n\r\nx\r\n--B--\r\n',
    "parameters": b"--B\r\nContent-Disposition: form-data; " + b"a=1; " * MUCH + b"\r\n\r\nx\r\n--B--\r\n",
    "headers": NAMED + b"X: y\r\n" * MUCH + b"\r\nx\r\n--B--\r\n",
    "folded": NAMED + b" \r\n" * MUCH + b"\r\nx\r\n--B--\r\n",
    "endless": NAMED + b"X: " + b"y" * MUCH,
}


def sent(visitor: Browser, body: bytes) -> int:
    return visitor.client.post("/login", data=body, content_type="multipart/form-data; boundary=B").status_code


@pytest.mark.mostly_slow
@pytest.mark.parametrize("name", HEADS)
def test_the_head_of_a_part_is_bounded(visitor: Browser, name: str) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize("escape", ["%41", "%FF", "%", "%e4%bd", "+%"])
def test_the_escapes_of_a_form_are_decoded_in_pieces(visitor: Browser, escape: str) -> None:
    body = f"email={escape * (3_900_000 // len(escape))}"
    with nobody_waits(0.2):
        assert visitor.client.post("/login", data=body, content_type=FORM).status_code == 403


@pytest.mark.slow
@given(
    fields=st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=4),
    before=st.integers(0, 9),
    letter=st.sampled_from("aä你😀 +%&="),
)
def test_a_form_is_read_as_it_was_written(fields: list[tuple[str, str]], before: int, letter: str) -> None:
    # Long enough to be cut, at every place of an escape.
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
