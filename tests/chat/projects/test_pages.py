"""The pages of projects: one is made, changed, shared, deleted and restored by forms, and chats are moved into it."""

import re
from io import BytesIO

from flask import Flask

from tests.api.test_projects import id_of
from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.base.db import db, write
from webapp.chat.record.tables import Chat, Project


def made(browser: Browser, name: str = "Mill") -> str:
    """Creates a project by the form; returns the path of its page."""
    return str(browser.post("/projects", name=name, instructions="Speak of rye.").headers["Location"])


def test_one_is_made_changed_deleted_and_restored(app: Flask, owner: Browser) -> None:
    path = made(owner, "Mill & <Race>")
    page = owner.page(path)
    assert (page.one("h1").text(), "Speak of rye." in page.text) == ("Mill & <Race>", True)
    assert owner.page("/projects").one(f'#projects a[href="{path}"]')

    about = {"name": "Weir", "icon": "leaf", "colour": "green", "temperature": "0,5", "keeps_chats": "y"}
    owner.post(path, **about, instructions="Speak of oats.", about="By the river")
    with app.app_context():
        project = db.session.scalars(db.select(Project)).one()
        assert (project.name, project.icon, project.colour, project.parameters) == ("Weir", "leaf", "green", {"temperature": 0.5})
        assert (project.keeps_chats, project.instructions) == (True, "Speak of oats.")
    edited = owner.page(f"{path}/edit")
    assert edited.one("#project-name").attributes["value"] == "Weir"
    assert edited.one('input[name="colour"][checked]').attributes["value"] == "green"

    undo = owner.page(str(owner.post(f"{path}/delete").headers["Location"])).one("form.notice").attributes["action"]
    assert owner.get(path).status_code == 404
    owner.post(str(undo))
    assert owner.page(path).one("h1").text() == "Weir"


def test_one_that_others_use_is_deleted_after_a_question(owner: Browser, member: Browser) -> None:
    path = made(owner)
    deleting = f'main form[action="{path}/delete"]'
    assert owner.page(f"{path}/edit").one(deleting)
    owner.post(f"{path}/people", whom=f"user:{member.person_id}", right="read")
    for page in (path, f"{path}/edit"):
        assert not owner.page(page).all(f'form[action="{path}/delete"]')
        assert owner.page(page).one(f'a[href="{path}/delete"]')
    assert "Shared with member" in owner.page(f"{path}/delete").one(".lead").text()
    assert member.get(f"{path}/delete").status_code == 403
    deleted = owner.page(str(owner.post(f"{path}/delete").location))
    # *Undo* stands above the list, and no form is open over it.
    assert deleted.one("form.notice")
    assert "open" not in deleted.one("details.reveal").attributes


def test_what_was_done_is_confirmed_on_its_page_and_on_no_other(owner: Browser) -> None:
    path = made(owner)
    for read_first in (path, "/admin/tools"):
        assert owner.post(path, name="Weir").status_code == 303
        said = [[node.text() for node in owner.page(page).all("#told .notice")] for page in (read_first, "/admin/tools", path)]
        assert said == ([["Saved."], [], []] if read_first == path else [[], [], []])


def test_what_is_wrong_is_said_at_its_field(owner: Browser) -> None:
    path = made(owner)
    for field, value in (("name", " "), ("temperature", "9"), ("max_tokens", "many")):
        answer = owner.post(path, **{"name": "Mill", field: value})
        assert answer.status_code == 422
        assert re.search(rf'href="#(?:project-)?{field}"', answer.text), answer.text[:3000]
    assert owner.page(path).one("h1").text() == "Mill"


