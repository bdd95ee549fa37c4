"""Texts beside a chat: opened from a message, edited with versions, changed by a sentence, exported, by pages and by the API."""

import io
import zipfile
from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests.api.client import Client, client_of
from tests.chat.conftest import ended, give, id_of
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.page import Page
from tests.support.speed import takes_at_most
from tests.support.waiting import until
from webapp.base.db import db
from webapp.chat import erasing
from webapp.chat.attachments.service import MOST_TEXT_CHARS
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.workspace.texts.parts import rewritten
from webapp.workspace.texts.tables import TextChange

TABLE, CODE = "| day | walk |\n|---|---|\n| Monday | long |", "print(1)\nprint(2)"
ANSWER = f"# A plan\n\nFirst we rest.\n\nThen we walk.\n\n{TABLE}\n\n```python\n{CODE}\n```"


@pytest.fixture
def text(owner, answered, fake) -> Callable[..., str]:
    """Opens a text beside a chat whose answer is this one; returns the path of the text."""

    def text(answer: str = ANSWER, part: str = "whole") -> str:
        fake.says(answer)
        page = owner.page(answered(owner, "Write a plan"))
        opened = owner.post(f"/messages/{page.message_ids[-1]}/texts", part=part)
        assert opened.status_code == 303, opened.text
        return opened.location

    return text


def words(browser: Browser, path: str) -> str:
    return str(browser.page(f"{path}/edit").one("#text").text(strip=False)).replace("\r", "")


def number(browser: Browser, path: str) -> int:
    return int(str(browser.page(f"{path}/edit").one("#text-version").attributes["value"]))


def program_of(browser: Browser) -> Client:
    return client_of(browser.app, browser.email)


def changed(browser: Browser, path: str, part: str, wish: str = "Shorter") -> Page:
    """Asks for a change of these words, and returns the page of the text once it was written."""
    at = words(browser, path).index(part)
    fields = {"text": words(browser, path), "version": str(number(browser, path)), "wish": wish}
    assert browser.post(f"{path}/change", part=f"s{at}-{at + len(part)}", **fields).status_code == 303
    return browser.wait_for(path, lambda page: "is being rewritten" not in page.text)


def decide(browser: Browser, path: str, deed: str) -> Page:
    return browser.post(f"{path}/decision", deed=deed)


def test_a_message_offers_all_of_it_its_tables_and_its_code(owner, answered, fake):
    fake.says(ANSWER)
    page = owner.page(answered(owner, "Write a plan"))
    url = f"/messages/{page.message_ids[-1]}/texts"
    assert f'href="{url}"' in owner.page(f"/messages/{page.message_ids[-1]}/actions").text
    offered = [str(button.attributes["value"]) for button in owner.page(url).all(".text-open button")]
    assert offered == ["whole", "block-0", "block-1"]
    table, code = (owner.post(url, part=part).location for part in offered[1:])
    assert (words(owner, table), words(owner, code)) == (f"{TABLE}\n", f"{CODE}\n")
    assert owner.post(url, part="block-1").location == code, "the same part again is the same text"
    assert [owner.post(url, part=part).location for part in ("table-1", "code-2")] == [table, code], "as programs name them"
    texts = program_of(owner).get(f"/chats/{id_of(page.path)}/texts")["texts"]
    assert {text["name"] for text in texts} == {"A plan.md", "A plan.py"}
    assert "Texts" in owner.page(page.path).one("#chat-menu-list").text()
    assert owner.post(url, part="nothing").status_code == 422


def test_it_is_edited_and_keeps_its_versions(owner, text):
    path = text()
    assert owner.page(path).one(".text-read").text().strip().startswith("A plan")
    owner.submit(f"{path}/edit", text="# Another plan\r\n")
    assert (words(owner, path), number(owner, path)) == ("# Another plan\n", 2)
    listed = owner.page(f"{path}/versions")
    assert [link.text() for link in listed.all(".text-list .what a")] == ["Version 2", "Version 1"]
    earlier = owner.page(f"{path}?version=1")
    assert "This is version 1; the latest is 2." in earlier.text
    assert owner.post(f"{path}/restore", version="1").status_code == 303
    assert words(owner, path) == ANSWER + "\n"
    assert owner.get(f"{path}?version=7").status_code == 404


