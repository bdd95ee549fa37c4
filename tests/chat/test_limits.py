"""Rate limits refuse with a message, state how long to wait, and keep the typed text."""

import pytest

from tests.chat.conftest import asked, ended
from tests.conftest import signed_in
from webapp.settings.service import set_setting


@pytest.fixture
def limited(app):
    def limited(name: str, value: str) -> None:
        with app.app_context():
            set_setting(name, value)

    return limited


@pytest.mark.slow
def test_only_so_many_answers_at_once(owner, begin, answered, fake, limited):
    limited("limits.concurrent_streams", "2")
    fake.says("One")
    path = answered(owner)
    fake.counts(4_000, pace=0.02)
    begin(owner, "Second")
    begin(owner, "Third")

    page = owner.post(f"{path}/messages", message="One too many")

    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) > 0
    assert page.says("You already have 2 answers in progress.")
    assert page.textbox("Message").value == "One too many"


@pytest.mark.slow
def test_only_so_many_in_a_minute(owner, answered, fake, limited):
    limited("limits.streams_per_minute", "2")
    limited("limits.streams_burst", "2")
    fake.says("One")
    path = answered(owner)
    owner.post(f"{path}/messages", message="Two")
    owner.wait_for(path, ended)

    page = owner.post(f"{path}/messages", message="Three")

    assert page.status_code == 429
    assert 0 < int(page.headers["Retry-After"]) <= 30
    assert page.textbox("Message").value == "Three"
    assert len(asked(fake)) == 2


def test_others_are_not_limited_by_it(owner, member, begin, fake, limited):
    limited("limits.concurrent_streams", "1")
    fake.counts(4_000, pace=0.02)
    begin(owner)

    assert begin(member).startswith("/chats/")


def test_the_server_has_only_so_many_places(make_app, fake, begin):
    app = make_app(**fake.environ, MAX_STREAMS="1")
    with app.app_context():
        set_setting("limits.queue_seconds", "0")
    first, second = signed_in(app, "a@example.org", "member"), signed_in(app, "b@example.org", "member")
    fake.counts(4_000, pace=0.02)
    begin(first)

    page = second.post("/chats", message="Hello")
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "5"
