"""Files that calls make: shown below their line, versions, downloads, readers, deletion, and exports."""

import io
import zipfile
from base64 import b64encode
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from tests.api.client import client_of
from tests.chat.conftest import ended, ended_with, give
from tests.chat.test_files import SECRET, drawn, folder, uploaded
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.page import Page
from tests.upstream.server import PICTURES
from webapp.base.db import db, utc_now, write
from webapp.chat import erasing
from webapp.chat.calls.files import CallFiles
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.settings.service import set_setting
from webapp.tools.files import FileText, NewFile
from webapp.tools.tables import Call
from webapp.tools.tool import READS, Result, Tool
from webapp.web.feature import BROUGHT


def writing(name: str = "list.csv", text: str = "a,b\n1,2\n") -> dict[str, Any]:
    return {"tool": "write_file", "arguments": {"name": name, "text": text}}


def asked(browser: Browser, fake, *calls: dict[str, Any], then: str = "Here it is.", tool: str = "write_file") -> Page:
    """Begins a chat whose answer makes these calls, one a round; returns its page."""
    fake.always({"rounds": [*({"calls": [call]} for call in calls), {"says": then}]})
    return browser.wait_for(browser.post("/chats", message="Go", tools=tool).location.partition("#")[0], ended)


def files_of(page: Page) -> list[tuple[str, str]]:
    return [(" ".join(link.text().split()), str(link.attributes["href"])) for link in page.all(".made a[download]")]


def offer(browser: Browser, *files: NewFile, text: str = "", outside: tuple[str, ...] = ()) -> str:
    """Adds a tool that brings these files; returns its key."""
    result, schema = Result(text, outside=outside, files=files), {"type": "object"}
    tool = Tool("bring", "Bring", "Brings.", schema, lambda _: "Brought", lambda *_: result, READS, policy="allow")
    BROUGHT.of(browser.app)[Tool].append(tool)
    return tool.key


BRING = {"tool": "bring", "arguments": {}}


def test_a_file_is_shown_below_its_call_and_downloaded(owner, fake):
    page = asked(owner, fake, writing())
    ((words, url),) = files_of(page)
    assert words == "list.csv 7 bytes"
    saved = owner.client.get(url)
    assert (saved.data, saved.mimetype) == (b"a,b\n1,2", "text/plain")
    assert saved.headers["Content-Disposition"].startswith("attachment; filename=list.csv")
    assert page.all(".calls .call")[0].text(strip=True).startswith("Wrote “list.csv”")
    assert fake.posts()[-1]["body"]["messages"][-1]["content"] == "The person can see and download list.csv."
    call = owner.page(str(page.all(".calls .call")[0].attributes["href"]))
    assert files_of(call) == [(words, url)]


@also_on_postgres
def test_a_word_file_is_kept_and_sent_as_one(owner, fake):
    page = asked(owner, fake, writing("report.docx", "# Report"))
    ((_, url),) = files_of(page)
    assert owner.client.get(url).content_type.endswith("wordprocessingml.document")
    with owner.app.app_context():
        assert db.session.scalars(select(Call.state)).all() == ["done"]


def test_the_same_name_again_makes_a_version(owner, fake):
    page = asked(owner, fake, writing(), writing(text="c\n"), writing(text="c\n"), writing("other.csv"))
    assert [words for words, _ in files_of(page)] == [
        "list.csv 7 bytes",
        "list.csv, version 2 1 byte",
        "list.csv, version 2 1 byte",
        "other.csv 7 bytes",
    ]
    first, second, third, _ = (url for _, url in files_of(page))
    assert second == third
    assert (owner.client.get(first).data, owner.client.get(second).data) == (b"a,b\n1,2", b"c")


