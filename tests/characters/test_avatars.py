"""Avatars: which pictures are accepted, how they are stored, and that they are served as pictures only."""

from io import BytesIO
from random import Random

import pytest
from PIL import Image

from tests.api.client import client_of
from tests.characters.card_samples import V2, bring, text_chunk, with_chunks
from tests.characters.conftest import png, upload
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.characters.cards import card_files
from webapp.characters.profiles import KEPT_BYTES, PICTURE_BYTES, fitted_picture
from webapp.characters.tables import Avatar

FIELDS = {"name": "Mara", "description": "Mara mills rye."}
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"\0" * 10 + b"\xff\xff\xc0\x00\x11\x08\x00\x02\x00\x03\x03" + b"\0" * 9 + b"\xff\xd9"
LOSSY = b"RIFF\x1a\0\0\0WEBPVP8 \x0e\0\0\0\0\0\0\x9d\x01\x2a\x03\x00\x02\x00"
LOSSLESS = b"RIFF\x1a\0\0\0WEBPVP8L\x0e\0\0\0\x2f" + (2 | 1 << 14).to_bytes(4, "little") + b"\0" * 5
EXTENDED = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x02\0\0\x01\0\0"
NO_PICTURES = [
    b"",
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"GIF89a\1\0\1\0",
    b"<html><script>alert(1)</script>",
    b"\x89PNG\r\n\x1a\n<script>",
    b"\xff\xd8\xff",
    b"\xff\xd8\xff\xe0\x00\x00" + b"\xff\xe0\x00\x00" * 40,
    b"RIFF\0\0\0\0WAVEfmt " + b"\0" * 20,
]


@pytest.mark.parametrize(
    ("content", "type", "size"),
    [
        (png(3, 2), "image/png", (3, 2)),
        (JPEG, "image/jpeg", (3, 2)),
        (LOSSY, "image/webp", (3, 2)),
        (LOSSLESS, "image/webp", (3, 2)),
        (EXTENDED, "image/webp", (3, 2)),
    ],
)
def test_a_picture_is_known_by_its_beginning(content, type, size):
    picture = card_files.picture_of(content)
    assert picture == card_files.CardImage(type, *size)


@pytest.mark.parametrize("content", NO_PICTURES)
def test_nothing_else_is_one(content):
    assert card_files.picture_of(content) is None


@pytest.mark.parametrize("content", [JPEG, LOSSY, png()])
def test_one_that_is_cut_anywhere_breaks_nothing(content):
    for end in range(len(content)):
        card_files.picture_of(content[:end])


def test_it_is_shown_and_served_as_what_it_is(make, member, app):
    path = make()
    assert upload(member, path, png(), name=" ").status_code == 422
    assert upload(member, path, png(), "evil.html", **FIELDS).status_code == 303

    picture = member.page(path).one("img.sitter__portrait")
    reply = member.client.get(picture.attributes["src"], base_url=member.origin)

    assert reply.data == png()
    assert reply.mimetype == "image/png"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert picture.attributes["alt"] == ""


def test_beside_a_name_it_is_small(make, member):
    path = make()
    upload(member, path, noise(300, 400), **FIELDS)
    address = f"{member.page(path).one('img.sitter__portrait').attributes['src']}&size=small"

    answers = [member.client.get(address, base_url=member.origin) for _ in range(2)]

    assert [Image.open(BytesIO(answer.data)).size for answer in answers] == [(72, 96)] * 2
    assert {answer.mimetype for answer in answers} == {"image/webp"}
    assert len(answers[0].data) < 10_000


def test_one_that_is_light_or_broken_stays_as_it_is_also_where_it_is_small(make, member):
    for content in (png(), JPEG + b"\0" * 10_000):
        path = make()
        upload(member, path, content, **FIELDS)
        address = f"{member.page(path).one('img.sitter__portrait').attributes['src']}&size=small"

        assert member.client.get(address, base_url=member.origin).data == content