def test_what_is_saved_while_typing_is_one_version(owner, text):
    path = text()
    for version, typed in enumerate(("One", "One two", "One two three"), 1):
        answer = owner.htmx_post(path, text=typed, version=str(version), auto="1")
        assert (answer.status_code, f"Saved as version {version + 1}." in answer.text) == (200, True)
    assert [version["version"] for version in program_of(owner).get(f"/texts/{id_of(path)}")["versions"]] == [4, 1]
    assert owner.htmx_post(path, text="One two three", version="1", auto="1").status_code == 200, "the same text is no conflict"


def test_of_two_tabs_the_second_is_told_and_neither_is_lost(owner, text):
    path = text()
    assert owner.post(path, text="Mine", version="1").status_code == 303
    told = owner.htmx_post(path, text="Yours", version="1", auto="1")
    assert (told.status_code, "was changed meanwhile" in told.text, "data-held" in told.text) == (409, True, True)
    refused = owner.post(path, text="Yours", version="1")
    assert refused.status_code == 409
    assert (refused.one("#text").text().strip(), refused.one("#text-version").attributes["value"]) == ("Yours", "2")
    assert [line.text() for line in refused.all(".line del")] == ["Mine"]
    assert owner.post(path, text="Yours", version="2").status_code == 303
    program = program_of(owner)
    assert program.get(f"/texts/{id_of(path)}")["text"] == "Yours"
    assert program.get(f"/texts/{id_of(path)}?version=2")["text"] == "Mine"


def test_who_can_write_deletes_it_with_its_versions(owner, member, text):
    path = text()
    shown = owner.page(f"{path}/versions")
    assert shown.says("Deletes all versions")
    chat = f"/chats/{program_of(owner).get(f'/texts/{id_of(path)}')['chat_id']}"
    give(chat, member, "view")
    assert not member.page(f"{path}/versions").says("Deletes all versions")
    assert member.post(f"{path}/delete").status_code == 404
    assert owner.post(f"{path}/delete").location == f"{chat}/texts"
    assert owner.get(path).status_code == 404


@also_on_postgres
def test_programs_read_save_and_delete(owner, member, text):
    path = text()
    program, id = program_of(owner), id_of(path)
    shown = program.get(f"/texts/{id}")
    assert (shown["version"], shown["made_by"], shown["text"], shown["change"]) == (1, "message", ANSWER + "\n", None)
    saved = program.call("PATCH", f"/texts/{id}", {"text": "New", "version": 1}).get_json()
    assert (saved["version"], saved["made_by"], [row["version"] for row in saved["versions"]]) == (2, "hand", [2, 1])
    refused = program.call("PATCH", f"/texts/{id}", {"text": "Late", "version": 1})
    assert (refused.status_code, refused.get_json()["version"], refused.get_json()["text"]) == (409, 2, "New")
    made = program.post(f"/chats/{shown['chat_id']}/texts", {"name": "notes.md", "text": "Hello"}, status=201)
    assert (made["name"], made["version"]) == ("notes.md", 1)
    again = program.post(f"/chats/{shown['chat_id']}/texts", {"name": "notes.md", "text": "Hello"}, status=201)
    assert again["name"] == "notes 2.md"
    assert program.call("DELETE", f"/texts/{id}").status_code == 204
    assert program.call("GET", f"/texts/{id}").status_code == 404
    assert {row["name"] for row in program.get(f"/chats/{shown['chat_id']}/texts")["texts"]} == {"notes.md", "notes 2.md"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"text": "x" * (MOST_TEXT_CHARS + 1), "version": 1}, "too long"),
        ({"text": " \n", "version": 1}, "can't be empty"),
        ({"text": "x", "version": 0}, ""),
    ],
)
def test_what_is_no_text_is_refused_with_a_sentence(owner, text, body, says):
    refused = program_of(owner).call("PATCH", f"/texts/{id_of(text())}", body)
    assert (refused.status_code, says in refused.get_data(as_text=True)) == (422, True)


