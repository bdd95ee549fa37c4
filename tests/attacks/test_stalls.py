"""A single request that blocks the event loop, or an answer that never ends."""

import gevent
import pytest

from tests.attacks.conftest import begin, ended_chat
from tests.chat.conftest import ended, statuses
from tests.support.speed import takes_at_most
from tests.support.turns import nobody_waits


@pytest.mark.mostly_slow
@pytest.mark.parametrize("count", [10**30, 2**63, 2**31])
def test_absurd_counts_do_not_keep_an_answer_from_being_saved(member, fake, count):
    fake.says("Fine.", usage={"prompt_tokens": count, "completion_tokens": count, "cost": 1e300})

    assert statuses(ended_chat(member))[-1] == "completed"


@pytest.mark.parametrize("body", [b"a=&" * 1_300_000, b"&a" * 2_000_000], ids=["pairs", "names"])
@pytest.mark.parametrize("path", ["/login", "/chats", "/no/such/page"])
def test_a_form_of_a_million_fields_is_not_taken_apart(visitor, body, path):
    with takes_at_most(1):
        response = visitor.client.post(path, data=body, content_type="application/x-www-form-urlencoded")

        assert response.status_code in (404, 413)


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//", "http://\u00bd", "\u00ff:/[]"])
def test_an_origin_that_cannot_be_read_is_a_foreign_one(visitor, origin):
    assert visitor.post("/login", headers={"Origin": origin}).status_code == 403


@pytest.mark.slow
def test_deleting_an_account_ends_what_is_written_for_it(member, fake, engine):
    fake.counts(4_000, pace=0.02)
    begin(member)

    assert member.post("/account/delete", password="a quiet river at night").heading == "Your account is deleted"
    with gevent.Timeout(30, AssertionError("it is never let go")):
        while engine.live:
            gevent.sleep(0.02)
    fake.until(lambda log: log[0]["client_closed"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["<" * 100_000, "[" * 100_000, "*a_ " * 25_000, "> " * 50_000, "`" * 99_999, "| a " * 30_000, "\n" * 100_000 + "x"]
)
@pytest.mark.mostly_deep(3)
def test_a_huge_message_costs_little_and_holds_nobody_up(member, engine, fake, text):
    fake.says("Fine.")
    path = ended_chat(member).path
    with nobody_waits(1), takes_at_most(2):
        # Without `Browser`, as its check of the page's markup would cost more than everything that is measured.
        fields = {"message": text}
        sent = member.client.post(f"{path}/messages", data=fields, headers={"Origin": member.origin})
        while engine.live:
            gevent.sleep(0.01)
        shown = member.client.get(path)

    assert (sent.status_code, shown.status_code) == (303, 200)


@pytest.mark.slow
def test_the_words_of_a_huge_answer_are_read_beside_the_others(member, engine, fake):
    fake.says("Some *words* and `code`.\n\n- one\n- two\n\n" * 5_000, slice=65_536)
    path = begin(member)
    while engine.live:
        gevent.sleep(0.01)
    page = member.page(path)

    id = str(page.all("article.message")[-1].attributes["id"]).removeprefix("message-")

    for path in (f"/messages/{id}.txt", f"{page.path}/export.txt"):
        with nobody_waits(1):
            assert member.client.get(path).text.count("Some words and code.") == 5_000


@pytest.mark.slow
def test_the_end_of_a_huge_answer_that_defines_a_link_holds_nobody_up(member, engine, fake):
    fake.says("Some *words* and [x].\n\n- one\n- two\n\n" * 5_000 + "[x]: https://example.org\n", slice=65_536)
    path = begin(member)
    with nobody_waits(1):
        while engine.live:
            gevent.sleep(0.01)

    assert member.client.get(path).text.count('<a href="https://example.org"') == 5_000


def test_nobody_waits_for_as_long_as_a_server_asks(member, fake):
    fake.always({"status": 429, "headers": {"Retry-After": "86400"}, "json": {"error": {"code": 429, "message": "tomorrow"}}})

    page = member.wait_for(begin(member), ended)

    assert statuses(page)[-1] == "failed"
    assert len(fake.log()) == 1
