"""The Connections pages: who can open them, and what can be done there."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import MakeApp, signed_in
from tests.support.browser import Browser
from tests.support.page import Page
from tests.upstream.handle import Upstream as Fake
from webapp.base.audit import AuditEntry
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import LiveConnection, live_connection
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ModelRequest, Turn
from webapp.streaming.stop import Stop

KEY = "sk-or-v1-0123456789abcdef4f2a"
OPENROUTER = "/admin/connections/openrouter"
ADMIN_PATHS = ["/admin", "/admin/connections", "/admin/connections/new", OPENROUTER, "/admin/models", "/admin/settings"]
ADMIN_POSTS = [
    "/admin/connections",
    OPENROUTER,
    *(f"{OPENROUTER}/{what}" for what in ("test", "on", "off", "forget", "delete")),
    "/admin/connections/found",
    "/admin/models",
    "/admin/models/allowed",
    "/admin/models/refresh",
    "/admin/settings/limits",
    "/admin/settings/trash.days/reset",
]


def live(app: Flask, slug: str = "openrouter") -> LiveConnection:
    with app.app_context():
        found = live_connection(slug)
    assert found is not None
    return found


def add(owner: Browser, fake: Fake, **fields: str) -> Page:
    return owner.submit("/admin/connections/new", **{"name": "Our server", "base_url": fake.base_url, **fields})


# Access


@pytest.mark.mostly_slow
@pytest.mark.parametrize("path", ADMIN_PATHS)
def test_members_are_refused_and_visitors_sign_in_first(path: str, member: Browser, visitor: Browser) -> None:
    assert member.get(path).status_code == 403
    assert visitor.get(path).location.startswith("/login?next=")


@pytest.mark.mostly_slow
@pytest.mark.parametrize("path", ADMIN_POSTS)
def test_nobody_else_changes_anything(path: str, app: Flask, member: Browser, visitor: Browser) -> None:
    before = live(app)

    assert member.post(path, name="x", key=KEY).status_code == 403
    assert visitor.post(path, name="x", key=KEY).location == "/login"
    assert live(app) == before


def test_an_admin_is_as_good_as_the_owner(app: Flask) -> None:
    assert signed_in(app, "ada@example.org", "admin").page("/admin/connections").heading == "Connections"


def test_the_administration_begins_with_the_connections(owner: Browser) -> None:
    assert owner.get("/admin", follow=True).heading == "Administration"


def test_what_is_not_there_is_not_found(owner: Browser) -> None:
    assert owner.get("/admin/connections/nothing").status_code == 404
    for what in ("", "/test", "/off", "/delete", "/forget"):
        assert owner.post(f"/admin/connections/nothing{what}", name="x").status_code == 404


# The built-in connection


def test_a_key_is_entered_tested_and_never_shown(owner: Browser, app: Flask, fake: Fake) -> None:
    page = owner.page("/admin/connections").click(f"Change {fake.host}")
    page = page.press("Save", key=KEY)
    assert page.says("Saved. Now test the key.")
    assert page.textbox("New key").value == ""

    page = page.press("Test key")

    assert page.says("works")
    assert page.says("It has 4.20 US dollars left.")
    assert page.says("ends in 4f2a")
    assert page.says("2 models")
    assert [entry["headers"]["authorization"] for entry in fake.log()] == [f"Bearer {KEY}"] * 2
    shown = [owner.page(path).text for path in (*ADMIN_PATHS[1:], "/", "/settings")]
    assert not [text for text in shown if KEY in text or KEY[:-4] in text]


def test_a_test_says_in_words_what_is_wrong(owner: Browser, app: Flask, fake: Fake) -> None:
    owner.submit(OPENROUTER, key="bad-or-v1-0123456789-0123456789")

    page = owner.page(OPENROUTER).press("Test key")

    assert page.says("not working")
    assert page.says("rejected the key that ends in 6789")
    assert live(app).is_working is False
    assert owner.page("/admin/connections").says("not working")


@pytest.mark.parametrize(("path", "advice"), [("", "Most servers need /v1 at the end."), ("/v2", "Check its path.")])
def test_a_test_at_a_wrong_path_says_what_to_change(owner: Browser, fake: Fake, path: str, advice: str) -> None:
    fake.always({"status": 404, "json": {"detail": "Not Found"}}, at="/models")

    page = add(owner, fake, base_url=fake.url + path)

    assert page.says(f"Our server has nothing at this address (404). {advice}")


def test_a_server_that_wants_a_key_is_not_said_to_have_rejected_one(owner: Browser, fake: Fake) -> None:
    fake.always({"status": 401, "json": {"detail": "Unauthorized"}}, at="/models")

    page = add(owner, fake)

    assert page.says("Our server requires a key: Unauthorized.")


def test_a_test_without_a_key_says_so_and_a_server_that_is_away_too(owner: Browser, app: Flask) -> None:
    add_away = {"name": "Away", "kind": "openai", "base_url": "http://127.0.0.1:9/v1"}
    page = owner.submit("/admin/connections/new", **add_away).press("Add anyway")

    page = page.press("Test connection")

    assert page.says("not working")
    assert page.says("Away refused the connection. Is it running, and is the port correct?")


def test_the_environments_key_is_told_apart(make_app: MakeApp, fake: Fake) -> None:
    app = make_app(OPENROUTER_API_KEY=KEY, OPENROUTER_BASE_URL=fake.base_url, OPENROUTER_MODEL="fake/large")
    owner = signed_in(app, "olive@example.org", "owner")

    assert owner.page("/admin/connections").says(f"{fake.host} key from the environment")
    assert owner.page(OPENROUTER).says("Key from the environment, ends in 4f2a")
    owner.submit(OPENROUTER, key="sk-or-v1-another-0000")
    assert owner.page("/admin/connections").says(f"{fake.host} key stored")
    page = owner.page(OPENROUTER).click("Delete key").press("Delete permanently")
    assert page.says("Key from the environment, ends in 4f2a")


@pytest.mark.mostly_slow
@pytest.mark.parametrize("source", ["stored", "environment"])
def test_no_key_goes_where_it_was_not_entered_for(make_app: MakeApp, fake: Fake, source: str) -> None:
    app = make_app(OPENROUTER_API_KEY=KEY if source == "environment" else "", OPENROUTER_BASE_URL="http://127.0.0.1:9/v1")
    owner = signed_in(app, "olive@example.org", "owner")
    if source == "stored":
        owner.submit(OPENROUTER, key=KEY)

    page = owner.submit(OPENROUTER, base_url=fake.base_url)
    assert page.status_code == 422
    assert "enter the key again" in page.error_at("New key")
    assert page.textbox("Address").value == fake.base_url
    assert live(app).base_url == "http://127.0.0.1:9/v1"

    page = owner.submit(OPENROUTER, base_url=fake.base_url, key="sk-or-v1-for-this-host")
    page.press("Test key")
    assert {entry["headers"]["authorization"] for entry in fake.log()} == {"Bearer sk-or-v1-for-this-host"}
    # Once the key for this address is deleted, no key is sent to it, not even the environment's.
    owner.page(OPENROUTER).click("Delete key").press("Delete permanently")
    assert live(app).key.text == ""


def test_an_empty_address_is_the_environments_again(owner: Browser, app: Flask, fake: Fake) -> None:
    owner.submit(OPENROUTER, base_url="http://127.0.0.1:9/v1")
    assert live(app).base_url == "http://127.0.0.1:9/v1"

    owner.submit(OPENROUTER, base_url="")

    assert (live(app).base_url, live(app).own_address) == (fake.base_url, "")


METADATA = [
    "http://169.254.169.254/api/v1",
    "http://[::ffff:a9fe:a9fe]/",
    "http://2852039166/",
    "http://0xa9.254.43518/",
    "http://169.254.169.254./v1",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1%25eth0]/",
    "http://100.100.100.200/",
]
MALFORMED = [
    "http://app@127.0.0.1/",
    "http://127.0.0.1\\@ok.example/",
    "http://ok.example#@127.0.0.1/",
    "https://ok.example/v1?key=1",
    "file:///etc/passwd",
    "gopher://ok.example/",
    "ok.example/v1",
    "https://${HOST}/v1",
    "https://{{host}}/v1",
    "https://ok.example/" + "x" * 300,
]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("address", METADATA + MALFORMED)
def test_an_address_that_is_never_called_is_refused_in_place(owner: Browser, app: Flask, address: str) -> None:
    before = live(app)

    page = owner.submit(OPENROUTER, base_url=address, key=KEY)

    assert page.status_code == 422
    assert page.error_at("Address")
    assert page.textbox("Address").value == address
    assert KEY not in page.text
    assert live(app) == before


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("localhost:11434", "http://localhost:11434"),
        ("192.168.1.20:8000/v1", "http://192.168.1.20:8000/v1"),
        ("gpu-box/v1", "http://gpu-box/v1"),
        ("api.example.org/v1", "https://api.example.org/v1"),
    ],
)
def test_an_address_without_its_beginning_is_refused_with_the_whole_of_it(owner: Browser, typed: str, meant: str) -> None:
    page = owner.submit("/admin/connections/new", name="Ours", base_url=typed)

    assert page.error_at("Address").endswith(f"Did you mean {meant}?")
    assert page.textbox("Address").value == typed
    assert [node.attributes["id"] for node in page.all("[autofocus]")] == ["base_url"]


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:11434/v1", "http://localhost:8000/v1", "http://10.1.2.3/v1", "http://[::1]:8080/"]
)
def test_an_admin_may_use_this_machine_and_its_network(owner: Browser, app: Flask, address: str) -> None:
    owner.submit(OPENROUTER, base_url=address, key=KEY)

    assert live(app).base_url == address.rstrip("/")


# Further connections


@pytest.mark.parametrize(
    ("link", "address", "kind"),
    [
        ("Google", "https://generativelanguage.googleapis.com/v1beta/openai", "openai"),
        ("Anthropic", "https://api.anthropic.com/v1", "anthropic"),
    ],
)
def test_a_usual_server_asks_only_for_its_key(owner: Browser, link: str, address: str, kind: str) -> None:
    page = owner.page("/admin/connections/new").click(link)

    assert [field.attributes["id"] for field in page.all("form input[required]:not(details *)")] == ["key"]
    assert (page.textbox("Address").value, page.textbox("Name").value) == (address, link)
    assert page.all("#kind [selected]")[0].attributes["value"] == kind
    assert page.has("a", f"Get a key from {link}")


def test_a_usual_server_on_this_machine_asks_for_nothing(owner: Browser) -> None:
    page = owner.page("/admin/connections/new").click("LM Studio")

    assert [field.attributes["id"] for field in page.all("form.form input:not([type=hidden]):not(details *)")] == ["base_url"]
    assert page.textbox("Address").value == "http://127.0.0.1:1234/v1"


def test_openrouter_is_the_built_in_connection_and_an_unknown_server_another_one(owner: Browser) -> None:
    assert owner.page("/admin/connections/new").click("OpenRouter").path == OPENROUTER
    assert owner.page("/admin/connections/new?server=nothing").says("Another server")


def test_adding_tests_at_once_and_shows_the_models(owner: Browser, app: Flask, fake: Fake) -> None:
    page = add(owner, fake)

    assert page.says("Connection added. Its models are now available.")
    assert page.says("works")
    assert page.says("2 models")
    with app.app_context():
        assert page.says(", ".join(the_models().display_name(model.id) for model in the_models().offered()))


def test_a_server_that_refuses_leaves_the_form_as_it_was_and_the_key_unseen(owner: Browser, app: Flask, fake: Fake) -> None:
    fake.always({"status": 404, "json": {"detail": "Not Found"}}, at="/models")

    page = owner.submit("/admin/connections/new", name="Ours", base_url=fake.base_url, key=KEY)

    assert page.status_code == 422
    assert "nothing at this address" in page.error_at("Address")
    assert (page.textbox("Name").value, page.textbox("Key").value) == ("Ours", "")
    assert KEY not in page.text
    assert page.says("Leave empty to use the key you just entered.")
    with app.app_context():
        assert live_connection("ours") is None

    page = page.press("Add anyway")

    assert page.says("Connection added.")
    assert live(app, "ours").key.text == KEY
    assert live(app, "ours").is_working is None


def test_the_key_entered_before_goes_with_a_corrected_path_and_to_no_other_server(owner: Browser, app: Flask, fake: Fake) -> None:
    fake.always({"status": 404, "json": {"detail": "Not Found"}}, at="/models")
    page = owner.submit("/admin/connections/new", name="Ours", base_url=f"{fake.url}/v9", key=KEY)

    elsewhere = page.press("Add", base_url="http://127.0.0.1:9/v1")
    assert "enter the key again" in elsewhere.error_at("Key")

    page.press("Add anyway", base_url=fake.base_url)
    assert (live(app, "ours").base_url, live(app, "ours").key.text) == (fake.base_url, KEY)


@pytest.mark.mostly_slow
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_further_connection_is_added_tested_used_and_deleted(owner: Browser, app: Flask, fake: Fake, kind: str) -> None:
    if kind == "anthropic":
        fake.always({"json": {"data": [{"type": "model", "id": "fake-sonnet", "display_name": "Fake Sonnet"}]}}, at="/models")
    page = add(owner, fake, kind=kind, key=KEY)

    assert page.heading == "Our server"
    assert page.says("works")
    header = {"openai": ("authorization", f"Bearer {KEY}"), "anthropic": ("x-api-key", KEY)}[kind]
    assert {entry["headers"][header[0]] for entry in fake.log()} == {header[1]}
    with app.app_context():
        ids = [model.id for model in the_models().offered()]
        assert all(id.startswith("our-server:") for id in ids)
        assert providers().for_model(ids[0]).name == "our-server"
        assert (the_connections().slug_of(ids[0]), providers().name_of(ids[0])) == ("our-server", ids[0].partition(":")[2])
    page = page.click("Delete").press("Delete permanently")
    assert page.says("Connection and key deleted.")
    with app.app_context():
        the_connections().forget()
        with pytest.raises(Invalid):
            providers().for_model(ids[0])


@pytest.mark.slow
def test_names_that_are_alike_give_slugs_that_are_not(owner: Browser, app: Flask, fake: Fake) -> None:
    pages = [add(owner, fake, name=name) for name in ("Our Server", "our server!", "Öur   Servér", "???", "OpenRouter", "new")]

    slugs = [page.path.rpartition("/")[2] for page in pages]
    assert slugs == ["our-server", "our-server-2", "our-server-3", "connection", "openrouter-2", "new-2"]


@pytest.mark.slow
def test_what_is_missing_is_said_in_place(owner: Browser, fake: Fake) -> None:
    assert add(owner, fake, name=" ").error_at("Name") == "Enter a name of up to 80 characters."
    assert "needs a key" in add(owner, fake, kind="anthropic").error_at("Key")
    assert owner.post("/admin/connections", name="x", kind="openrouter").status_code == 422
    assert owner.post("/admin/connections", name="x", kind="nothing").status_code == 422
    assert owner.page("/admin/connections").all(".rows > li").__len__() == 1


@pytest.mark.slow
def test_a_connection_needs_its_key_again_at_another_address(owner: Browser, app: Flask, fake: Fake) -> None:
    page = add(owner, fake, base_url="http://127.0.0.1:9/v1", key=KEY).press("Add anyway")

    refused = page.press("Save", base_url=fake.base_url)

    assert "enter the key again" in refused.error_at("New key")
    assert live(app, "our-server").base_url == "http://127.0.0.1:9/v1"
    assert fake.log() == []


def test_switched_off_its_models_cannot_be_chosen_until_it_is_on_again(owner: Browser, app: Flask, fake: Fake) -> None:
    page = add(owner, fake).press("Test connection")

    page = page.press("Turn off")

    with app.app_context():
        assert "our-server:fake/plain" not in [model.id for model in the_models().offered()]
        with pytest.raises(Invalid):
            providers().for_model("our-server:fake/plain")
    page.press("Turn on")
    with app.app_context():
        assert providers().for_model("our-server:fake/plain").name == "our-server"


def test_a_change_keeps_what_it_does_not_name(owner: Browser, app: Flask, fake: Fake) -> None:
    add(owner, fake, key=KEY).press("Test key")

    owner.submit("/admin/connections/our-server", name="Renamed", default_model="fake/large")

    after = live(app, "our-server")
    assert (after.name, after.default_model, after.key.text, after.is_working, len(after.models)) == (
        "Renamed",
        "fake/large",
        KEY,
        True,
        2,
    )
    owner.submit("/admin/connections/our-server", key="sk-another-0123456789")
    assert live(app, "our-server").is_working is None


def test_what_becomes_of_reasoning_tags_is_chosen_for_each_connection(owner: Browser, app: Flask, fake: Fake) -> None:
    owner.post("/admin/connections", kind="openai", name="Here", base_url=fake.base_url)
    owner.submit("/admin/connections/here", reasoning_tags="off")
    assert live(app, "here").reasoning_tags == "off"
    assert owner.post("/admin/connections/here", name="Here", reasoning_tags="perhaps").status_code == 422


@pytest.mark.parametrize(
    ("says", "expected"),
    [("here:fake/thinker=off", "<think>why</think>Yes."), ("fake/thinker=off here:fake/other=off", "Yes."), ("", "Yes.")],
)
def test_a_model_can_differ_from_its_connection(
    owner: Browser, app: Flask, fake: Fake, new_stop: Callable[[], Stop], says: str, expected: str
) -> None:
    owner.post("/admin/connections", kind="openai", name="Here", base_url=fake.base_url, anyway="y")
    owner.submit("/admin/models", **{"models.reasoning_tags": says})
    fake.says("<think>why</think>Yes.")
    with app.app_context():
        provider = providers().for_model("here:fake/thinker")
        asked = ModelRequest("fake/thinker", (Turn("user", "Well?"),))
        assert provider.complete(asked, new_stop()).text == expected


def test_only_ways_that_there_are_can_be_named_for_a_model(owner: Browser) -> None:
    for wrong in ("here:fake/thinker", "=off", "here:fake/thinker=perhaps"):
        page = owner.post("/admin/models", **{"models.reasoning_tags": wrong})
        assert (page.status_code, page.says("Write each as model=auto")) == (422, True), wrong


@pytest.mark.slow
def test_what_was_done_stands_in_the_audit_log_without_a_secret(owner: Browser, app: Flask, fake: Fake) -> None:
    page = add(owner, fake, key=KEY).press("Turn off")
    page = page.click("Delete key").press("Delete permanently").click("Delete").press("Delete permanently")
    owner.submit("/admin/settings/retention", **{"trash.days": "7"})
    assert page.status_code == 200

    with app.app_context():
        ours = select(AuditEntry).where(AuditEntry.object_kind.in_(["connection", "setting"]))
        entries = db.session.scalars(ours.order_by(AuditEntry.at, AuditEntry.id)).all()
        told = [(entry.action, entry.object_id) for entry in entries]
        assert told == [
            ("added a connection", "our-server"),
            ("tested a connection", "our-server"),
            ("turned off a connection", "our-server"),
            ("deleted a key", "our-server"),
            ("deleted a connection", "our-server"),
            ("changed a setting", "trash.days"),
        ]
        assert {(entry.actor, entry.address) for entry in entries} == {("owner@example.org", "127.0.0.1")}
        assert KEY not in "".join(entry.detail for entry in entries)


def test_a_model_of_two_connections_is_listed_with_the_name_of_each(owner: Browser, app: Flask, fake: Fake) -> None:
    for name in ("Our server", "The other server"):
        add(owner, fake, name=name).press("Test connection")

    with app.app_context():
        the_connections().forget()
        names = [model.name for model in the_models().offered() if model.id.endswith("fake/plain")]
        assert len(names) == len(set(names)) == 2
        assert [name.rpartition(" · ")[2] for name in names] == ["Our server", "The other server"]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://openrouter.ai/api/v1", "OpenRouter"),
        ("https://gateway.example.org/openrouter/v1", "gateway.example.org"),
        ("http://192.168.1.20:8000/v1", "192.168.1.20:8000"),
        ("http://localhost:11434/v1", "Ollama"),
    ],
)
def test_another_server_is_called_by_its_own_name(make_app: MakeApp, address: str, name: str) -> None:
    app = make_app(OPENROUTER_API_KEY=KEY, OPENROUTER_BASE_URL=address)
    with app.app_context():
        assert the_connections().team()[0].name == name