def test_five_megabytes_are_refused_and_the_text_stays(owner, text):
    path = text("Short.")
    refused = owner.post(path, text="x" * 5_000_000, version="1")
    assert refused.status_code in (413, 422)
    assert words(owner, path) == "Short.\n"


def test_hostile_text_is_inert(owner, text):
    evil = "<script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n[x](javascript:alert(1))\n\n![p](https://evil.example/p.png)"
    path = text(evil)
    shown = owner.page(path)
    assert not shown.all(".text-read script, .text-read img, .text-read [onerror], .text-read a[href^='javascript']")
    exported = owner.client.get(f"{path}/export?format=html").get_data(as_text=True)
    assert "default-src &#39;none&#39;" in exported
    assert not any(mark in exported for mark in ("<script", "<img", 'href="javascript'))


def test_it_leaves_as_markdown_word_pdf_and_web_page(owner, text):
    path = text()
    files = {name: owner.client.get(f"{path}/export?format={name}") for name in ("md", "docx", "pdf", "html", "file")}
    assert files["md"].get_data(as_text=True) == files["file"].get_data(as_text=True) == ANSWER + "\n"
    assert "A plan" in zipfile.ZipFile(io.BytesIO(files["docx"].data)).read("word/document.xml").decode()
    assert files["pdf"].data.startswith(b"%PDF")
    assert "First we rest." in files["html"].get_data(as_text=True)
    assert files["docx"].headers["Content-Disposition"] == 'attachment; filename="A plan.docx"'
    assert owner.client.get(f"{path}/export?format=exe").status_code == 422


def test_a_part_is_rewritten_and_nothing_else(owner, text, fake):
    path = text()
    fake.says("First we sleep well.", cost=0.01)
    page = changed(owner, path, "First we rest.", "Longer")
    assert [line.text() for line in page.all("#text-change ins")] == ["First we sleep well."]
    assert words(owner, path) == ANSWER + "\n", "it doesn't count yet"
    sent = str(fake.posts()[-1]["body"]["messages"])
    assert all(words in sent for words in ("Longer", "<part>"))
    decide(owner, path, "accept")
    assert words(owner, path) == ANSWER.replace("First we rest.", "First we sleep well.") + "\n"
    assert not owner.page(path).all("#text-change section")
    with owner.app.app_context():
        generation = db.session.scalars(select(Generation).where(Generation.kind == "text")).one()
        assert (generation.status, bool(generation.cost), "First we" in str(generation.prompt)) == ("completed", True, False)
    made = program_of(owner).get(f"/texts/{id_of(path)}")
    assert (made["made_by"], made["version"]) == ("change", 2)


def test_a_dismissed_change_leaves_everything_as_it_is(owner, text, fake):
    path = text()
    fake.says("No.")
    changed(owner, path, "First we rest.")
    decide(owner, path, "dismiss")
    assert (words(owner, path), number(owner, path)) == (ANSWER + "\n", 1)
    assert decide(owner, path, "accept").status_code == 409


def test_a_model_that_repeats_everything_changes_the_part_alone(owner, text, fake):
    path = text("Long before, which stays as it is.\n\nThe part.\n\nLong after, which stays, too.")
    fake.says("Long before, which stays as it is.\n\nA part.\n\nLong after, which stays, too.")
    changed(owner, path, "The part.")
    decide(owner, path, "accept")
    assert words(owner, path) == "Long before, which stays as it is.\n\nA part.\n\nLong after, which stays, too.\n"


def test_a_change_fits_what_was_edited_elsewhere_meanwhile_and_no_other_part(owner, text, fake):
    path = text("One.\n\nTwo.\n\nThree.")
    fake.says("Zwei.")
    changed(owner, path, "Two.")
    assert owner.post(path, text="Zero.\n\nOne.\n\nTwo.\n\nThree.\n", version="1").status_code == 303
    decide(owner, path, "accept")
    assert words(owner, path) == "Zero.\n\nOne.\n\nZwei.\n\nThree.\n"
    fake.says("Drei.")
    changed(owner, path, "Three.")
    assert owner.post(path, text="Zero.\n\nTrois.", version="3").status_code == 303
    refused = decide(owner, path, "accept")
    assert (refused.status_code, "no longer fits" in refused.text) == (409, True)
    assert words(owner, path) == "Zero.\n\nTrois."


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"start": 0, "end": 10**8, "wish": "Shorter"}, 422),
        ({"start": 5, "end": 5, "wish": "Shorter"}, 422),
        ({"start": 0, "end": 5, "wish": "  "}, 422),
        ({"start": 0, "end": 5, "wish": "x" * 3_000}, 422),
        ({"start": 0, "end": 5, "wish": "Shorter", "version": 7}, 409),
    ],
)
def test_a_selection_that_fits_no_part_is_refused(owner, text, body, status):
    assert program_of(owner).call("POST", f"/texts/{id_of(text())}/change", body).status_code == status


