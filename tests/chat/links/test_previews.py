"""Links to what has a preview in an answer: a page, a drawing or a table, alone and as it was."""

import pytest

from tests.chat.conftest import ended
from tests.support.browser import Browser
from webapp.base.db import db, utc_now
from webapp.chat.record.tables import Message
from webapp.workspace.links.tables import Link

SECRET = "Only for us"
ANSWER = f"""{SECRET}

```html
<title>Snake</title><p>Hello</p><script>parent.document.title = 1</script>
```

| Month | <b>Revenue</b> |
|---|--:|
| January | 3 |
| =1+1 | 4 |

```svg
<svg onload="alert(1)"><script>alert(1)</script><circle/></svg>
```
"""
IFRAME = {"Sec-Fetch-Dest": "iframe"}


@pytest.fixture
def chat(owner, answered, fake) -> str:
    fake.says(ANSWER)
    path = str(answered(owner, SECRET))
    owner.post(f"{path}/rename", title=SECRET)
    return path


@pytest.fixture
def nobody(app) -> Browser:
    return Browser(app)


def published(owner: Browser, chat: str, block: int) -> str:
    """Publishes a block of the last answer as a person does; returns the path of its page."""
    message = owner.page(chat).message_ids[-1]
    address = owner.page(f"/messages/{message}/preview?block={block}").one("a[href*=links]").attributes["href"]
    form = owner.page(address).one("form.form")
    assert not owner.page(address).all("[name=live], [name=shows]")
    assert owner.post(form.attributes["action"], life="7", live="live", shows="files").status_code == 303
    address = owner.page("/links").all(".entries--links input")[0].attributes["value"]
    return "/s/" + str(address).rpartition("/s/")[2]


def test_a_page_is_shown_in_the_sandbox_to_anyone_and_nothing_else_of_the_chat(owner, nobody, chat):
    path = published(owner, chat, 0)
    page = nobody.page(path)
    assert page.one("h1").text() == "Snake"
    response = nobody.client.get(path)
    assert SECRET not in response.text
    assert "Set-Cookie" not in response.headers
    assert response.headers["X-Robots-Tag"].startswith("noindex")
    assert "form-action 'self'" in response.headers["Content-Security-Policy"]
    assert page.one("iframe").attributes["sandbox"] == "allow-scripts"
    frame = nobody.client.get(page.one("iframe").attributes["src"], headers=IFRAME)
    assert "<p>Hello</p>" in frame.text
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; script-src 'none'")
    run = nobody.post(path).one("iframe").attributes["src"]
    policy = nobody.client.get(run, headers=IFRAME).headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'")
    source = nobody.page(f"{path}?view=source")
    assert "<p>Hello</p>" in source.one("pre").text()
    assert not source.all("iframe")
    assert nobody.client.get(f"{path}/save").headers["Content-Disposition"] == 'attachment; filename="snake.html"'
    for other in ("files/x", "continue"):
        assert owner.get(f"{path}/{other}").status_code == 404
    assert owner.post(f"{path}/continue").status_code == 404


def test_its_frame_is_sent_only_to_its_page(owner, nobody, chat):
    path = published(owner, chat, 0)
    address = nobody.page(path).one("iframe").attributes["src"]
    bare = address.partition("&ticket=")[0]
    for wrong in (bare, f"{address}x", f"{address}&scripts=run"):
        assert "has expired" in nobody.client.get(wrong, headers=IFRAME).text
        assert nobody.client.get(wrong).location == path
    assert nobody.client.get(address, headers={"Sec-Fetch-Dest": "document"}).status_code == 303
    # Nor with the ticket of another reader, or of another link.
    assert "has expired" in owner.client.get(address, headers=IFRAME).text
    elsewhere = {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}}
    assert "has expired" in Browser(owner.app).client.get(address, headers=IFRAME, **elsewhere).text
    other = published(owner, chat, 2)
    assert "has expired" in nobody.client.get(address.replace(path, other), headers=IFRAME).text


def test_an_image_runs_nothing_and_a_table_is_text(owner, nobody, chat):
    drawing = nobody.page(published(owner, chat, 2))
    frame = nobody.client.get(drawing.one("iframe").attributes["src"], headers=IFRAME)
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; script-src 'none'")
    path = published(owner, chat, 1)
    plot = nobody.client.get(nobody.page(path).one("iframe").attributes["src"], headers=IFRAME)
    assert "January · &lt;b&gt;Revenue&lt;/b&gt;: 3" in plot.text
    # Its frame is as high as the plot.
    assert nobody.page(path).all(".shared__plot > svg")[0].attributes["viewBox"].startswith("0 0 560 ")
    assert drawing.one("main").attributes["data-height"] == "medium"
    assert [cell.text() for cell in nobody.page(f"{path}?view=table").all("th")] == ["Month", "<b>Revenue</b>"]
    assert "'=1+1,4" in nobody.client.get(f"{path}/save").text
    assert nobody.client.get(f"{path}/save?view=plot").text.startswith("<svg ")


