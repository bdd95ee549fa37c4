"""The page of a project, where one works: a chat begins there, and who is in it sees their own chats and those of others."""

from collections.abc import Callable
from io import BytesIO

import pytest
from flask import Flask

from tests.chat.listener import Listener
from tests.chat.projects.test_pages import made
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.page import Page
from tests.upstream.handle import Upstream
from webapp.base.db import write
from webapp.base.ids import new_id
from webapp.chat.record.tables import Chat, Message, Project
from webapp.workspace.projects.shown import CHATS_PER_PAGE, SHOWN_CHARS

Listen = Callable[..., Listener]
HOSTILE = "<script>alert(1)</script>\n\n**Bold** <img src=x onerror=alert(1)> [here](javascript:alert(1)) \u202e"


def told(app: Flask, person_id: str, project: str, *texts: tuple[str, str], title: str = "A chat") -> str:
    """Adds a chat in a project with these messages, each with its role; returns its path."""
    with app.app_context(), write() as session:
        about = {"owner_id": person_id, "model": "demo/quick", "title": title, "project_id": project.rpartition("/")[2]}
        session.add(chat := Chat(id=new_id(), **about))
        session.flush()
        last = None
        for role, content in texts:
            session.add(message := Message(chat_id=chat.id, parent_id=last, role=role, content=content))
            session.flush()
            last = message.id
        chat.head_id = last
        return f"/chats/{chat.id}"


def shown(page: Page) -> list[str]:
    """Returns the titles of the chats on the page of a project."""
    return [node.text() for node in page.all("#project-chats .what")]


def tabs(page: Page) -> list[str]:
    """Returns the names of the tabs, the open one in capitals."""
    links = page.all("#project-chats nav a")
    return [link.text().upper() if "aria-current" in link.attributes else link.text() for link in links]


def test_a_chat_begins_on_it_as_at_home(app: Flask, owner: Browser, fake: Upstream) -> None:
    path = made(owner)
    fake.always({"says": "Rye it is."})
    chat = owner.submit(path, message="What grows here?").path

    owner.wait_for(path, lambda page: "Rye it is." in page.one("#project-chats .how").text())
    assert owner.page(chat).one(f'.top a[href="{path}"]').text() == "Mill"
    assert "Speak of rye." in str(fake.posts()[0]["body"]["messages"][0]["content"])
    # What is wrong is said at the composer of whichever page it was sent from.
    refused = owner.htmx_post("/chats", message=" ", project=path.rpartition("/")[2])
    assert (refused.status_code, "composer-error" in refused.text, 'name="project"' in refused.text) == (422, True, True)


def test_a_reader_sees_what_it_knows_and_writes_nothing(app: Flask, owner: Browser, member: Browser, stranger: Browser) -> None:
    path = made(owner)
    with app.app_context(), write() as session:
        project = session.get_one(Project, path.rpartition("/")[2])
        project.model, project.tools = "some/model", ["gone"]
    start = owner.page(path).one("#start").text()
    assert ("Each person's own" in start, "gone" in start) == (False, True)
    owner.post(f"{path}/people", whom=f"user:{member.person_id}", right="read")
    owner.post(f"{path}/people", whom=f"user:{stranger.person_id}", right="write")

    page = member.page(path)
    assert "Speak of rye." in page.one("#instructions").text()
    assert page.one("#people").text().split()[1:] == ["Shared", "by", "owner"]
    for theirs in (
        "#composer",
        "#document-files",
        "#start",
        "#files",
        '#main a[href$="/edit"]',
        '#page-menu form[method="post"]',
    ):
        assert not page.all(theirs), theirs
    assert [link.text() for link in page.all("#page-menu a")] == ["Facts", "Export project"]

    page = stranger.page(path)
    assert page.one("#composer input[name=project]").attributes["value"] == path.rpartition("/")[2]
    assert page.one("#document-files")
    assert not page.all("#start, #page-menu form, #main a[href*='/edit']")
    listed = [" ".join(node.text().split()) for node in owner.page(path).all("#people li")]
    assert listed == ["m member can see its shared chats", "s stranger can chat in it"]


def test_own_chats_and_those_of_others_are_two_tabs_if_there_are_any(app: Flask, owner: Browser, member: Browser) -> None:
    path = made(owner)
    owner.post(f"{path}/people", whom=f"user:{member.person_id}", right="write")
    told(app, owner.person_id, path, title="Private")
    given = told(app, owner.person_id, path, title="By name")
    assert (tabs(owner.page(path)), shown(owner.page(path))) == ([], ["By name", "Private"])
    assert (tabs(member.page(path)), member.page(path).says("No chats yet")) == ([], True)

    owner.post(f"{given}/people", whom=f"user:{member.person_id}", right="view")
    page = member.page(path)
    assert (tabs(page), shown(page), page.says("No chats yet")) == (["Mine", "SHARED"], ["By name"], False)
    page = member.page(f"{path}?chats=mine")
    assert (tabs(page), shown(page), page.says("You have no chats of your own here yet.")) == (["MINE", "Shared"], [], True)

    mine = told(app, member.person_id, path, title="My own")
    assert (tabs(member.page(path)), shown(member.page(path))) == (["MINE", "Shared"], ["My own"])
    assert shown(member.page(f"{path}?chats=shared")) == ["By name"]
    assert shown(member.page(f"{path}?chats=nonsense")) == ["My own"]
    # A search finds them in both.
    assert sorted(shown(member.page(f"{path}?q=y"))) == ["By name", "My own"]

    member.post(f"{mine}/people/project", share="1")
    assert (shown(owner.page(path)), shown(owner.page(f"{path}?chats=shared"))) == (["By name", "Private"], ["My own"])
    assert "by member" in owner.page(f"{path}?chats=shared").one("#project-chats li").text()