def test_one_change_at_a_time_also_while_an_answer_runs(owner, text, fake):
    path = text()
    program, id, wish = program_of(owner), id_of(path), {"start": 0, "end": 8, "wish": "Shorter"}
    fake.counts(4_000, pace=0.01)
    running = program.post(f"/texts/{id}/change", wish, status=202)
    assert running["change"]["state"] == "running"
    assert program.call("POST", f"/texts/{id}/change", wish).status_code == 409
    owner.post(f"/chats/{running['chat_id']}/messages", message="And now?")
    decide(owner, path, "stop")
    until(lambda: program.get(f"/texts/{id}")["change"]["state"] == "ended", "the change has stopped")
    stopped = owner.page(path)
    assert "It was stopped before it finished." in stopped.text
    fake.says("# Plan")
    assert decide(owner, path, "again").status_code == 303
    page = owner.wait_for(path, lambda page: "A new wording" in page.text)
    assert program.call("POST", f"/texts/{id}/change", wish).status_code == 409, "there is one to decide about"
    assert [line.text() for line in page.all("#text-change ins")] == ["# Plan"]


def test_a_model_that_fails_or_says_nothing_leaves_a_sentence(owner, text, fake):
    path = text()
    fake.always({"status": 400})
    page = changed(owner, path, "First we rest.")
    assert "was not rewritten" in page.text
    assert words(owner, path) == ANSWER + "\n"


def test_readers_read_and_writers_write(owner, member, stranger, text, fake):
    path = text()
    with owner.app.app_context():
        chat = f"/chats/{db.session.scalars(select(ChatFile.chat_id)).first()}"
    for browser in (member, stranger):
        assert browser.get(path).status_code == 404
    give(chat, member, "view")
    assert member.page(path).one(".text-read")
    assert "Edit" not in member.page(path).one(".preview__views").text()
    assert member.get(f"{path}/edit").status_code == 404
    assert program_of(member).call("PATCH", f"/texts/{id_of(path)}", {"text": "x", "version": 1}).status_code == 404
    assert f"{path}/edit" not in member.page(f"{chat}/texts").text


def test_a_file_that_the_model_writes_is_a_text_and_calls_make_versions_of_it(owner, fake):
    call = {"tool": "write_file", "arguments": {"name": "plan.md", "text": "# One"}}
    fake.always({"rounds": [{"calls": [call]}, {"says": "Here."}]})
    page = owner.wait_for(owner.post("/chats", message="Go", tools="write_file").location.partition("#")[0], ended)
    path = str(page.one(".made a[data-panel]").attributes["href"])
    assert owner.post(path, text="# Mine", version="1").status_code == 303
    again = {"tool": "write_file", "arguments": {"name": "plan.md", "text": "# Three"}}
    fake.always({"rounds": [{"calls": [again]}, {"says": "Changed."}]})
    owner.post(f"{page.path}/messages", message="Change it")
    owner.wait_for(page.path, lambda page: ended(page) and "Changed." in page.text)
    assert "# Mine" in str(fake.posts()[-1]["body"]["messages"]), "the model is told what the text is now"
    shown = program_of(owner).get(f"/texts/{id_of(path)}")
    assert [(row["version"], row["made_by"]) for row in shown["versions"]] == [(3, "call"), (2, "hand"), (1, "call")]
    assert shown["text"] == "# Three"


