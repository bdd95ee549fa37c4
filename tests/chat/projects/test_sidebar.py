"""Projects in the sidebar: folded or not on all devices, with their newest chats, which are no longer among the others."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from tests.api.test_projects import id_of
from tests.chat.conftest import ended
from tests.chat.listener import Listener
from tests.chat.projects.test_pages import made
from tests.conftest import MakeApp, signed_in
from tests.support.browser import Browser
from tests.support.catalogues import write_catalogue
from tests.support.page import Page
from tests.upstream.handle import Upstream

Listen = Callable[..., Listener]


def begun(browser: Browser, message: str, project_id: str = "") -> str:
    sent = browser.post("/chats", message=message, project=project_id, key=message)
    path = str(sent.headers["Location"]).partition("#")[0]
    browser.wait_for(path, ended)
    return path


def rows(page: Page, selector: str = "#sidebar-chats ol li") -> list[str]:
    return [" ".join(node.text().split()) for node in page.all(selector)]


def test_they_stand_above_the_other_chats_and_stay_as_they_were_left(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.always({"says": "Fine."})
    weir, mill = made(owner, "Weir"), made(owner, "Mill")
    id = weir.rpartition("/")[2]
    inside, outside = begun(owner, "Within", id), begun(owner, "Without")
    page = owner.page("/projects")
    assert rows(page, ".chats__projects li") == ["Newest in Mill Mill", "Newest in Weir Weir"]
    assert rows(page, "#sidebar-chats ol:not(.chats__projects) li") == ["Without"]

    assert owner.post("/projects/fold", unfold=id).status_code == 303
    page = owner.page(outside)
    assert rows(page, ".chats__projects li") == ["Newest in Mill Mill", "Newest in Weir Weir", "Within"]
    assert page.one(f'button[name="fold"][value="{id}"]').attributes["aria-expanded"] == "true"
    assert not owner.page(inside).all(".chats--here")
    owner.post(f"{inside}/pin")
    assert rows(owner.page("/"), "#sidebar-chats li")[2:] == ["Within", "Without"]
    owner.post(f"{inside}/unpin")
    owner.post("/projects/fold", fold=id)
    assert rows(owner.page("/"), ".chats__projects li") == ["Newest in Mill Mill", "Newest in Weir Weir"]

    # What a deleted project had is among the others again.
    owner.post(f"{weir}/delete")
    assert sorted(rows(owner.page("/"), "#sidebar-chats ol:not(.chats__projects) li")) == ["Within", "Without"]
    assert owner.post("/projects/fold", unfold="0" * 26).status_code == 404
    assert mill


@pytest.mark.slow
def test_who_is_in_it_sees_its_shared_chats_there_until_taken_out(
    app: Flask, owner: Browser, stranger: Browser, fake: Upstream, listen: Listen
) -> None:
    fake.always({"says": "Fine."})
    path = made(owner)
    id = path.rpartition("/")[2]
    chat = begun(owner, "Open", id)
    begun(owner, "Private", id)
    owner.post(f"{path}/people", whom=f"user:{id_of(app, stranger)}", right="write")
    stranger.post("/projects/fold", unfold=id)
    assert rows(stranger.page("/")) == ["Newest in Mill Mill"]

    project = listen(stranger, str(stranger.page(path).one("#project-feed").attributes["hx-sse:connect"]))
    owner.post(f"{chat}/people/project", share="1")
    # Both the project's list and the sidebar, which the page's stream has, too.
    project.until(lambda feed: feed.html.count(">Open<") >= 2)
    assert rows(stranger.page("/"))[1] == "Openshared by owner"
    open_chat = listen(stranger, stranger.page(chat).events_url)
    open_chat.until(lambda feed: feed.raw)

    removed = owner.page(f"{path}/people").one("form.act").attributes["action"]
    owner.post(str(removed))
    for feed in (open_chat, project):
        feed.until(lambda feed: feed.greenlet.dead, seconds=60)
    assert rows(stranger.page("/")) == []
    assert "Private" not in project.html


def test_the_sidebar_has_the_project_of_the_open_chat_unfolded(owner: Browser, fake: Upstream, listen: Listen) -> None:
    fake.always({"says": "Fine."})
    path = made(owner)
    chat = begun(owner, "Within", path.rpartition("/")[2])
    assert rows(owner.page("/projects"), ".chats__projects li") == ["Newest in Mill Mill"]

    page = owner.page(chat)
    assert rows(page, ".chats__projects li") == ["Newest in Mill Mill", "Within"]
    assert not page.all(".chats--here")
    # A page that is only fetched ahead changes no other one.
    assert rows(owner.page("/projects"), ".chats__projects li") == ["Newest in Mill Mill"]
    listen(owner, page.events_url).until(lambda feed: feed.raw)
    owner.wait_for("/projects", lambda page: rows(page, ".chats__projects li") == ["Newest in Mill Mill", "Within"])

    # Folded by hand, it stays so: also when the page connects again.
    owner.post("/projects/fold", fold=path.rpartition("/")[2])
    again = listen(owner, page.events_url, page.events_url.partition("at=")[2])
    again.until(lambda feed: feed.raw)
    assert rows(owner.page("/projects"), ".chats__projects li") == ["Newest in Mill Mill"]


def test_it_looks_alike_in_every_language(make_app: MakeApp, tmp_path: Path) -> None:
    write_catalogue(tmp_path / "compiled" / "languages", "de", {"Projects": "Projekte"}, name="Deutsch")
    owner = signed_in(make_app(), "owner@example.org", "owner")
    made(owner)
    page = owner.get("/projects", headers={"Accept-Language": "de"})
    assert page.one("#sidebar-chats h2").text() == "Projekte"
    assert len(page.all("#sidebar-chats .chats__projects > [data-project]")) == 1


def test_a_chat_that_was_shared_by_name_stands_under_its_project(owner: Browser, member: Browser, fake: Upstream) -> None:
    fake.always({"says": "Fine."})
    path = made(owner)
    id = path.rpartition("/")[2]
    chat = begun(owner, "Rye", id)
    owner.post(f"{chat}/people", whom=f"user:{member.person_id}", right="view")
    assert rows(member.page("/")) == ["Ryeshared by owner"]

    owner.post(f"{path}/people", whom=f"user:{member.person_id}", right="read")
    assert rows(member.page("/")) == ["Newest in Mill Mill"]
    member.post("/projects/fold", unfold=id)
    assert rows(member.page("/")) == ["Newest in Mill Mill", "Ryeshared by owner"]
    owner.post(f"{path}/delete")
    assert rows(member.page("/")) == ["Ryeshared by owner"]
