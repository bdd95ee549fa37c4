"""Files in chats: pictures are re-encoded, displayed, and sent to models that accept them; documents become text."""

import io
import re
import zipfile
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from gevent.event import Event as GreenEvent
from markupsafe import Markup
from PIL import Image
from sqlalchemy import select

from tests.api.client import client_of
from tests.chat.conftest import asked, ended, give, id_of
from tests.knowledge.office import docx, paragraph, pdf
from tests.support.marks import on_both_databases
from webapp.base.current import CONFIG
from webapp.base.db import db, utc_now, write
from webapp.base.words import size
from webapp.chat import erasing
from webapp.chat.files import picture, reference, storage
from webapp.chat.files.attachments import folded, joined, parted
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.messages import sending
from webapp.chat.prompt import answer_prompt
from webapp.chat.record.tables import Chat, Message
from webapp.engine.chores import TICKERS
from webapp.engine.engine import ENGINE
from webapp.engine.ladder import AttemptLimits, Ladder, Rung
from webapp.engine.state.circuit import Circuits
from webapp.models.connections.providers import providers
from webapp.models.providers import anthropic, openai
from webapp.models.providers.base import AttachedImage, ModelRequest, Turn
from webapp.operations.health import backups
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.members.service import delete_person
from webapp.streaming.events import Notice
from webapp.streaming.stop import Stop
from webapp.workspace.exchange import export

SECRET = b"taken at home"


def drawn(kind: str = "PNG", size: tuple[int, int] = (8, 6), **how: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, kind, **how)
    return file.getvalue()


def uploaded(browser, content: bytes, name: str = "shot [1].png"):
    """Uploads as the script does; the body is built by hand because the test client keeps large forms in temporary files."""
    head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + b"\r\n--edge--\r\n"
    headers = {"Accept": "application/json"}
    kind = "multipart/form-data; boundary=edge"
    return browser.client.post("/files", data=body, headers=headers, content_type=kind, buffered=True)


def folder(app) -> list[Path]:
    return [path for path in CONFIG.of(app).files_dir.glob("*/*") if path.is_file()]


def test_a_picture_is_written_anew():
    exif = Image.Exif()
    # The picture is rotated and its metadata contains where it was taken.
    exif[0x0112], exif[0x010E] = 6, SECRET.decode()
    (kept,) = picture.pieces(io.BytesIO(drawn("JPEG", (3000, 100), exif=exif)))
    content = b64decode(kept["content"])
    assert (kept["media_type"], kept["height"] <= 2000, kept["width"] < kept["height"]) == ("image/jpeg", True, True)
    assert SECRET not in content
    assert Image.open(io.BytesIO(content)).format == "JPEG"
    assert next(picture.pieces(io.BytesIO(drawn("GIF"))))["media_type"] == "image/png"
    for bad in (b"\x89PNG\r\n\x1a\n" + b"\0" * 90, drawn()[:-30], b"<svg/>", drawn("BMP")):
        assert "refused" in next(picture.pieces(io.BytesIO(bad)))
    large = drawn().replace((8).to_bytes(4) + (6).to_bytes(4), (60_000).to_bytes(4) * 2)
    assert "refused" in next(picture.pieces(io.BytesIO(large)))


def test_what_nobody_can_read_around_a_picture_does_not_matter():
    odd = b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\x01"
    odd += b"\t\0\x05\0\0\0\x01\0\0\0&\0\0\0\0\0\0\0\x03\0\0\0\x02"
    (kept,) = picture.pieces(io.BytesIO(drawn("JPEG", exif=odd)))
    assert (kept["width"], kept["height"]) == (6, 8)


def test_references_stand_last_and_come_apart_again():
    one, two = (reference.reference(name, id * 26).written for name, id in (("a](b\n.png", "1"), ("", "2")))
    content = joined("Look", [one, "a.md\n```md\nx\n```", two])
    typed, files = parted(content)
    assert (typed, [file.url for file in files]) == ("Look", ["", f"/files/{'1' * 26}", f"/files/{'2' * 26}"])
    assert joined(typed, [file.block for file in files]) == content
    assert parted(f"{one} is it")[1] == ()
    assert parted(one)[0] == ""


def test_many_references_with_gaps_come_apart_in_one_go():
    one = reference.reference("a", "1" * 26)
    gaps = (one.written + "\n" * 20) * 20
    assert reference.parted(f"See\n{gaps}") == ("See", (one,) * 20)
    assert reference.parted(f"{gaps}end") == (f"{gaps}end", ())


