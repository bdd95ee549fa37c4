"""Characters of a project: chosen in its form, offered first in its new chats, and seen only by people who may see them."""

from flask import Flask

from tests.api.client import client_of
from tests.api.test_projects import grant, id_of
from tests.chat.projects.test_pages import made
from tests.support.browser import Browser
from tests.upstream.handle import Upstream


def character(browser: Browser, name: str, **more: str) -> str:
    page = str(browser.post("/characters", name=name, description="Grinds.", **more).headers["Location"])
    return page.rpartition("/")[2].partition("?")[0]


def test_they_are_chosen_in_the_form_and_offered_first(app: Flask, owner: Browser, fake: Upstream) -> None:
    for name in ("Anna", "Bert", "Carl", "Dora", "Emil"):
        character(owner, name)
    zoe, path = character(owner, "Zoe"), made(owner)
    id = path.rpartition("/")[2]
    assert owner.page(f"{path}/edit?part=start").one(f'#project-characters input[value="{zoe}"]')
    owner.post(path, name="Mill", character_ids=zoe)
    offer = f"/?project={id}&character={zoe}"
    assert owner.page(path).one('section[aria-labelledby="characters-heading"] li a').attributes["href"] == offer
    assert owner.page(f"/?project={id}").one(".home__cast a").attributes["href"] == offer
    assert not owner.page("/").all(".home__cast")

    chosen = owner.page(offer)
    assert chosen.one(".home__cast a").attributes["aria-current"] == "true"
    field = chosen.one("#composer input[name=spoken_by]").attributes
    address = str(chosen.one("#composer-text").attributes["data-mentions"])
    names = [row.text() for row in owner.page(f"{address}&sign=@").all(".mentions__name")]
    assert (field["value"], names[0], names.count("Zoe")) == (zoe, "Zoe", 1)
    fake.says("Rye it is.")
    chat = str(owner.post("/chats", message="What grows?", project=id, spoken_by=zoe, key="one").headers["Location"])
    assert "Zoe" in owner.page(chat.partition("#")[0]).one("main").text()

    owner.post(f"/characters/{zoe}/delete")
    assert not owner.page(f"/?project={id}").all(".home__cast")


def test_sharing_a_project_shares_no_character(app: Flask, owner: Browser, stranger: Browser) -> None:
    program, other = client_of(app, owner.email), client_of(app, stranger.email)
    hidden, open_one = character(owner, "Hidden"), character(owner, "Open", is_shared="y")
    id = str(program.post("/projects", {"name": "Mill", "character_ids": [open_one, hidden]}, status=201)["id"])
    assert program.get(f"/projects/{id}")["character_ids"] == [open_one, hidden]
    grant(program, id, id_of(app, stranger))

    assert other.get(f"/projects/{id}")["character_ids"] == [open_one]
    for path in (f"/projects/{id}", f"/?project={id}", f"/mentions?sign=@&project={id}"):
        assert ("Open" in stranger.get(path).text, "Hidden" in stranger.get(path).text) == (True, False), path
    # Neither is there to choose, nor are those chosen before lost to a change of something else.
    other.said("POST", "/projects", 404, {"name": "Theirs", "character_ids": [hidden]})
    assert program.said("PATCH", f"/projects/{id}", 200, {"name": "Weir"})["character_ids"] == [open_one, hidden]
    assert program.said("PATCH", f"/projects/{id}", 200, {"character_ids": []})["character_ids"] == []
    program.said("PATCH", f"/projects/{id}", 422, {"character_ids": [f"{number:026}" for number in range(21)]})