def test_a_picture_is_written_anew_and_opened_over_the_page(owner, fake):
    content = drawn("JPEG", (400, 300), comment=SECRET)
    page = asked(owner, fake, BRING, tool=offer(owner, NewFile("a mill.jpg", content), NewFile("notes.md", b"# Notes")))
    image = page.one(".calls .pictures img")
    assert (image.attributes["alt"], image.attributes["width"], image.attributes["height"]) == ("a mill.jpg", "400", "300")
    shown = owner.client.get(str(image.attributes["src"]))
    assert Image.open(io.BytesIO(shown.data)).size == (400, 300)
    assert SECRET not in shown.data
    assert page.one("#lightbox")
    assert [words for words, _ in files_of(page)] == ["notes.md 7 bytes"]


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (NewFile("a.bin", b"\0\1\2" * 50), "a.bin was not kept: a.bin isn't an image, a document or a text file."),
        (NewFile("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 90), "a.png was not kept: This image is damaged"),
        (NewFile("a.txt", b""), "a.txt was not kept: This file is empty."),
        (NewFile("a.txt", b"x" * 2_000_000), "a.txt was not kept: This file is too large. The limit is 1 MB."),
    ],
)
def test_what_is_no_file_of_a_chat_is_told_to_the_model(owner, fake, file, says):
    with owner.app.app_context():
        set_setting("files.megabytes", "1")
    page = asked(owner, fake, BRING, tool=offer(owner, file))
    assert not files_of(page)
    assert says in fake.posts()[-1]["body"]["messages"][-1]["content"]
    with owner.app.app_context():
        assert db.session.scalars(select(Call.state)).all() == ["failed"]
        assert folder(owner.app) == []


def test_a_call_makes_ten_files_at_most(owner, fake):
    files = [NewFile(f"{number}.txt", b"x") for number in range(12)]
    page = asked(owner, fake, BRING, tool=offer(owner, *files, text="All."))
    assert len(files_of(page)) == 10
    assert "The other files were not kept" in fake.posts()[-1]["body"]["messages"][-1]["content"]


def test_programs_get_the_ids_of_files(owner, fake):
    program = client_of(owner.app, owner.email)
    fake.always({"rounds": [{"calls": [writing()]}, {"says": "Here."}]})
    begun = program.post("/chats", {"message": "Go", "tools": ["write_file"]}, status=201)
    owner.wait_for(f"/chats/{begun['chat']['id']}", ended)
    with owner.app.app_context():
        call = db.session.scalars(select(Call)).one()
        id, file_ids = call.id, db.session.scalars(select(ChatFile.file_id)).all()
    assert program.get(f"/calls/{id}")["file_ids"] == file_ids


def test_readers_of_the_chat_open_its_files_and_strangers_do_not(owner, member, stranger, fake):
    page = asked(owner, fake, writing())
    ((_, url),) = files_of(page)
    for browser in (member, stranger):
        assert browser.client.get(url).status_code == 404
    give(page.path, member, "view")
    assert member.client.get(url).data == b"a,b\n1,2"
    assert files_of(member.page(page.path)) == files_of(page)
    assert stranger.client.get(url).status_code == 404
    assert Browser(owner.app).client.get(url).status_code in (302, 303, 401, 404)


@pytest.mark.slow
@on_both_databases
def test_a_file_goes_with_the_last_message_that_made_it(app, owner, fake):
    page = asked(owner, fake, writing(), writing(text="c\n"))
    with app.app_context():
        erasing.sweep_files()
        assert len(folder(app)) == 2
        with write() as session:
            first = session.scalars(select(Message).where(Message.role == "user")).one()
            session.get_one(Chat, first.chat_id).head_id = None
            first.deleted_at = utc_now()
        erasing.erase_branches(Message.deleted_at.is_not(None))
        erasing.sweep_files()
        assert db.session.scalars(select(StoredFile.id)).all() == []
        assert folder(app) == []
    assert owner.get(files_of(page)[0][1]).status_code == 404


def test_a_version_that_another_answer_made_stays(app, owner, fake):
    page = asked(owner, fake, writing())
    owner.post(f"{page.path}/messages", message="Again")
    page = owner.wait_for(page.path, ended_with(4))
    with app.app_context():
        calls = db.session.scalars(select(Call).order_by(Call.id)).all()
        assert calls[0].file_ids == calls[1].file_ids, "the same text is the same file"
        with write() as session:
            files = erasing.referenced_files(session, [calls[0].message_id])
            assert files == {page.path.rpartition("/")[2]: set(calls[0].file_ids)}
            erasing.remove_unreferenced(session, files)
        assert db.session.scalars(select(ChatFile.file_id)).all() == calls[0].file_ids