def test_nothing_that_is_typed_goes_missing_beside_a_picture(app):
    picture = reference.reference("a", "1" * 26).written
    for typed in ("Hello\n", "Hello\n\n```\ncode", "Hello\n\n> quoted\n"):
        content = joined(typed, [picture]) if "`" in typed else typed + picture
        with app.app_context():
            said = sending.message_input(content)
        html = str(folded(Markup(said.html), said.content))
        assert (html.startswith("<p>Hello</p>"), html.count("<img"), "(/files" in html) == (True, 1, False)
        assert html.count("<div") == html.count("</div>")


def test_only_so_many_bytes_of_pictures_are_sent(app):
    ids = [digit * 26 for digit in "1234"]
    written = [reference.reference(id[0], id).written for id in ids]
    files = {id: StoredFile(id=id, hash=id, media_type="image/png", bytes=5 * 1024 * 1024) for id in ids}
    turns = (Turn("user", "\n".join(written[:2])), Turn("user", "See\n" + "\n".join(written[2:])))
    with app.app_context():
        newest, oldest = answer_prompt.turns_with_pictures(turns, files)
    assert (newest.content, [image.name for image in newest.pictures]) == ("See", ["3", "4"])
    assert (oldest.content, oldest.pictures) == ("[Image: 1]\n\n[Image: 2]", ())


