"""Names, titles and error messages are always shown as text; `Page` rejects a page that renders them as markup."""

import pytest

from tests.attacks.conftest import begin, ended_chat
from tests.attacks.payloads import AS_TEXT
from tests.chat.conftest import ended, statuses
from tests.support.marks import few_of
from webapp.models.connections import service as connections
from webapp.models.connections.service import ConnectionInput
from webapp.people.accounts import queries
from webapp.people.accounts.tables import PersonAuthor
from webapp.people.members import groups, service as people_service

pytestmark = pytest.mark.slow
TITLED = [text for text in AS_TEXT if "onfocus" not in text] + [
    '" autofocus onfocus="steal(132)',
    '{"showMessage":"<img src=x onerror=steal(133)>"}',
]


def is_only_text(page, text: str) -> bool:
    """Whether the text is shown verbatim; its markup was already checked when the page was opened."""
    assert not page.all("hx-partial, main script, main :not(#lightbox) > img, b")
    return page.says(text)


@pytest.mark.parametrize("text", few_of(TITLED, 4))
def test_titles(member, fake, text):
    fake.says("Fine.")
    page = ended_chat(member, f"`{text}`")

    title = page.heading
    for path in ("/", "/chats", page.path):
        assert is_only_text(member.page(path), title)
    assert "steal" not in text or "steal" in title


@pytest.mark.parametrize("text", few_of(AS_TEXT, 4))
def test_names_of_people_and_groups(app, owner, member, text):
    with app.app_context():
        person, boss = queries.user_by_email(member.email), queries.user_by_email(owner.email)
        id = person.id
        people_service.rename(person, text)
        groups.put_in(group := groups.create(text, author=PersonAuthor(boss)), id, author=PersonAuthor(boss))
        group_id = group.id

    for path in ("/account", "/"):
        assert is_only_text(member.page(path), text)
    for path in ("/admin/people", f"/admin/people/{id}", "/admin/groups", f"/admin/groups/{group_id}", "/admin/audit"):
        assert is_only_text(owner.page(path), text)


@pytest.mark.parametrize("name", ["admin\u202e\u2066nimda", "ad\u200bmin", "\u2068admin"])
def test_a_name_that_would_look_like_another_is_refused(member, name):
    assert member.post("/account/name", name=name).status_code == 422


@pytest.mark.parametrize("text", few_of(AS_TEXT, 4))
def test_names_of_connections_and_models(app, owner, fake, text):
    fake.always({"json": {"data": [{"id": "fake/one", "name": text}, {"id": text, "name": text}]}}, at="/models")
    with app.app_context():
        boss = queries.user_by_email(owner.email)
        slug = connections.create(
            "openai",
            ConnectionInput(name=text, base_url=fake.base_url, key="sk-test-key-111111111111"),
            author=PersonAuthor(boss),
        )
    owner.post(f"/admin/connections/{slug}/test")

    for path in ("/admin/connections", f"/admin/connections/{slug}", "/admin/models"):
        assert is_only_text(owner.page(path), text), path
    owner.page("/")
    owner.page("/settings")


@pytest.mark.parametrize("text", few_of(AS_TEXT, 4))
def test_who_served_it_and_what_was_thought(member, fake, text):
    fake.says("Fine.", model=text, reasoning=text)
    page = ended_chat(member)

    assert is_only_text(page, text)
    assert page.one(".thought__text").text() == text


@pytest.mark.parametrize("text", [*few_of(AS_TEXT, 4), "steal\r\revent: superseded\rdata: x\r\r", "a\n\nid: superseded\n\nb"])
def test_the_words_of_an_error(member, fake, listen, text):
    fake.always({"status": 400, "json": {"error": {"code": 400, "message": f"Wrong: {text} key sk-or-v1-0123456789abcdef"}}})
    path = begin(member)
    listener = listen(member, member.page(path).events_url)
    page = member.wait_for(path, ended)
    listener.until(lambda feed: "failed" in feed.statuses())

    assert statuses(page)[-1] == "failed"
    assert not page.all("article hx-partial, article script, article img, article b")
    assert {message.event for message in listener.messages} <= {"message", "status"}
    assert "<img" not in listener.html
    assert "<script" not in listener.html
    assert "0123456789abcdef" not in page.text + listener.html


@pytest.mark.parametrize("text", few_of(AS_TEXT, 4))
def test_what_somebody_looks_for(owner, text):
    for path, name in (
        ("/admin/models", "q"),
        ("/admin/audit", "person"),
        ("/admin/audit", "action"),
        ("/chats", "q"),
        ("/login", "next"),
    ):
        page = owner.get(path, query={name: text})
        assert page.status_code in (200, 303), path
        assert not page.all("main script, main img, b")