def test_another_one_takes_its_place_and_the_first_is_forgotten(make, member, app):
    path = make()
    upload(member, path, png(), **FIELDS)
    first = member.page(path).one("img.sitter__portrait").attributes["src"]
    upload(member, path, png(2, 2), **FIELDS)

    assert member.page(path).one("img.sitter__portrait").attributes["src"] != first
    with app.app_context():
        assert db.session.query(Avatar).count() == 1


def test_it_can_be_taken_away_and_stays_when_nothing_is_said(make, member, app):
    path = make()
    upload(member, path, png(), **FIELDS)
    assert member.submit(f"{path}/edit", name="Mara").one("img.sitter__portrait")

    page = member.submit(f"{path}/edit", remove_avatar="on")

    assert page.one(".sitter .face").text() == "M"
    with app.app_context():
        assert db.session.query(Avatar).count() == 0
    assert member.get(f"{path}/avatar").status_code == 404


def test_a_copy_has_a_picture_of_its_own(make, member, app):
    path = make()
    upload(member, path, png(), **FIELDS)
    copy = member.page(path).press("Duplicate").path

    member.submit(f"{path}/edit", remove_avatar="on")

    assert member.page(copy).one("img.sitter__portrait")


def noise(width: int, height: int, kind: str = "PNG") -> bytes:
    """Returns a picture that can't be compressed much: some bytes more than its pixels."""
    file = BytesIO()
    Image.frombytes("RGB", (width, height), Random(1).randbytes(width * height * 3)).save(file, kind, quality=95)
    return file.getvalue()


def test_what_is_no_picture_is_refused_in_place(make, member):
    path = make()
    for content, words in ((b"<svg/>", "That image format isn't supported."), (png(8_000, 8_000), "has too many pixels")):
        page = upload(member, path, content, **FIELDS)

        assert page.status_code == 422
        assert words in page.one("#avatar-error").text()


def test_a_large_one_is_made_smaller_wherever_it_comes_from(make, member, app):
    large = noise(1_400, 1_600)
    assert 6 * 1024 * 1024 < len(large) < PICTURE_BYTES
    path = make()

    assert upload(member, path, large, **FIELDS).status_code == 303
    assert upload(member, "/personas", large, **FIELDS).status_code == 303
    assert bring(member, ("mara.png", with_chunks(text_chunk(b"chara", V2), picture=large))).says("1 new character")
    assert (
        client_of(app, member.email)
        .client.put(f"/api/v1{path}/avatar", data=large, headers=client_of(app, member.email).headers)
        .status_code
        == 200
    )

    with app.app_context():
        pictures = [(row.media_type, Image.open(BytesIO(row.content)).size) for row in db.session.query(Avatar)]
    assert pictures == [("image/webp", (896, 1_024))] * 3


def test_one_that_is_wide_or_heavy_is_made_smaller_and_a_small_one_stays():
    assert fitted_picture(png(2_048, 1)) == png(2_048, 1)
    wide = BytesIO()
    Image.new("RGB", (5_000, 50), "teal").save(wide, "PNG")

    assert Image.open(BytesIO(fitted_picture(wide.getvalue()))).size == (1_024, 10)
    with pytest.raises(Invalid, match="damaged"):
        fitted_picture(png(3_000, 2) + b"\0" * KEPT_BYTES)


def test_one_that_is_too_heavy_is_refused_in_place(make, member):
    page = upload(member, make(), png() + b"\0" * PICTURE_BYTES, **FIELDS)

    assert page.status_code == 422
    assert "at most 8 MB" in page.one("#avatar-error").text()


def test_personas_have_one_too(member, stranger):
    assert upload(member, "/personas", png(), **FIELDS).status_code == 303

    url = str(member.page("/personas").one("img.face--picture").attributes["src"])

    assert member.client.get(url, base_url=member.origin).mimetype == "image/png"
    assert stranger.get(url).status_code == 404


def test_a_picture_that_does_not_say_its_size_soon_is_not_looked_through():
    frame = JPEG[JPEG.index(b"\xff\xc0") :]

    assert card_files.picture_of(card_files.JPEG + b"\xff" * 100 + frame)
    assert card_files.picture_of(card_files.JPEG + b"\xff" * 100_000 + frame) is None