def test_a_chat_begins_in_it_and_is_moved_out_and_back(app: Flask, owner: Browser, fake: Upstream) -> None:
    path = made(owner)
    id = path.rpartition("/")[2]
    fake.says("Rye it is.")
    home = owner.page(f"/?project={id}")
    assert home.one("#composer input[name=project]").attributes["value"] == id
    chat = str(owner.post("/chats", message="What grows here?", project=id, key="one").headers["Location"]).partition("#")[0]
    assert "Speak of rye." in str(fake.posts()[-1]["body"]["messages"][0]["content"])
    assert owner.page(path).one(f'#project-chats a[href="{chat}"]')
    assert owner.page(chat).one(f'.top a[href="{path}"]').text() == "Mill"

    assert owner.page(f"{chat}/project").one(f'main button[value="{id}"]').attributes["aria-current"] == "true"
    owner.post(f"{chat}/project", project="")
    assert not owner.page(path).all("#project-chats li")
    list_of_places = owner.post("/projects/several", chat=chat.rpartition("/")[2])
    assert f'value="{id}"' in list_of_places.text
    owner.post("/projects/several", chat=chat.rpartition("/")[2], project=id)
    assert owner.page(path).one(f'#project-chats a[href="{chat}"]')
    assert owner.post("/chats", message="Here?", project="0" * 26, key="two").status_code == 422
    assert owner.post("/chats", message="Here?", project=id, temporary="y", key="three").status_code == 409
    with app.app_context():
        assert db.session.query(Chat).count() == 1


def test_a_chat_that_is_shared_with_a_person_is_on_its_projects_page(owner: Browser, member: Browser, fake: Upstream) -> None:
    path = made(owner)
    owner.post(f"{path}/people", whom=f"user:{member.person_id}", right="read")
    fake.says("Rye it is.")
    chat = str(owner.post("/chats", message="What grows?", project=path.rpartition("/")[2], key="one").location).partition("#")[0]
    # The link for the team puts it in no list.
    owner.post(f"{chat}/people/team")
    assert member.get(chat).status_code == 200
    assert member.page(path).says("No chats yet")

    owner.post(f"{chat}/people", whom=f"user:{member.person_id}", right="view")
    assert "by owner" in member.page(path).one(f'#project-chats a[href="{chat}"]').text()

    owner.post(f"{chat}/project", project="")
    assert member.page(path).says("No chats yet")


def test_its_files_are_quoted_in_it_and_seen_by_its_people(app: Flask, owner: Browser, stranger: Browser, fake: Upstream) -> None:
    path = made(owner)
    id = path.rpartition("/")[2]

    def sent(browser: Browser, name: str) -> int:
        form = {"file": (BytesIO(b"The weir is forty ells wide."), name)}
        headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
        answer = browser.client.post(f"{path}/files", data=form, headers=headers, base_url=browser.origin)
        return answer.status_code

    assert [sent(owner, "weir.md"), sent(owner, "weir.exe"), sent(stranger, "mine.md")] == [303, 422, 404]
    page = owner.wait_for(path, lambda page: "passage" in page.one("#documents").text())
    files = str(page.one('.desk__head a[href^="/knowledge/"]').attributes["href"])
    assert "Everyone in the project" in owner.page(files).text
    # They are shown in the project alone.
    assert files not in owner.get("/knowledge").text

    fake.says("Forty ells.")
    owner.post("/chats", message="How wide is the weir, in ells?", project=id, key="one")
    assert "forty ells wide" in str(fake.posts()[-1]["body"]["messages"])
    owner.post(f"{path}/people", whom=f"user:{id_of(app, stranger)}", right="read")
    assert [stranger.get(files).status_code, sent(stranger, "mine.md")] == [200, 403]
    owner.post(f"{path}/delete")
    assert [owner.get(files).status_code, stranger.get(files).status_code] == [404, 404]
    owner.post(f"{path}/restore")
    owner.post(str(owner.page(f"{path}/people").one("form.act").attributes["action"]))
    assert [owner.get(files).status_code, stranger.get(files).status_code] == [200, 404]


