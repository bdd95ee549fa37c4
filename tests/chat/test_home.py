"""The home page: whom it greets, what it offers, and what waits or runs."""

import pytest

from tests.chat.conftest import ended
from tests.conftest import signed_in
from webapp.workspace.home.greeting import COOKIE

OPEN_WORK = "#open-work .rows a"


def test_a_person_is_greeted_by_the_time_of_day_of_their_browser(member):
    assert member.page("/").heading == "Hello, member"

    member.client.set_cookie(COOKIE, "Europe/Berlin")
    assert member.page("/").heading.startswith("Good ")
    member.client.set_cookie(COOKIE, "<script>")
    assert member.page("/").heading == "Hello, member"


def test_the_home_page_is_no_copy_of_the_sidebar(owner, path):
    page = owner.page("/")

    assert page.all(f'#sidebar a[href="{path}"]')
    assert not page.all(f'main a[href="{path}"]')


def test_an_answer_being_written_is_there_until_it_ends(owner, begin, fake, listen):
    page = owner.page("/")
    assert not page.all(OPEN_WORK)
    listener = listen(owner, str(page.one("#sidebar-chats").attributes["hx-sse:connect"]))
    fake.counts(4_000, pace=0.05)
    path = begin(owner, "A long one")

    row = owner.page("/").one(OPEN_WORK)
    assert row.attributes["href"] == path
    assert "answering" in row.text()
    listener.until(lambda feed: any("#open-work" in message.data and path in message.data for message in feed.messages))
    fake.over()
    owner.wait_for(path, ended)
    listener.until(lambda feed: [message.data for message in feed.messages if "#open-work" in message.data][-1].count(path) == 0)
    assert not owner.page("/").all(OPEN_WORK)


@pytest.mark.slow
def test_a_workflow_waits_for_its_person_alone(member, stranger):
    member.post("/workflows/weekly-checkin/runs")

    row = member.page("/").one(OPEN_WORK)
    assert "waiting for your answer" in row.text()
    assert member.page(str(row.attributes["href"])).says("Weekly check-in")
    assert not stranger.page("/").all(OPEN_WORK)


def test_a_new_member_sees_what_they_can_do_until_they_dismiss_it(member):
    page = member.page("/")
    assert {"/characters", "/knowledge", "/plans", "/workflows", "/prompts"} == {
        str(link.attributes["href"]) for link in page.all(".discover a")
    }

    assert not page.press("Dismiss: What you can do here").all(".discover")
    assert not member.page("/").all(".discover")


def test_a_guest_is_not_sent_to_what_they_cannot_open(app):
    guest = signed_in(app, "guest@example.org", "guest")
    links = [str(link.attributes["href"]) for link in guest.page("/").all(".discover a")]

    assert "/characters" in links
    assert "/plans" not in links


@pytest.mark.slow
def test_someone_with_a_few_chats_knows_their_way(member):
    for words in ("One", "Two", "Three"):
        member.page("/").press("Send", message=words).until(status="completed")

    assert not member.page("/").all(".discover")


def test_only_known_hints_can_be_dismissed(member, stranger):
    assert member.post("/home/dismiss", hint="everything").status_code == 422
    assert member.htmx_post("/home/dismiss", hint="welcome").text == ""
    assert stranger.page("/").all(".discover")


def test_the_steps_to_the_first_answer_can_be_dismissed(owner):
    page = owner.page("/")
    title = page.one("#checklist h2").text()

    assert not page.press(f"Dismiss: {title}").all("#checklist")
