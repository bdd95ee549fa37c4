"""The event stream sends a chat only to those who have access, only while they have it, and nothing else."""

import gevent
import pytest

from tests.attacks.conftest import begin, ended_chat
from tests.chat.conftest import statuses
from tests.people.conftest import secret_of
from tests.support.browser import HTMX, Browser
from webapp.chat.messages.projection import PERSISTENT_COUNTS

# The position of a client that has received nothing: all of its counters are zero.
NOTHING = "-".join("0" * PERSISTENT_COUNTS)


def generation_of(page) -> str:
    return page.action("Stop").split("/")[2]


@pytest.mark.slow
def test_a_position_does_not_bring_somebody_elses_answer(member, stranger, fake, listen):
    fake.counts(4_000, pace=0.02)
    foreign = generation_of(member.page(begin(member, "A secret question")))
    fake.says("Mine")
    page = ended_chat(stranger, "Mine")
    epoch, seq, head, *_ = page.events_url.partition("at=")[2].split(".")

    by_address = listen(stranger, f"{page.path}/events?at={epoch}.{seq}.{head}.{foreign}.{NOTHING}")
    by_header = listen(stranger, f"{page.path}/events", f"{epoch}.{seq}.{head}.{foreign}.{NOTHING}")
    gevent.sleep(0.5)

    assert b"w0000" not in by_address.raw + by_header.raw
    assert foreign.encode() not in by_address.raw + by_header.raw


@pytest.mark.mostly_slow
@pytest.mark.parametrize("numbers", ["9" * 5000, "1", "1-2", f"{NOTHING}-7", "-", NOTHING.replace("0", "9"), NOTHING + "9" * 30])
def test_a_position_that_cannot_be_is_the_whole_thread(member, fake, listen, numbers, caplog):
    fake.counts(4_000, pace=0.02)
    page = member.page(begin(member))
    epoch, seq, head, generation, _ = page.events_url.partition("at=")[2].split(".")

    for position in (f"{epoch}.{seq}.{head}.{generation}.{numbers}", f"{epoch}.{numbers}.{head}.{generation}."):
        listener = listen(member, f"{page.path}/events", position)
        assert listener.response.status_code == 200
        listener.until(lambda feed: "w0000" in feed.html)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.slow
def test_a_stranger_gets_not_one_byte_of_it(member, stranger, visitor, fake, listen):
    fake.counts(4_000, pace=0.02)
    page = member.page(begin(member, "A secret question"))
    listener = listen(member, page.events_url)
    listener.until(lambda feed: feed.last_id)

    for headers in ({}, {"Last-Event-ID": listener.last_id}, {"Last-Event-ID": "superseded"}):
        for url in (page.events_url, f"{page.path}/events"):
            answer = stranger.client.get(url, headers=headers, buffered=False)
            assert (answer.status_code, answer.mimetype) == (404, "text/html")
            assert "w0000" not in answer.text
            assert visitor.get(url, headers=headers).location.startswith("/login")
            assert visitor.get(url, headers={**headers, **HTMX}).status_code == 401


@pytest.mark.mostly_slow
@pytest.mark.parametrize("how", ["disabled", "deleted", "signed out elsewhere", "new password"])
def test_it_ends_when_somebody_may_no_longer(app, owner, member, fake, listen, how):
    fake.says("Fine.")
    page = ended_chat(member)
    listener = listen(member, page.events_url)
    listener.until(lambda feed: feed.raw)
    id = member.person_id

    if how == "disabled":
        owner.post(f"/admin/people/{id}/disable")
    elif how == "deleted":
        owner.post(f"/admin/people/{id}/delete", email=member.email)
    elif how == "new password":
        link = secret_of(owner.post(f"/admin/people/{id}/password-link"))
        Browser(app).post(link.partition("localhost")[2], password="another quiet river")
    else:
        member.post("/logout")
    listener.until(lambda feed: feed.greenlet.dead)

    again = member.get(page.events_url, headers={**HTMX, "Last-Event-ID": listener.last_id})
    assert again.status_code == 401


@pytest.mark.slow
def test_an_answer_that_goes_on_is_not_heard_any_more(owner, member, fake, listen):
    fake.counts(2000, pace=0.005)
    page = member.page(begin(member))
    listener = listen(member, page.events_url)
    listener.until(lambda feed: "w0000" in feed.html)

    owner.post(f"/admin/people/{member.person_id}/disable")
    listener.until(lambda feed: feed.greenlet.dead)
    heard = len(listener.raw)
    gevent.sleep(0.3)

    assert len(listener.raw) == heard


@pytest.mark.mostly_slow
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_other_site_listens_with_our_cookies(member, fake, site):
    fake.says("Fine.")
    page = ended_chat(member)

    for path in (page.events_url, f"/messages/{page.message_ids[-1]}.md", page.path, "/account"):
        answer = member.get(path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "cors", "Origin": "https://evil.example"})
        assert answer.status_code == 403
        assert not [name for name in answer.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118  headers iterate over pairs


def test_nothing_of_the_upstreams_head_reaches_the_browser_nor_of_ours_the_upstream(member, fake, listen):
    evil = {
        "Set-Cookie": "millrace=planted",
        "X-Evil": "1",
        "Access-Control-Allow-Origin": "*",
        "Refresh": "0;url=//evil.example",
    }
    fake.says("Fine.", headers=evil)
    page = ended_chat(member)
    listener = listen(member, page.events_url)

    for headers in (page.headers, listener.response.headers):
        assert not {"x-evil", "refresh", "access-control-allow-origin"} & {name.lower() for name in dict(headers)}
        assert "planted" not in str(headers)
    for entry in fake.log():
        assert not {"cookie", "referer", "origin", "x-forwarded-for"} & set(entry["headers"])


@pytest.mark.slow
def test_an_upstream_that_sends_us_elsewhere_gets_no_second_request(member, fake):
    fake.always({"status": 302, "headers": {"Location": f"{fake.url}/elsewhere"}, "text": ""})
    page = ended_chat(member)

    assert statuses(page)[-1] == "failed"
    assert {entry["path"] for entry in fake.log()} == {"/api/v1/chat/completions"}


@pytest.mark.slow
def test_no_browser_keeps_a_chat(member, fake):
    fake.says("Fine.")
    page = ended_chat(member)

    for path in (page.path, "/", "/chats", "/account", f"/messages/{page.message_ids[-1]}.md"):
        assert member.get(path).headers["Cache-Control"] == "no-store"
    config = page.one('meta[name="htmx-config"]').attributes["content"] or ""
    assert '"history": false' in config


def test_a_raw_text_is_never_a_script_or_a_page(member, fake):
    fake.says("alert(1)//<script>alert(2)</script>")
    raw = member.get(f"/messages/{ended_chat(member).message_ids[-1]}.md")

    assert raw.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert raw.headers["X-Content-Type-Options"] == "nosniff"