def test_texts_go_with_their_chat(owner, text, fake):
    path = text()
    fake.says("x")
    changed(owner, path, "First we rest.")
    with owner.app.app_context():
        erasing.erase(Chat.title != "")
        erasing.sweep_files()
        assert not db.session.scalars(select(ChatFile.file_id)).all()
        assert not db.session.scalars(select(StoredFile.id)).all()
        assert not db.session.scalars(select(TextChange.text_id)).all()
    assert owner.get(path).status_code == 404


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_version_of_a_call_goes_with_its_message_unless_a_person_changed_the_text(owner, fake, is_changed):
    call = {"tool": "write_file", "arguments": {"name": "plan.md", "text": "# One"}}
    fake.always({"rounds": [{"calls": [call]}, {"says": "Here."}]})
    page = owner.wait_for(owner.post("/chats", message="Go", tools="write_file").location.partition("#")[0], ended)
    path = str(page.one(".made a[data-panel]").attributes["href"])
    if is_changed:
        owner.post(path, text="# Mine", version="1")
    answer = page.message_ids[-1]
    assert owner.post(f"/messages/{answer}/delete").status_code == 200
    with owner.app.app_context():
        erasing.erase_branches(Message.id == answer)
        numbers = set(db.session.scalars(select(ChatFile.version)))
    assert numbers == ({1, 2} if is_changed else set())


def test_a_branch_has_the_texts_with_their_versions_as_its_own(owner, member, text):
    path = text()
    owner.post(path, text="Mine", version="1")
    program = program_of(owner)
    chat = program.get(f"/texts/{id_of(path)}")["chat_id"]
    give(f"/chats/{chat}", member, "view")
    last = owner.page(f"/chats/{chat}").message_ids[-1]
    for browser in (owner, member):
        branch = id_of(browser.post(f"/messages/{last}/fork").location.partition("#")[0])
        (copy,) = program_of(browser).get(f"/chats/{branch}/texts")["texts"]
        assert copy["id"] != id_of(path)
        shown = program_of(browser).get(f"/texts/{copy['id']}")
        assert (shown["text"], [row["version"] for row in shown["versions"]]) == ("Mine", [2, 1])
        browser.post(f"/texts/{copy['id']}", text="Another", version="2")
    assert program.get(f"/texts/{id_of(path)}")["text"] == "Mine"


BLOCKS = """# Report

```svg
<svg viewBox="0 0 9 9"><title>Logo</title></svg>
```

**Sales**

| Month | Value |
|---|--:|
| January | 3 |
| February | 4 |

```python
def area(side):
    return side * side
```

```python
print(1)
```

```python
print(2)
```
"""


def test_what_an_answer_holds_is_named_by_its_kind_and_title(owner, answered, fake):
    fake.says(BLOCKS)
    id = owner.page(answered(owner, "Report")).message_ids[-1]
    offered = [button.text() for button in owner.page(f"/messages/{id}/texts").all(".text-open button")]
    assert offered == ["The whole answer", "SVG: Logo", "Table: Sales", "Python: area", "Python: Report 1", "Python: Report 2"]


@pytest.mark.parametrize(
    ("block", "name"),
    [
        ('```svg\n<svg xmlns="http://www.w3.org/2000/svg"><circle/></svg>\n```', "Drawing.svg"),
        ("```mermaid\nflowchart LR\n  A[River] --> B\n```", "Diagram.mmd"),
        ("```html\n<p>One</p>\n```", "Page.html"),
        ("```csv\ncity,otters,since\nBern,12,2019\n```", "city, otters, since.csv"),
        ("| city | *otters* |\n|---|---|\n| Bern | 12 |", "city, otters.md"),
        (f"```csv\n{','.join(['column'] * 30)}\n1\n```", f"{', '.join(['column'] * 7)}.csv"),
    ],
)
def test_an_artifact_without_a_title_is_called_by_its_columns_or_its_kind(owner, text, block, name):
    path = text(f"Look:\n\n{block}", part="block-0")
    assert program_of(owner).get(f"/texts/{id_of(path)}")["name"] == name
    assert owner.page(path).one("h1").text() == name.rpartition(".")[0]


