"""What others do in a project, as its open pages receive it: also through groups, and if the whole team is in it."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.chat.listener import Listener
from tests.chat.projects.test_pages import made
from tests.chat.projects.test_sidebar import begun
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.upstream.handle import Upstream

Listen = Callable[..., Listener]
# Without a signal, an open page would notice after its next heartbeat, in thirteen seconds.
AT_ONCE = 6


def watched(browser: Browser, chat: str, listen: Listen) -> Listener:
    """Returns the stream of a person's open page of a chat."""
    tab = listen(browser, browser.page(chat).events_url)
    tab.until(lambda tab: tab.raw)
    return tab


def shared(writer: Browser, project: str, message: str = "Rye") -> str:
    """Begins a chat in a project and shows it to its members; returns its path."""
    chat = begun(writer, message, project.rpartition("/")[2])
    assert writer.post(f"{chat}/people/project", share="1").status_code == 303
    return chat


DEEDS: dict[str, Callable[[Browser, Browser, str, str], object]] = {
    "taken out of the group": lambda owner, writer, group, _: owner.post(f"{group}/people/{writer.person_id}/remove"),
    "the group is deleted": lambda owner, _writer, group, _: owner.post(f"{group}/delete"),
    "a guest by now": lambda owner, writer, *_: owner.post(f"/admin/people/{writer.person_id}/role", role="guest"),
    "the account is deleted": lambda owner, writer, *_: owner.post(
        f"/admin/people/{writer.person_id}/delete", email=writer.email
    ),
    "moved out by its owner": lambda _owner, writer, _group, chat: writer.post(f"{chat}/project", project=""),
}


@pytest.mark.mostly_slow
@pytest.mark.parametrize("deed", DEEDS)
def test_a_chat_goes_from_pages_of_others_when_its_owner_can_share_it_no_more(
    owner: Browser, member: Browser, stranger: Browser, fake: Upstream, listen: Listen, deed: str
) -> None:
    fake.always({"says": "Fine."})
    group, project = owner.post("/admin/groups", name="Millers").location, made(owner)
    owner.post(f"{group}/people", person=member.person_id)
    whom = "everyone:" if deed == "a guest by now" else f"group:{group.rpartition('/')[2]}"
    owner.post(f"{project}/people", whom=whom, right="write")
    owner.post(f"{project}/people", whom=f"user:{stranger.person_id}", right="read")
    chat = shared(member, project)
    tab = watched(stranger, chat, listen)

    DEEDS[deed](owner, member, group, chat)

    tab.until(lambda tab: tab.greenlet.dead, seconds=AT_ONCE)
    assert stranger.get(chat).status_code == 404


@also_on_postgres
def test_a_project_of_the_whole_team_is_live_for_people_whom_no_one_has_named(
    owner: Browser, member: Browser, stranger: Browser, fake: Upstream, listen: Listen
) -> None:
    fake.always({"says": "Fine."})
    project = made(owner)
    owner.post(f"{project}/people", whom="everyone:", right="write")
    stranger.post("/projects/fold", unfold=project.rpartition("/")[2])
    page = listen(stranger, str(stranger.page(project).one("#project-feed").attributes["hx-sse:connect"]))

    chat = shared(member, project)
    # Both the project's list and the sidebar, which the page's stream has, too.
    page.until(lambda feed: feed.html.count(">Rye<") >= 2, seconds=AT_ONCE)
    tab = watched(stranger, chat, listen)
    member.post(f"{chat}/rename", title="Oats")
    page.until(lambda feed: feed.html.count(">Oats<") >= 2, seconds=AT_ONCE)

    member.post(f"{chat}/people/project", share="0")
    tab.until(lambda tab: tab.greenlet.dead, seconds=AT_ONCE)
    assert stranger.get(chat).status_code == 404

    chat = shared(member, project, "Barley")
    tab = watched(stranger, chat, listen)
    owner.post(str(owner.page(f"{project}/people").one("form.act").attributes["action"]))
    for feed in (tab, page):
        feed.until(lambda feed: feed.greenlet.dead, seconds=AT_ONCE)
    assert member.page(chat).says("Barley")
    assert not member.page(chat).all("#chat-project a")


def test_a_deleted_chat_goes_from_pages_of_those_who_have_the_teams_link(
    owner: Browser, stranger: Browser, fake: Upstream, listen: Listen
) -> None:
    fake.always({"says": "Fine."})
    chat = begun(owner, "Rye")
    owner.post(f"{chat}/people/team")
    tab = watched(stranger, chat, listen)

    owner.post(f"{chat}/delete")

    tab.until(lambda tab: tab.greenlet.dead, seconds=AT_ONCE)


def test_who_comes_into_a_group_sees_its_projects_on_open_pages(
    app: Flask, owner: Browser, member: Browser, listen: Listen
) -> None:
    group, project = owner.post("/admin/groups", name="Millers").location, made(owner, "Mill")
    owner.post(f"{project}/people", whom=f"group:{group.rpartition('/')[2]}", right="read")
    page = listen(member, str(member.page("/projects").one("#projects-feed").attributes["hx-sse:connect"]))

    owner.post(f"{group}/people", person=member.person_id)

    page.until(lambda feed: ">Mill<" in feed.html, seconds=AT_ONCE)
