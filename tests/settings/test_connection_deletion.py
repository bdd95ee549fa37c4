"""Deleting a connection, or only its key, asks once, also without JavaScript."""

import pytest
from flask import Flask

from tests.settings.test_connections import KEY, OPENROUTER, add
from tests.support.browser import Browser
from tests.upstream.handle import Upstream as Fake
from webapp.base.errors import Invalid
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers


@pytest.mark.parametrize(("link", "heading"), [("Delete key", "Delete key"), ("Delete", "Delete connection")])
def test_deleting_asks_once(owner: Browser, fake: Fake, link: str, heading: str) -> None:
    add(owner, fake, key=KEY)
    page = owner.page("/admin/connections/our-server").click(link)

    assert (page.one("h1").text(), page.says("This can't be undone.")) == (heading, True)
    page = page.click("Cancel")
    assert page.says("Key stored, ends in 4f2a")
    page = page.click(link).press("Delete permanently")
    assert page.says("Key deleted." if link == "Delete key" else "Connection and key deleted.")


def test_the_built_in_connection_is_never_deleted(owner: Browser) -> None:
    assert owner.post(f"{OPENROUTER}/delete").status_code == 409


def test_a_model_of_a_deleted_connection_is_never_asked_for_elsewhere(app: Flask, owner: Browser, fake: Fake) -> None:
    owner.submit(OPENROUTER, key=KEY, base_url=fake.base_url)
    add(owner, fake, name="Private", base_url="http://127.0.0.1:9/v1").press("Add anyway")
    owner.post("/admin/connections/private/delete")
    add(owner, fake, name="Private")

    with app.app_context():
        for ask in (providers().for_model, providers().embedder):
            with pytest.raises(Invalid):
                ask("private:fine")
        assert not the_models().is_choosable("private:fine")
        assert the_connections().slug_of("private-2:fine") == "private-2"
        # A colon alone says nothing: it is also part of names.
        assert the_connections().slug_of("llama3.2:3b") == "openrouter"


def test_a_connection_to_the_same_address_brings_back_its_models(app: Flask, owner: Browser, fake: Fake) -> None:
    add(owner, fake)
    owner.post("/admin/connections/our-server/delete")
    add(owner, fake)

    with app.app_context():
        assert the_connections().slug_of("our-server:fine") == "our-server"