def test_blocks_of_a_text_are_drawn_as_those_of_an_answer(owner, stranger, text):
    path = text(BLOCKS)
    shown = owner.page(path)
    assert [view.text() for view in shown.all(".preview__views a")] == ["Preview", "Source", "Edit"]
    logo, table = (link.attributes["href"] for link in shown.all("a.view"))
    assert logo == f"{path}/preview?version=1&block=0"
    preview = owner.htmx_get(logo)
    assert [view.text() for view in preview.all(".preview__views a")] == ["Back to the text", "Preview", "Source"]
    frame = preview.one("iframe").attributes["src"]
    assert "<title>Logo</title>" in owner.client.get(frame, headers={"Sec-Fetch-Dest": "iframe"}).text
    assert "has expired" in owner.client.get(frame.replace("block=0", "block=1"), headers={"Sec-Fetch-Dest": "iframe"}).text
    assert owner.client.get(f"{path}/preview/file?version=1&block=1").text.endswith("February,4\r\n")
    assert owner.page(table).one("h1").text() == "Sales"
    # A version keeps its own blocks.
    owner.post(path, text="Nothing to draw.", version="1")
    assert "<title>Logo</title>" in owner.client.get(frame, headers={"Sec-Fetch-Dest": "iframe"}).text
    for address in (logo, frame, f"{path}/preview/file?block=1"):
        assert stranger.get(address).status_code == 404


def test_an_artifact_has_one_head_in_a_message_and_as_a_text(owner, answered, fake):
    fake.says(BLOCKS)
    id = owner.page(answered(owner, "Report")).message_ids[-1]
    panel = owner.htmx_get(f"/messages/{id}/preview?block=1")
    assert [view.text() for view in panel.all(".preview__views :is(a, button)")] == ["Plot", "Table", "Source", "Edit"]
    text = owner.post(f"/messages/{id}/texts", part="block-1").location
    opened = owner.get(panel.all(".preview__views a")[-1].attributes["href"]).location
    assert opened == f"{text}/edit"
    for address in (text, opened, f"{text}/versions"):
        shown = owner.htmx_get(address)
        assert [view.text() for view in shown.all(".preview__views a")] == ["Plot", "Table", "Source", "Edit"], address
        assert shown.one("#panel-title").text() == "Sales"
        assert shown.one("[title=Download]").tag == "summary"
    owner.post(text, text="| a | b |\n|---|---|\n| x | 1 |\n| y | 2 |", version="1")
    newest = owner.htmx_get(text)
    assert newest.one(".panel__steps span:not([class])").text() == "2 of 2"
    assert newest.one(".panel__steps a").attributes["href"] == f"{text}?version=1&view=plot"
    assert owner.htmx_get(f"{text}?version=1").one(".panel__steps a").attributes["title"] == "Later version"


def test_an_editor_that_is_left_leaves_nothing_and_saving_makes_the_text(owner, answered, fake):
    fake.says(BLOCKS)
    chat = answered(owner, "Report")
    id = owner.page(chat).message_ids[-1]
    texts = f"{chat.partition('#')[0]}/texts"
    preview = owner.htmx_get(f"/messages/{id}/preview?block=1")
    editor = preview.all(".preview__views a")[-1].attributes["href"]
    for page in (owner.page(editor), owner.htmx_get(editor)):
        assert [view.text() for view in page.all(".preview__views a")] == ["Plot", "Table", "Source", "Edit"]
        cancel = page.one("#text-form [formnovalidate]").attributes["formaction"]
        assert owner.post(cancel, version="1", since="0").location == f"/messages/{id}/preview?block=1"
    assert owner.page(texts).says("No texts in the side panel yet.")
    form = owner.page(editor).one("#text-form").attributes["action"]
    rows = "| a | b |\n|---|---|\n| x | 1 |\n| y | {} |"
    # As one types, and by the button: versions of one text.
    assert owner.post(form, text=rows.format(2), version="1", auto="1").says("Saved as version 2.")
    text = owner.post(form, text=rows.format(3), version="2").location
    assert text.startswith("/texts/")
    assert "| 3 |" in words(owner, text)
    assert owner.get(editor).location == f"{text}/edit"
    assert owner.post(form, text=rows.format(4), version="2").status_code == 409