def test_its_people_see_what_is_shared_with_it(app: Flask, owner: Browser, stranger: Browser, fake: Upstream) -> None:
    path = made(owner)
    id = path.rpartition("/")[2]
    fake.says("Rye.")
    chat = str(owner.post("/chats", message="What grows?", project=id, key="one").headers["Location"]).partition("#")[0]
    assert stranger.get(path).status_code == 404

    owner.post(f"{path}/people", whom=f"user:{id_of(app, stranger)}", right="read")
    assert "Mill" in stranger.page("/projects").one("#projects").text()
    assert not stranger.page(path).all("#project-chats li")
    people = owner.page(f"{chat}/people")
    assert "Mill" in people.text
    owner.post(f"{chat}/people/project", share="1")
    assert stranger.page(path).one(f'#project-chats a[href="{chat}"]')
    assert stranger.page(chat).one("h1").text()
    for refused in (f"{path}/edit", f"{path}/people"):
        assert stranger.get(refused).status_code == 403
    assert stranger.post(f"{chat}/project", project=id).status_code == 404

    remove = owner.page(f"{path}/people").one("form.act").attributes["action"]
    owner.post(str(remove))
    for gone in (path, chat):
        assert stranger.get(gone).status_code == 404


def test_a_guest_shares_no_chat_with_a_project(app: Flask, owner: Browser) -> None:
    guest = signed_in(app, "guest@example.org", "guest")
    path = made(owner)
    owner.post(f"{path}/people", whom=f"user:{guest.person_id}", right="write")
    with app.app_context(), write() as session:
        chat = Chat(owner_id=guest.person_id, model="demo/quick", project_id=path.rpartition("/")[2])
        session.add(chat)
        session.flush()
        id = chat.id
    refused = guest.post(f"/chats/{id}/people/project", share="1")
    assert (refused.status_code, refused.says("Guests can't share chats.")) == (403, True)
    # What isn't shared, they can stop sharing.
    assert guest.post(f"/chats/{id}/people/project", share="0").status_code == 303
    with app.app_context():
        assert not db.session.get_one(Chat, id).is_for_project


def test_each_card_has_a_form_of_its_own_that_changes_nothing_else(app: Flask, owner: Browser) -> None:
    path = made(owner)
    owner.post(path, name="Weir", icon="leaf", about="By the river", instructions="Speak of oats.", temperature="0.5")
    cards = {"#instructions": "instructions", "#start": "start"}
    for card, part in cards.items():
        link = owner.page(path).one(f"{card} a[data-over]").attributes["href"]
        assert link == f"{path}/edit?part={part}"
        assert owner.page(link).one("form.form").attributes["action"] == f"{path}?part={part}"
        assert not owner.page(link).all("#project-name, #project-about")
    owner.submit(f"{path}/edit?part=instructions", instructions="Speak of rye.")
    owner.submit(f"{path}/edit?part=start", temperature="0.7")
    owner.submit(f"{path}/edit", name="Race", colour="green")
    with app.app_context():
        project = db.session.scalars(db.select(Project)).one()
        assert (project.name, project.icon, project.colour, project.about) == ("Race", "leaf", "green", "By the river")
        assert (project.instructions, project.parameters) == ("Speak of rye.", {"temperature": 0.7})
    # What is wrong is said in the form that was sent; there are no other forms.
    refused = owner.client.post(f"{path}?part=start", data={"temperature": "9"}, headers={"Sec-Fetch-Site": "same-origin"})
    assert (refused.status_code, "Tools and model" in refused.text) == (422, True)
    assert owner.get(f"{path}/edit?part=nothing").status_code == 404


def test_a_dialog_in_which_one_is_shared_renews_the_card_below_it(owner: Browser, member: Browser) -> None:
    path, over = made(owner), {"Millrace-Over": "1"}
    assert not owner.client.get(f"{path}/people", headers=over).text.count("hx-select")
    owner.post(f"{path}/people", whom=f"user:{member.person_id}", right="read")
    dialog = owner.client.get(f"{path}/people", headers=over).text
    assert "Shared." in dialog
    assert f'hx-get="{path}" hx-trigger="load" hx-select="#people" hx-target="#people"' in dialog
    # Once, and only in the dialog.
    assert "hx-select" not in owner.client.get(f"{path}/people", headers=over).text