def test_a_picture_asks_first_and_its_price_counts(owner, fake):
    with owner.app.app_context():
        set_setting("tools.picture_model", "openai/gpt-image-1")
    picture = {"data": [{"b64_json": b64encode(drawn()).decode()}], "usage": {"cost": 0.04}}
    fake.always({"json": picture}, at=PICTURES)
    asked = {"tool": "make_picture", "arguments": {"prompt": "An otter", "name": "otter"}}
    fake.always({"rounds": [{"calls": [asked], "cost": 0.001}, {"says": "Here.", "cost": 0.002}]})
    path = owner.post("/chats", message="Draw", tools="make_picture").location.partition("#")[0]
    page = owner.wait_for(path, lambda page: bool(page.all(".ask")))
    assert page.says("Allow “Create a picture”?")
    assert not [entry for entry in fake.log() if entry["path"].endswith(PICTURES)]
    owner.post(f"/calls/{str(page.one('.ask').attributes['id']).removeprefix('call-')}/decision", decision="allow")
    page = owner.wait_for(path, ended)
    assert page.one(".calls .pictures img").attributes["alt"] == "otter.png"
    result = next(entry for entry in reversed(fake.log()) if entry["path"].endswith("/chat/completions"))["body"]["messages"][-1]
    assert result["content"] == "The person can see and download otter.png.\n\nIt cost $0.04."
    with owner.app.app_context():
        assert Decimal(db.session.scalars(select(Generation.cost).order_by(Generation.id)).all()[0]) == Decimal("0.043")


def test_a_program_knows_which_files_are_of_others(app, owner, member, fake):
    page = asked(owner, fake, BRING, tool=offer(owner, NewFile("far.csv", b"x"), outside=("far.example",)))
    chat_id = page.path.rpartition("/")[2]
    with app.app_context():
        assert CallFiles(chat_id, owner.person_id).names() == ["far.csv"]
        assert CallFiles(chat_id, owner.person_id).read("far.csv") == FileText("x", ("far.example",))
        assert CallFiles(chat_id, member.person_id).read("far.csv") == FileText("x", ("“far.csv”", "far.example"))


def test_a_program_reads_what_the_person_had_written(app, owner, fake):
    page = asked(owner, fake, writing())
    with app.app_context():
        assert CallFiles(page.path.rpartition("/")[2], owner.person_id).read("list.csv") == FileText("a,b\n1,2")


def test_a_program_reads_files_that_are_too_long_for_a_message(app, owner, fake):
    with app.app_context():
        set_setting("files.whole_tokens", "1000")
    rows = "mill,sum\n" + "Weir,1\n" * 2_000
    block = uploaded(owner, rows.encode(), "long.csv").get_json()["block"]
    fake.says("Read.")
    path = owner.post("/chats", message="Sum", part=block).location.partition("#")[0]
    owner.wait_for(path, ended)
    with app.app_context():
        files = CallFiles(path.rpartition("/")[2], owner.person_id)
        assert files.names() == ["long.csv"]
        assert files.read("long.csv") == FileText(rows)


def test_exports_have_the_files(owner, fake):
    page = asked(owner, fake, BRING, tool=offer(owner, NewFile("mill.png", drawn()), NewFile("a <b>.md", b"# Notes")))
    with zipfile.ZipFile(io.BytesIO(owner.client.get("/export.zip").data)) as archive:
        names = [name.rpartition("/")[2] for name in archive.namelist() if name.startswith("files/")]
    assert sorted(names) == ["a  b .md", "mill.png"]
    with owner.app.app_context():
        ids = db.session.scalars(select(Call.file_ids)).one()
    text = owner.get(f"{page.path}/export.md").text
    assert f"![mill.png](/files/{ids[0]})" in text
    assert f"[a  b .md](/files/{ids[1]})" in text
    html = owner.client.get(f"{page.path}/export.html").text
    assert 'src="data:image/png;base64,' in html
    assert "a &lt;b&gt;.md" in html


def test_a_program_reads_a_short_file_of_a_message(owner, member, fake):
    block = uploaded(owner, b"city,n\nBern,1\n", "sales.csv").json["block"]
    path = owner.post("/chats", message="Sum it", part=block).location.partition("#")[0]
    owner.wait_for(path, ended)
    chat_id = path.rpartition("/")[2]
    with owner.app.app_context():
        theirs, others = CallFiles(chat_id, owner.person_id), CallFiles(chat_id, member.person_id)
        assert list(theirs.names()) == ["sales.csv"]
        assert theirs.read("sales.csv") == FileText("city,n\nBern,1")
        assert others.read("sales.csv").outside == ("“sales.csv”",)
        theirs.keep(NewFile("sales.csv", b"city,n\nGenf,2\n"))
        assert theirs.read("sales.csv").text.rstrip() == "city,n\nGenf,2"


def test_a_text_is_not_kept_as_a_picture(owner, fake):
    page = asked(owner, fake, BRING, tool=offer(owner, NewFile("picture-1.png", b"no picture")))
    assert not files_of(page)
    assert "picture-1.png was not kept: It isn't a PNG" in fake.posts()[-1]["body"]["messages"][-1]["content"]