def test_a_page_of_a_tab_leads_to_the_next_of_the_same(app: Flask, owner: Browser, member: Browser) -> None:
    path = made(owner)
    owner.post(f"{path}/people", whom=f"user:{member.person_id}", right="write")
    other = told(app, member.person_id, path, title="Of another")
    member.post(f"{other}/people/project", share="1")
    for number in range(CHATS_PER_PAGE + 1):
        told(app, owner.person_id, path, title=f"Chat {number}")

    page = owner.page(f"{path}?chats=mine")
    assert len(shown(page)) == CHATS_PER_PAGE
    page = owner.page(str(page.one('#project-chats [rel="next"]').attributes["href"]))
    assert (tabs(page), shown(page)) == (["MINE", "Shared"], ["Chat 0"])


def test_the_last_line_is_plain_text_of_the_newest_message(app: Flask, owner: Browser) -> None:
    path = made(owner)
    told(app, owner.person_id, path, ("user", "What?"), ("assistant", HOSTILE), title="Hostile")
    told(app, owner.person_id, path, ("user", "# Long\n\n" + "word " * 500), title="Long")
    told(app, owner.person_id, path, ("user", "Asked"), ("assistant", ""), title="Begun")
    told(app, owner.person_id, path, title="Empty")

    page = owner.page(path)
    lines = [(node.css_first(".what").text(), node.css_first(".how")) for node in page.all("#project-chats li")]
    said = {title: line.text() if line else None for title, line in lines}
    assert (said["Empty"], said["Begun"]) == (None, "Asked")
    assert said["Long"]
    assert (said["Long"].startswith("Long word word"), len(said["Long"]) <= SHOWN_CHARS) == (True, True)
    assert said["Hostile"]
    assert ("<script>alert(1)</script> Bold" in said["Hostile"], "**" in said["Hostile"]) == (True, False)
    html = page.one("#project-chats").html or ""
    assert [word for word in ("<script", "<img", 'href="javascript') if word in html] == []


@also_on_postgres
def test_many_chats_take_as_many_statements_as_few(app: Flask, owner: Browser, member: Browser) -> None:
    path = made(owner)
    owner.post(f"{path}/people", whom=f"user:{member.person_id}", right="write")

    def taken() -> int:
        owner.page(path)
        with owner.counting_statements() as statements:
            owner.page(path)
        return len(statements)

    def one_each() -> None:
        told(app, owner.person_id, path, ("user", "Rye?"), ("assistant", "Rye."))
        theirs = told(app, member.person_id, path, ("user", "Oats?"))
        member.post(f"{theirs}/people/project", share="1")

    one_each()
    few = taken()
    for _ in range(6):
        one_each()
    assert taken() == few <= 20


def test_what_is_added_is_a_tile_with_its_state(owner: Browser) -> None:
    path = made(owner)
    headers = {"Origin": owner.origin, "Sec-Fetch-Site": "same-origin"}
    form = {"file": (BytesIO(b"The weir is forty ells wide."), "weir.md")}
    owner.client.post(f"{path}/files", data=form, headers=headers, base_url=owner.origin)
    page = owner.wait_for(path, lambda page: "1 KB" in page.one("#documents").text())
    assert page.one("#documents .documents__kind").text() == "MD"


@pytest.mark.slow
def test_new_chats_of_others_come_to_an_open_page(app: Flask, owner: Browser, member: Browser, listen: Listen) -> None:
    path = made(owner)
    owner.post(f"{path}/people", whom=f"user:{member.person_id}", right="write")
    told(app, owner.person_id, path, title="My own")
    feed = listen(owner, str(owner.page(path).one("#project-feed").attributes["hx-sse:connect"]))
    theirs = told(app, member.person_id, path, ("user", "Oats?"), title="Of another")
    member.post(f"{theirs}/people/project", share="1")

    feed.until(lambda feed: ">Shared<" in feed.html and "My own" in feed.html)
    shared = listen(owner, str(owner.page(f"{path}?chats=shared").one("#project-feed").attributes["hx-sse:connect"]))
    member.post(f"{theirs}/rename", title="Barley")
    shared.until(lambda feed: "Barley" in feed.html and "Oats?" in feed.html)