def test_an_editor_that_is_cancelled_takes_its_drafts_back_and_no_others(owner, member, text):
    path, typed = text(), {"version": "1", "since": "1"}
    owner.htmx_post(path, **typed, text="One", auto="1")
    owner.htmx_post(path, text="One two", version="2", since="1", auto="1")
    assert owner.post(f"{path}/cancel", version="3", since="1").location == path
    assert (words(owner, path), number(owner, path)) == (ANSWER + "\n", 1)
    # What was saved before the editor was opened stays, however short before.
    owner.post(path, **typed, text="Saved")
    owner.htmx_post(path, text="Saved and more", version="2", since="2", auto="1")
    owner.post(f"{path}/cancel", version="3", since="2")
    assert (words(owner, path), number(owner, path)) == ("Saved", 2)
    # So does what another tab saved meanwhile, also after this one was told of it.
    owner.htmx_post(path, text="Theirs", version="2", since="2", auto="1")
    told = owner.htmx_post(path, text="Mine", version="2", since="2", auto="1")
    assert told.one("#text-since").attributes["value"] == told.one("#text-version").attributes["value"] == "3"
    for version, since in (("2", "2"), ("3", "3"), ("x", "y")):
        assert owner.post(f"{path}/cancel", version=version, since=since).status_code == 303
        assert words(owner, path) == "Theirs"
    give(f"/chats/{program_of(owner).get(f'/texts/{id_of(path)}')['chat_id']}", member, "write")
    member.post(f"{path}/cancel", version="3", since="2")
    assert words(owner, path) == "Theirs", "by another person"


def test_a_text_that_an_editor_has_made_goes_when_it_is_cancelled(owner, answered, fake):
    fake.says(BLOCKS)
    chat = answered(owner, "Report")
    id = owner.page(chat).message_ids[-1]
    editor = owner.page(f"/messages/{id}/texts/edit?block=1")
    assert editor.one("#text-since").attributes["value"] == "0"
    save, cancel = (editor.one(f"#text-form {of}").attributes for of in ("", "[formnovalidate]"))
    owner.htmx_post(save["action"], text="| a | b |", version="1", since="0", auto="1")
    owner.post(cancel["formaction"], version="2", since="0")
    assert owner.page(f"{chat.partition('#')[0]}/texts").says("No texts in the side panel yet.")


def test_a_part_of_a_message_is_changed_before_it_is_a_text(owner, answered, fake):
    fake.says(BLOCKS)
    id = owner.page(answered(owner, "Report")).message_ids[-1]
    page = owner.page(f"/messages/{id}/texts/edit?block=1")
    typed = str(page.one("#text").text(strip=False)).replace("\r", "")
    fake.says("| z | 9 |")
    change = page.all("#text-form button[formaction]")[0].attributes["formaction"]
    made = owner.post(change, text=typed, version="1", part=f"b0-{len(typed.rstrip())}", wish="Shorter")
    assert made.location.startswith("/texts/")


@pytest.mark.parametrize(("language", "ending"), [("svg", "svg"), ("mermaid", "mmd"), ("xml", "xml")])
def test_a_drawing_has_the_ending_of_its_kind(owner, text, language, ending):
    path = text(f"## Look\n\n```{language}\nA\n```", part="block-0")
    assert [link.attributes["href"] for link in owner.page(path).all("a[download]")] == [f"{path}/export?format=file"]
    assert f"Look.{ending}" in owner.get(f"{path}/export?format=file").headers["Content-Disposition"]
    assert owner.get(f"{path}/export?format=md").text.startswith(f"```{'mermaid' if ending == 'mmd' else 'xml'}\n")


@pytest.mark.parametrize(
    ("written", "new"),
    [
        ("```\nFaster.\n```", "Faster."),
        ("\n~~~~md\nFaster.\n~~~~\n", "Faster."),
        ("~~~~\nFaster.\n~~~", "Faster."),
        ("```\n```", ""),
        ("```\nFaster.", "```\nFaster."),
        *((text, text) for text in ("~" * 100_000, "`" * 100_000, "```\n" + "`" * 100_000 + "x")),
    ],
    ids=range(8),
)
def test_a_change_in_a_block_of_code_is_what_is_in_it(written: str, new: str) -> None:
    with takes_at_most(1):
        assert rewritten(written, "Then we walk.", 0, 13) == new