def test_the_page_after_publishing_shows_that_link_alone(owner, chat):
    published(owner, chat, 0)
    message = owner.page(chat).message_ids[-1]
    made = owner.post(f"/messages/{message}/links?block=1", life="7").location
    assert made == f"/messages/{message}/links?block=1&done=created"
    page = owner.page(made)
    assert len(page.all(".entries--links [data-copy]")) == 1
    assert not page.all("form.form")
    assert owner.page(made.partition("&")[0]).one("form.form")
    # The links of the chat have all, each by its name.
    assert [name.text() for name in owner.page(f"{chat}/links").all(".entries--links .what")] == [
        "Month, <b>Revenue</b>",
        "Snake",
    ]
    revoke = page.one(".entries--links form").attributes["action"]
    back = owner.post(revoke, headers={"Referer": f"http://localhost{made}"}).location
    assert back == f"/messages/{message}/links?done=revoked&block=1"
    assert owner.page(back).one("form.form")


def test_it_stays_as_it_was_and_ends_like_other_links(owner, nobody, chat):
    path = published(owner, chat, 0)
    links = owner.page("/links")
    assert links.says("Part of an answer")
    with owner.app.app_context():
        link = db.session.scalars(db.select(Link)).one()
        assert (link.is_live, link.shows, link.block, link.title) == (False, [], 0, "Snake")
    assert nobody.page(path).says("Snake")
    owner.post(f"{chat}/delete")
    assert nobody.client.get(path).status_code == nobody.client.get(f"{path}/frame?block=0").status_code == 404
    assert nobody.client.post(path).status_code == nobody.client.get(f"{path}/save").status_code == 404
    owner.post(f"{chat}/restore")
    assert nobody.client.get(path).status_code == 200
    owner.post(links.one(".entries--links form").attributes["action"])
    assert nobody.client.get(path).status_code == 404


def test_one_that_has_ended_opens_nothing(owner, nobody, chat):
    path = published(owner, chat, 0)
    with owner.app.app_context():
        db.session.execute(db.update(Link).values(ends_at=utc_now()))
        db.session.commit()
    assert nobody.client.get(path).status_code == 404


def test_only_what_is_there_can_be_published_and_only_by_the_chats_owner(owner, member, stranger, chat):
    message = owner.page(chat).message_ids[-1]
    assert owner.get(f"/messages/{message}/links?block=9").status_code == 404
    assert stranger.get(f"/messages/{message}/links?block=0").status_code == 404
    assert stranger.post(f"/messages/{message}/links?block=0", life="7").status_code == 404


def test_a_program_publishes_one(owner, nobody, chat):
    message, at = owner.page(chat).message_ids[-1], f"/api/v1{chat}/links"
    made = owner.client.post(at, json={"message_id": message, "block": 1}).json
    assert (made["block"], made["live"]) == (1, False)
    assert nobody.page("/s/" + made["url"].rpartition("/s/")[2]).says("Made by a model.")
    assert owner.client.post(at, json={"message_id": message, "block": 7}).status_code == 404


DRAWN = """Here:

```svg
<title>Rivers</title><svg><circle/></svg>
```

```mermaid
graph TD; A-->B
```

| A | B |
|---|---|
| 1 | 2 |
"""


def linked(owner: Browser, chat: str, **body: object) -> tuple[str, str]:
    """Creates a link to a chat; returns its id, and the path of its page."""
    made = owner.client.post(f"/api/v1{chat.partition('#')[0]}/links", json=body).json
    return made["id"], "/s/" + str(made["url"]).rpartition("/s/")[2]


@pytest.fixture
def drawn(owner, answered, fake) -> str:
    fake.says(DRAWN)
    return str(answered(owner, "Draw"))


