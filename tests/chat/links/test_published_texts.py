"""Links to a version of a text: shown alone as a block of an answer is, whatever becomes of the text later."""

import pytest

from tests.api.client import client_of
from tests.chat.conftest import give, id_of
from tests.chat.links.test_previews import IFRAME
from tests.support.browser import Browser
from webapp.base.db import db, utc_now
from webapp.chat.files.tables import ChatFile
from webapp.workspace.links.tables import Link

SECRET = "Only for us"
PAGE = "<title>Snake</title><p>Hello</p><script>parent.document.title = 1</script>"


@pytest.fixture
def nobody(app) -> Browser:
    return Browser(app)


@pytest.fixture
def text(owner, answered, fake) -> str:
    """The path of a text that is a page, in its second version."""
    fake.says(f"{SECRET}\n\n```html\n{PAGE}\n```")
    message = owner.page(answered(owner, SECRET)).message_ids[-1]
    path = str(owner.post(f"/messages/{message}/texts", part="block-0").location)
    saved(owner, path, "Edited", version=1)
    return path


def saved(browser: Browser, path: str, words: str, **fields: object) -> None:
    assert browser.post(path, text=PAGE.replace("Hello", words), **fields).status_code in (200, 303)


def chat_of(browser: Browser, text: str) -> str:
    with browser.app.app_context():
        return f"/chats/{db.session.scalars(db.select(ChatFile.chat_id).where(ChatFile.text_id == id_of(text))).first()}"


def publish(browser: Browser, text: str, version: int = 2) -> str:
    """Publishes a version as a person does; returns the path of its page."""
    head = browser.page(f"{text}?version={version}").one("a[data-over][title=Publish]").attributes["href"]
    page = browser.page(head)
    assert page.one("h1").text() == "Publish Snake"
    assert not page.all("[name=live], [name=shows]")
    form = page.one("form.form")
    assert page.says(f"Publish version {version}")
    made = browser.post(form.attributes["action"], life="7", live="live", shows="files").location
    assert made == f"{text}/links?version={version}&done=created"
    address = str(browser.page(made).one(".entries--links input").attributes["value"])
    return "/s/" + address.rpartition("/s/")[2]


def test_a_version_is_shown_as_it_was_in_the_sandbox_and_nothing_else_of_the_chat(owner, nobody, text):
    path = publish(owner, text)
    saved(owner, text, "Later", version=2, auto="y")
    page = nobody.page(path)
    assert page.one("h1").text() == "Snake"
    assert SECRET not in page.text
    frame = nobody.client.get(page.one("iframe").attributes["src"], headers=IFRAME)
    assert "<p>Edited</p>" in frame.text
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; script-src 'none'")
    run = nobody.post(path).one("iframe").attributes["src"]
    policy = nobody.client.get(run, headers=IFRAME).headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'")
    assert "<p>Edited</p>" in nobody.client.get(f"{path}/save").text
    for other in ("files/x", "continue"):
        assert owner.get(f"{path}/{other}").status_code == 404
    assert nobody.client.get(f"{path}/messages/1/0").status_code == 404


def test_it_says_who_has_made_it(owner, nobody, text, member):
    assert owner.page(f"{text}?version=1").says("Made by the model. Its scripts are off.")
    edited = owner.page(text)
    assert edited.says("Edited by ")
    assert not edited.says("Made by the model.")
    assert nobody.page(publish(owner, text)).says("Made with a model. It can't reach this site")


def test_the_text_says_which_version_is_published(owner, text):
    assert not owner.page(text).all(".notice")
    publish(owner, text, 1)
    notice = owner.page(text).one(".notice")
    assert "Version 1 is published." in notice.text()
    assert "This version is published." in owner.page(f"{text}?version=1").text
    publish(owner, text, 2)
    assert "This version is published." in owner.page(text).text
    links = owner.page(f"{text}/links?version=2")
    assert [how.text().split(" ·")[0] for how in links.all(".entries--links .how")] == ["Version 2", "Version 1"]
    revoke = links.all(".entries--links form")[0].attributes["action"]
    back = owner.post(revoke, headers={"Referer": f"http://localhost{text}/links?version=2"}).location
    assert back == f"{text}/links?done=revoked&version=2"
    assert owner.page(back).one("form.form").attributes["action"] == f"{text}/links?version=2"


def test_drafts_do_not_replace_what_is_published(owner, nobody, text):
    saved(owner, text, "Draft", version=2, auto="y")
    path = publish(owner, text, 3)
    for number, words in enumerate(("More", "Most"), 3):
        saved(owner, text, words, version=number, auto="y")
    assert "<p>Draft</p>" in nobody.client.get(f"{path}/save").text


def test_it_closes_with_its_text_its_chat_its_end_and_by_hand(owner, nobody, text):
    path, other = publish(owner, text), publish(owner, text, 1)
    chat = chat_of(owner, text)
    owner.post(f"{chat}/delete")
    assert nobody.client.get(path).status_code == nobody.client.post(path).status_code == 404
    owner.post(f"{chat}/restore")
    assert nobody.client.get(path).status_code == 200
    with owner.app.app_context():
        link = db.session.scalars(db.select(Link).order_by(Link.id)).first()
        assert (link.is_live, link.shows, link.block, link.head_id, link.title) == (False, [], None, None, "Snake")
        link.ends_at = utc_now()
        db.session.commit()
    assert nobody.client.get(path).status_code == 404
    assert nobody.client.get(other).status_code == 200
    owner.post(f"{text}/delete")
    for page in ("", "/frame", "/save"):
        assert nobody.client.get(f"{other}{page}").status_code in (404, 429)
    assert owner.page("/links").says("Closed: the text that it shows is deleted")


def test_only_the_owner_of_the_chat_publishes_and_only_what_is_drawn(owner, member, stranger, text, answered, fake):
    give(chat_of(owner, text), member, "write")
    assert member.get(text).status_code == 200
    assert not member.page(text).all("a[title=Publish]")
    for other in (member, stranger):
        assert other.get(f"{text}/links?version=2").status_code == 404
        assert other.post(f"{text}/links?version=2", life="7").status_code == 404
    assert owner.get(f"{text}/links?version=9").status_code == 404
    fake.says("Some words.")
    message = owner.page(answered(owner, "Words")).message_ids[-1]
    words = owner.post(f"/messages/{message}/texts", part="whole").location
    assert not owner.page(words).all("a[title=Publish]")
    assert owner.post(f"{words}/links", life="7").status_code == 404


def test_programs_see_the_file_that_is_shown(owner, text):
    publish(owner, text)
    [link] = client_of(owner.app, owner.email).get(f"{chat_of(owner, text)}/links")["links"]
    assert (link["block"], link["message_id"], bool(link["file_id"])) == (None, None, True)


def test_a_block_and_its_text_have_links_of_their_own(owner, nobody, text):
    message = owner.page(chat_of(owner, text)).message_ids[-1]
    made = owner.post(f"/messages/{message}/links?block=0", life="7").location
    address = str(owner.page(made).one(".entries--links input").attributes["value"])
    path = "/s/" + address.rpartition("/s/")[2]
    assert "<p>Hello</p>" in nobody.client.get(f"{path}/save").text
    assert not owner.page(text).all(".notice")