def test_servers_get_pictures_as_they_take_them(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    shot = AttachedImage("image/png", path)
    request = ModelRequest("m", (Turn("user", "See", (shot,)), Turn("user", "and"), Turn("assistant", "I see.")))
    assert openai.messages(request, "instruct")[0]["content"] == [
        {"type": "text", "text": "See"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,YWJj"}},
    ]
    said = anthropic.body(request, "instruct", is_streamed=True)["messages"]
    source = {"type": "base64", "media_type": "image/png", "data": "YWJj"}
    assert said[0]["content"] == [{"type": "image", "source": source}, {"type": "text", "text": "See\n\nand"}]
    assert said[1]["content"] == "I see."


def test_models_that_take_no_pictures_step_in_with_their_names_alone(app, fake, tmp_path):
    fake.behaves([{"status": 404, "json": {"error": {"code": 404, "message": "No endpoints found"}}}, {"says": "Fine."}])
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    there, gone = AttachedImage("image/png", path, "a.png"), AttachedImage("image/png", tmp_path / "none", "b.png")
    request = ModelRequest("fake/plain", (Turn("user", "See", (there, gone)),))
    with app.app_context():
        provider = providers().for_model("fake/plain")
    rungs = [Rung("sees", provider, "sees"), Rung("blind", provider, "blind", takes_pictures=False)]
    climb: dict[str, Any] = {"circuits": Circuits(monotonic), "signal": GreenEvent, "now": monotonic, "jitter": lambda: 0.0}
    events = list(Ladder(request, rungs, AttemptLimits(first_byte=60, ladder=60, total=60), **climb).events(Stop(GreenEvent)))
    first, second = (entry["body"]["messages"][0]["content"] for entry in asked(fake))
    # A file deleted since then is also sent by its name.
    assert first[0] == {"type": "text", "text": "See\n\n[Image: b.png]"}
    assert [part["type"] for part in first] == ["text", "image_url"]
    assert second == "See\n\n[Image: a.png]\n\n[Image: b.png]"
    assert "images_left_out" in [event.code for event in events if isinstance(event, Notice)]


@pytest.mark.slow
def test_a_picture_is_sent_shown_and_seen_by_whoever_sees_the_chat(app, owner, member, stranger, fake):
    fake.says("Teal.")
    told = uploaded(owner, drawn()).get_json()
    assert (told["name"], told["warning"]) == ("shot [1].png", "")
    draft = owner.post("/draft", message="What is it?", part=told["block"])
    assert draft.status_code == 204
    assert owner.page("/").one("#composer-chips img").attributes["src"] == told["url"]

    chat = owner.post("/chats", message="What is it?", part=told["block"]).location
    page = owner.wait_for(chat, ended)
    assert page.one(".message-text .pictures img").attributes["src"] == told["url"]
    assert page.one(".message-text .pictures img").attributes["alt"] == "shot  1 .png"
    content = asked(fake)[0]["body"]["messages"][-1]["content"]
    assert content[0] == {"type": "text", "text": "What is it?"}
    sent = b64decode(content[1]["image_url"]["url"].removeprefix("data:image/png;base64,"))
    served = owner.client.get(told["url"])
    assert (served.data, served.content_type) == (sent, "image/png")
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in served.headers["Content-Security-Policy"]

    # No one else can, until the chat is shared with them; naming the file in a chat of one's own grants no access.
    assert member.get(told["url"]).status_code == 404
    member.wait_for(member.post("/chats", message="Mine?", part=told["block"]).location, ended)
    assert member.get(told["url"]).status_code == 404
    assert asked(fake)[-1]["body"]["messages"][-1]["content"] == "Mine?\n\n[Image: shot  1 .png]"
    give(chat.partition("#")[0], member, "view")
    assert member.client.get(told["url"]).status_code == 200
    assert stranger.get(told["url"]).status_code == 404


@pytest.mark.slow
def test_a_name_in_any_script_is_served(owner):
    told = uploaded(owner, drawn(), "東京 – plan.png").get_json()
    disposition = owner.client.get(told["url"]).headers["Content-Disposition"]
    # The header as a server encodes it on the wire.
    assert disposition.encode("latin-1").endswith(b"filename*=UTF-8''%E6%9D%B1%E4%BA%AC%20%E2%80%93%20plan.png")


@pytest.mark.slow
def test_without_javascript_the_field_takes_pictures_and_documents(owner, fake):
    fake.says("Yes.")
    letter = docx(paragraph("Oil the bearing."))
    fields = {"key": "", "message": "See", "model": ""}
    sent = [(io.BytesIO(drawn()), "a.png"), (io.BytesIO(letter), "b.docx"), (io.BytesIO(pdf(["Wait."])), "c.pdf")]
    answer = owner.send("/chats", {**fields, "file": sent}, follow=False)
    assert answer.status_code == 303, answer.text
    page = owner.wait_for(answer.location, ended)
    text, image = asked(fake)[0]["body"]["messages"][-1]["content"]
    assert text["text"] == "See\n\nb.docx\n```docx\nOil the bearing.\n```\n\nc.pdf\n```pdf\nWait.\n```"
    assert image["type"] == "image_url"
    assert [node.text() for node in page.all(".message-text .file summary span:first-child")] == ["b.docx", "c.pdf"]


@pytest.mark.slow
def test_what_cannot_be_sent_is_refused_with_a_sentence(owner):
    for name, content, says in (
        ("empty.png", b"", "is empty"),
        # Larger than any other form's body can be.
        ("bad.png", b"\x89PNG\r\n\x1a\nno" * 3_000_000, "is damaged"),
        ("tool.exe", b"MZ\0\xff", "isn't an image"),
        ("scan.pdf", pdf([]), "may be a scan"),
    ):
        refused = uploaded(owner, content, name)
        assert (refused.status_code, says in refused.get_json()["detail"]) == (422, True), name


@pytest.mark.slow
@on_both_databases
def test_a_file_goes_with_the_last_message_that_has_it(app, owner, fake):
    fake.says("Teal.")
    told = uploaded(owner, drawn()).get_json()
    chat = owner.post("/chats", message="What?", part=told["block"]).location
    owner.wait_for(chat, ended)
    with app.app_context():
        assert db.session.scalar(select(StoredFile.is_sent))
        erasing.sweep_files()
        assert len(folder(app)) == 1
        source = db.session.scalars(select(Chat.id)).one()
        head = db.session.scalars(select(Message.id).where(Message.role == "assistant")).one()
    taken = owner.client.get("/export.zip")
    with zipfile.ZipFile(io.BytesIO(taken.data)) as archive:
        (kept,) = [name for name in archive.namelist() if name.startswith("files/")]
        assert archive.read(kept) == owner.client.get(told["url"]).data
    with app.app_context():
        person = str(db.session.get_one(Chat, source).owner_id)
        assert len(storage.of_person(person)) == 1
        with write() as session:
            session.get_one(Chat, source).is_temporary = True
        assert storage.of_person(person) == []
        with write() as session:
            session.get_one(Chat, source).is_temporary = False
    fork = owner.post(f"/messages/{head}/fork").location
    with app.app_context():
        assert len(db.session.scalars(select(ChatFile.chat_id)).all()) == 2
        erasing.erase(Chat.id == source)
        erasing.sweep_files()
    assert owner.client.get(told["url"]).status_code == 200
    assert owner.page(fork).one(".pictures img").attributes["src"] == told["url"]
    with app.app_context():
        with write() as session:
            first = session.scalars(select(Message).where(Message.role == "user")).one()
            session.get_one(Chat, first.chat_id).head_id = None
            first.deleted_at = utc_now()
        erasing.erase_branches(Message.deleted_at.is_not(None))
        erasing.sweep_files()
        assert db.session.scalars(select(StoredFile.id)).all() == []
        assert folder(app) == []
    assert owner.get(told["url"]).status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("name", ["letter (2) [new].docx", f"{'long ' * 22}name.docx", "paper.pdf"])
def test_the_original_of_a_short_document_is_kept(app, owner, member, fake, name):
    fake.says("On Friday.")
    content = pdf(["Oil the bearing."]) if name.endswith("pdf") else docx(paragraph("Oil the bearing."))
    told = uploaded(owner, content, name).get_json()
    assert "/files/" not in told["text"]
    chat = owner.post("/chats", message="When?", part=told["block"]).location
    page = owner.wait_for(chat, ended)
    links = {link.text(): str(link.attributes["href"]) for link in page.all(".message-text .file a")}
    assert set(links) == ({"Open", "Download"} if name.endswith("pdf") else {"Download"})
    # The model gets the text alone, once.
    assert str(asked(fake)[0]["body"]["messages"][-1]["content"]).count("Oil the bearing.") == 1
    assert "/files/" not in str(asked(fake)[0]["body"])
    assert "Original of" not in str(asked(fake)[0]["body"])
    saved = owner.client.get(links["Download"])
    assert (saved.data, saved.headers["Content-Disposition"].partition(";")[0]) == (content, "attachment")
    if "Open" in links:
        shown = owner.client.get(links["Open"])
        assert (shown.data, shown.mimetype) == (content, "application/pdf")
        assert shown.headers["Content-Disposition"].startswith("inline")
        assert "object-src 'self'" in shown.headers["Content-Security-Policy"]
    assert member.client.get(links["Download"]).status_code == 404
    # A chip has both, so that they are edited and removed together.
    with app.app_context():
        sent = db.session.scalars(select(Message).where(Message.role == "user")).one()
        typed, files = parted(sent.content)
        assert (typed, [file.block for file in files]) == ("When?", [told["block"]])
        assert joined(typed, [file.block for file in files]) == sent.content
        head = sent.chat_id
        assert [file.hash for file in storage.of_person(owner.person_id)] == [sha256(content).hexdigest()]
        erasing.erase(Chat.id == head)
        erasing.sweep_files()
        assert folder(app) == []


def test_an_original_of_elsewhere_is_no_link(app, owner, fake):
    fake.says("On Friday.")
    block = f"a.docx\n```docx\nOil.\n```\n\n[Original of a.docx](/files/{'0' * 26})"
    page = owner.wait_for(owner.post("/chats", message="When?", part=block).location, ended)
    assert [node.text() for node in page.all(".message-text .file summary span:first-child")] == ["a.docx"]
    assert page.all(".message-text .file a") == page.all(".long-file") == []


@pytest.mark.slow
def test_a_documents_chip_shows_the_size_of_its_file(owner):
    letter = docx(paragraph("Oil the bearing."))
    assert uploaded(owner, letter, "letter.docx").get_json()["size"] == size(len(letter))


@pytest.mark.slow
def test_programs_send_files(app, owner, stranger, fake):
    fake.says("Teal.")
    program = client_of(app, owner.email)
    form = {"file": (io.BytesIO(drawn()), "a.png")}
    made = program.client.post(
        "/api/v1/files", data=form, headers=program.headers, content_type="multipart/form-data", buffered=True
    )
    file = made.get_json()
    assert (made.status_code, file["kind"], file["width"]) == (201, "image", 8)
    begun = program.post("/chats", {"file_ids": [file["id"]]}, status=201)
    page = owner.wait_for(f"/chats/{begun['chat']['id']}", ended)
    assert page.one(".pictures img").attributes["src"] == f"/files/{file['id']}"
    assert program.call("GET", f"/files/{file['id']}").data == owner.client.get(f"/files/{file['id']}").data
    # Another person's file is indistinguishable from one that does not exist, as with collections.
    others = client_of(app, stranger.email)
    theirs = others.post("/chats", {}, status=201)["chat"]["id"]
    for caller, id in ((program, "0" * 26), (others, file["id"])):
        assert caller.said("POST", "/chats", 404, {"file_ids": [id]})["detail"] == "That file doesn't exist, or it isn't yours."
    others.said("POST", f"/chats/{theirs}/messages", 404, {"message": "Look", "file_ids": [file["id"]]})
    others.said("GET", f"/files/{file['id']}", 404)
    (image,) = asked(fake)[0]["body"]["messages"][-1]["content"]
    assert image["type"] == "image_url"


@pytest.mark.slow
def test_what_is_brought_again_is_there(app, owner):
    told = uploaded(owner, drawn()).get_json()
    (lost,) = folder(app)
    lost.unlink()
    assert owner.get(told["url"]).status_code == 404
    assert uploaded(owner, drawn()).get_json()["url"] == told["url"]
    assert owner.client.get(told["url"]).status_code == 200
    with app.app_context(), write() as session:
        # Marked as sent, with its message deleted: the sweep can delete the file at any moment.
        session.scalars(select(StoredFile)).one().is_sent = True
    assert uploaded(owner, drawn()).get_json()["url"] != told["url"]


@pytest.mark.slow
def test_somebody_looks_for_what_is_never_sent_or_left_behind(app, owner, member):
    uploaded(member, drawn())
    assert TICKERS.of(app)["sweeper"].is_running
    del TICKERS.of(app)["sweeper"]
    with app.app_context():
        people = {user.email: user for user in db.session.scalars(select(User))}
        delete_person(people[member.email], member.email, author=PersonAuthor(people[owner.email]))
    assert TICKERS.of(app)["sweeper"].is_running


@pytest.mark.slow
def test_what_is_deleted_while_an_export_is_made_is_left_out(app, owner, fake):
    fake.says("Teal.")
    blocks = [uploaded(owner, drawn(size=(8, height))).get_json()["block"] for height in (6, 7)]
    owner.wait_for(owner.post("/chats", message="See", part=blocks).location, ended)
    with app.app_context():
        person = str(db.session.scalars(select(Chat.owner_id)).one())
    made = b""
    for piece in export.everything(ENGINE.of(app), person):
        made += piece
        if b"files/" in piece:
            for path in folder(app):
                path.unlink()
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert len([name for name in archive.namelist() if name.startswith("files/")]) == 1


@pytest.mark.slow
def test_only_files_make_a_form_large(owner):
    part = '--edge\r\nContent-Disposition: form-data; name="part"\r\n\r\n' + "word " * 500_000 + "\r\n"
    body = f"{part}{part}--edge--\r\n"
    assert owner.client.post("/chats", data=body, content_type="multipart/form-data; boundary=edge").status_code == 413


@pytest.mark.slow
def test_a_backup_goes_on_where_a_file_is_deleted_meanwhile(app, tmp_path):
    with app.app_context():
        storage.put(storage.path_of("ab" * 32), b"content")
        # A dangling link: the name exists, the file does not.
        storage.path_of("ab" * 31 + "cd").symlink_to(tmp_path / "gone")
        assert backups.back_up_files(CONFIG.of(app).files_dir, tmp_path / "copy") == 1


def test_the_folder_holds_what_is_sent_once(app):
    with app.app_context():
        for _ in range(2):
            storage.put(storage.path_of("ab" * 32), b"content")
        assert [path.read_bytes() for path in folder(app)] == [b"content"]
        storage.remove("ab" * 32)
        assert folder(app) == []
        # A failed write leaves nothing behind.
        storage.path_of("ab" * 32).mkdir()
        with pytest.raises(OSError, match="directory"):
            storage.put(storage.path_of("ab" * 32), b"content")
        assert folder(app) == []


@pytest.mark.slow
def test_a_page_that_is_exported_has_its_pictures_in_it(app, owner, fake):
    fake.says("Teal.")
    one, other = (uploaded(owner, drawn(size=size)).get_json() for size in ((8, 6), (6, 8)))
    chat = owner.post("/chats", message="What?", part=[one["block"], other["block"]]).location
    owner.wait_for(chat, ended)
    with app.app_context():
        one_file = db.session.get_one(StoredFile, one["url"].rpartition("/")[2])
        storage.remove(one_file.hash)

    page = owner.client.get(f"/chats/{id_of(chat)}/export.html").text
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 2
    (source,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert b64decode(source) == owner.client.get(other["url"]).data
    assert "img-src data:" in page
    assert "/files/" not in page


def test_a_picture_is_asked_for_again_so_that_nobody_sees_it_after_signing_out(owner):
    url = uploaded(owner, drawn()).get_json()["url"]
    first = owner.client.get(url)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = {"If-None-Match": first.headers["ETag"]}
    assert owner.client.get(url, headers=again).status_code == 304
    assert owner.post("/logout").headers["Clear-Site-Data"] == '"cache", "storage"'
    assert owner.client.get(url, headers=again).status_code != 304
