"""Pages are compressed where no other site can have asked for them, and none that shows credentials."""

import gzip

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.browser import Browser
from webapp.web import compression

OWN = {"Accept-Encoding": "gzip, deflate, br", "Sec-Fetch-Site": "same-origin"}


def got(client: FlaskClient, path: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(path, headers={**OWN, **named}, base_url="http://localhost")


def is_packed(answer: TestResponse) -> bool:
    assert answer.status_code == 200
    return answer.headers.get("Content-Encoding") == "gzip"


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_page_that_one_of_ours_or_the_person_asked_for_is_compressed(member: Browser, site: str) -> None:
    packed, plain = got(member.client, "/help", Sec_Fetch_Site=site), got(member.client, "/help", Accept_Encoding="identity")

    assert is_packed(packed)
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    assert {"Accept-Encoding", "Sec-Fetch-Site"} <= set(packed.headers["Vary"].split(", "))


@pytest.mark.parametrize("site", ["same-site", "cross-site", ""])
def test_other_pages_are_not(member: Browser, site: str) -> None:
    # Other sites can only open a page; a request of its own scripts is refused for them.
    assert not is_packed(got(member.client, "/help", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate"))


def test_a_client_that_wants_no_gzip_gets_none(member: Browser) -> None:
    assert not is_packed(got(member.client, "/help", Accept_Encoding="br"))


@pytest.mark.parametrize("path", ["/account", "/admin/people", "/admin/keys", "/admin/connections"])
def test_pages_that_show_credentials_never_are(owner: Browser, path: str) -> None:
    assert not is_packed(got(owner.client, path))


def test_pages_of_a_room_that_is_not_listed_are_not(app: Flask) -> None:
    # Adding a room is a decision: a page with a key or a link that signs in must not be among these.
    assert app.blueprints.keys() >= compression.WITHOUT_CREDENTIALS
    assert not compression.WITHOUT_CREDENTIALS & {"accounts", "account", "people", "second_factor", "keys", "connections", "mail"}


def test_the_length_of_a_page_says_little(member: Browser) -> None:
    lengths = {len(got(member.client, "/help").data) for _ in range(12)}

    assert len(lengths) > 6


def test_a_long_page_is_whole(app: Flask) -> None:
    content = bytes(range(256)) * 2000
    with app.app_context():
        assert gzip.decompress(compression.padded(content)) == content