@pytest.mark.parametrize("live", [False, True])
def test_a_chat_shows_its_drawings_in_their_place_and_opens_the_rest(owner, nobody, drawn, live):
    _, path = linked(owner, drawn, live=live)
    response = nobody.client.get(path)
    assert "frame-src 'self'" in response.headers["Content-Security-Policy"]
    page = nobody.page(path)
    frames = [str(frame.attributes["src"]) for frame in page.all(".message-text iframe")]
    assert frames == [f"{path}/messages/2/{number}/drawing" for number in (0, 1)]
    assert len({frame.attributes["title"] for frame in page.all("iframe")}) == 2
    # The source is there, and whatever has a preview is opened without scripts.
    assert [pre.text().splitlines()[0] for pre in page.all("details pre")] == [
        "<title>Rivers</title><svg><circle/></svg>",
        "graph TD; A-->B",
    ]
    opened = [str(link.attributes["href"]) for link in page.all(".message-text a.view")]
    assert opened == [f"{path}/messages/2/{number}" for number in range(3)]
    drawing = nobody.client.get(frames[0])
    assert drawing.headers["X-Frame-Options"] == "SAMEORIGIN"
    for rule in ("script-src 'none'", "frame-ancestors 'self'", "form-action 'none'"):
        assert rule in drawing.headers["Content-Security-Policy"]
    inner = nobody.page(frames[0]).one("iframe")
    assert inner.attributes["sandbox"] == "allow-scripts"
    frame = nobody.client.get(inner.attributes["src"], headers=IFRAME)
    assert "<circle/>" in frame.text
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; script-src 'none'")
    for number, title in enumerate(("Rivers", "Diagram", "A, B")):
        shown = nobody.page(opened[number])
        assert shown.one("h1").text() == title
        assert shown.one("header a").attributes["href"] == f"{path}#m2"
    assert "1,2" in nobody.client.get(f"{opened[2]}/save").text
    # One ticket is for one block of one link.
    other = str(inner.attributes["src"]).replace("/2/0/", "/2/1/")
    assert "has expired" in nobody.client.get(other, headers=IFRAME).text
    assert nobody.client.get(inner.attributes["src"], headers={"Sec-Fetch-Dest": "document"}).location == opened[0]


def test_nothing_is_drawn_that_the_link_does_not_show(owner, nobody, drawn, fake):
    id, path = linked(owner, drawn)
    message = owner.page(drawn).message_ids[-1]
    fake.says(f"Later\n\n{DRAWN}")
    owner.post(f"{drawn.partition('#')[0]}/messages", message="More")
    pages = ("", "/drawing", "/frame", "/save")
    for place, number in ((2, 3), (1, 0), (0, 0), (3, 0), (4, 0), (99, 0)):
        for page in pages:
            assert nobody.client.get(f"{path}/messages/{place}/{number}{page}").status_code in (404, 429)
    _, answer = linked(owner, drawn)
    owner.post(f"/messages/{message}/delete")
    for shown in (path, answer):
        assert nobody.client.get(f"{shown}/messages/2/0/drawing").status_code in (404, 429)
    owner.post(f"/messages/{message}/restore")
    assert nobody.client.get(f"{path}/messages/2/0/drawing").status_code == 200
    with owner.app.app_context():
        db.session.get_one(Link, id).ends_at = utc_now()
        db.session.commit()
    for page in pages:
        assert nobody.client.get(f"{path}/messages/2/0{page}").status_code in (404, 429)
    owner.post(f"/links/{id}/revoke")
    assert nobody.client.get(f"{path}/messages/2/0/drawing").status_code in (404, 429)


def test_a_drawing_is_that_of_the_branch_and_the_moment_that_the_link_shows(owner, nobody, drawn, fake):
    _, path = linked(owner, drawn)
    _, live = linked(owner, drawn, live=True)
    message = owner.page(drawn).message_ids[-1]
    fake.says("```svg\n<svg><rect/></svg>\n```\n")
    owner.post(f"/messages/{message}/again")
    owner.wait_for(drawn, ended)
    for page, shape in ((path, "<circle/>"), (live, "<rect/>")):
        inner = nobody.page(f"{page}/messages/2/0/drawing").one("iframe").attributes["src"]
        assert shape in nobody.client.get(inner, headers=IFRAME).text


def test_an_exported_page_has_the_source_alone(owner, drawn):
    page = owner.client.get(f"{drawn.partition('#')[0]}/export.html").text
    assert "<iframe" not in page
    assert 'class="view"' not in page
    assert page.count("<pre") == 2


def test_a_page_without_messages_is_only_told_that_its_link_is_closed(owner, nobody, drawn):
    id, path = linked(owner, drawn, live=True)
    stream = nobody.client.get(f"{path}/events").response
    next(stream)
    owner.post(f"/links/{id}/revoke")
    rest = b"".join(stream).decode()
    assert "event: closed" in rest
    assert "article" not in rest


def test_what_an_answer_says_after_the_snapshot_is_not_drawn(owner, nobody, drawn):
    (_, path), (_, live) = linked(owner, drawn), linked(owner, drawn, live=True)
    with owner.app.app_context():
        message = db.session.get_one(Message, owner.page(drawn).message_ids[-1])
        message.content += "\n```svg\n<svg><rect/></svg>\n```\n"
        db.session.commit()
    for page in ("", "/drawing", "/frame", "/save"):
        assert nobody.client.get(f"{path}/messages/2/3{page}").status_code == 404
    assert nobody.client.get(f"{live}/messages/2/3/drawing").status_code == 200
