"""Reading archives in the background: all chats once, also over restarts; their pictures and files; what is left out and why."""

import json
from contextlib import suppress
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import func, select, update

from tests.chat.archives.archive import chat, node, picture, pointer
from tests.chat.archives.conftest import begun, over, packed
from tests.chat.files import CHATGPT, CLAUDE, bring
from tests.support.marks import also_on_postgres
from webapp.base.db import db, write
from webapp.base.heavy import child
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.imports import pieces
from webapp.chat.record.tables import Chat, Message
from webapp.settings.service import set_setting
from webapp.workspace.exchange import arrivals, reading, uploads
from webapp.workspace.exchange.tables import READING, ChatImport

PDF_NOTE = "*(notes.txt was here; the export stores it in another file)*"


def counts(app) -> tuple[int, int, int]:
    with app.app_context():
        return tuple(db.session.scalar(select(func.count()).select_from(table)) for table in (Chat, Message, StoredFile))


def contents(app) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(Message.content).order_by(Message.created_at, Message.id)))


def arrived(app, browser, content: bytes) -> str:
    """Stores a whole archive that nothing reads yet."""
    id = begun(browser, len(content)).json["id"]
    with app.app_context():
        arrivals.put(id, 0, content)
        with write() as session:
            session.execute(update(ChatImport).values(stored=len(content), state=READING))
    return id


@also_on_postgres
def test_all_chats_of_an_archive_come_once(member, app, imported):
    content = packed([chat(number) for number in range(30)])

    page = imported(member, content)
    assert page.says("30 new chats, 120 new messages.")
    assert counts(app) == (30, 120, 0)

    page = imported(member, content)
    assert page.says("Nothing new")
    assert counts(app) == (30, 120, 0)
    with app.app_context():
        assert not arrivals.ids()


def test_a_plain_file_comes_the_same_way(member, app, imported):
    assert imported(member, json.dumps(CLAUDE).encode(), "conversations.json").says("1 new chat, 3 new messages.")


def test_pictures_stand_where_they_were(member, app, imported):
    asked = node(
        "u", "", "user", [{"content_type": "image_asset_pointer", "asset_pointer": f"sediment://{pointer(1)}"}, "What is it?"]
    )
    drawn = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-AbC9"}
    answered = node("a", "u", "assistant", ["Like this:", drawn, "A mill."])
    content = packed(
        [{"title": "Mill", "conversation_id": "c", "current_node": "a", "mapping": {"u": asked, "a": answered}}],
        {f"user-1/{pointer(1)}-sanitized.jpeg": picture(1), "dalle-generations/file-AbC9-my mill.webp": picture(2)},
    )

    page = imported(member, content)
    assert page.says("2 pictures")

    question, answer = contents(app)
    assert question.startswith("What is it?\n\n![picture](/files/")
    assert answer.startswith("Like this:\n\n![my mill.webp](/files/")
    assert answer.endswith("\n\nA mill.")
    with app.app_context():
        [chat_id] = db.session.scalars(select(Chat.id))
        files = db.session.scalars(select(StoredFile)).all()
        assert {file.id for file in files} == set(db.session.scalars(select(ChatFile.file_id)))
        ids = [file.id for file in files]
    page = member.page(f"/chats/{chat_id}")
    assert {img.attributes["src"] for img in page.all("article img")} >= {f"/files/{id}" for id in ids}
    assert member.client.get(f"/files/{ids[0]}", base_url=member.origin).mimetype == "image/jpeg"


def test_pictures_are_encoded_again_without_what_they_tell_of_the_place():
    file, exif = BytesIO(), Image.Exif()
    exif[0x010E] = "At the mill"
    Image.new("RGB", (3_000, 30)).save(file, "JPEG", exif=exif)
    content = packed([chat(1, pictures={0: 1})], {f"{pointer(1)}.dat": file.getvalue()})

    found = list(map(pieces.read, list(pieces.pieces(BytesIO(content)))))
    begun = next(piece for piece in found if isinstance(piece, pieces.FileBegun))
    stored = b"".join(piece for piece in found if isinstance(piece, bytes))

    assert begun.picture == {"media_type": "image/jpeg", "width": 2_000, "height": 20}
    assert b"At the mill" not in stored


def test_attachments_come_as_texts_and_are_named_where_they_are_missing(member, app, imported):
    listed = [{"id": "file-Notes1", "name": "notes.txt"}, {"id": "file-Gone1", "name": "plan.pdf"}]
    value = {"title": "A", "conversation_id": "c", "mapping": {"u": node("u", "", "user", ["Read this"], attachments=listed)}}

    page = imported(member, packed([value], {"file-Notes1-notes.txt": b"Oil the wheel."}))

    assert page.says("1 file")
    assert page.says("1 picture or file was left out: plan.pdf: It isn't in the archive.")
    [content] = contents(app)
    assert "notes.txt\n```txt\nOil the wheel.\n```" in content
    assert PDF_NOTE not in content
    assert "*(plan.pdf was here" in content


def test_files_of_claude_are_found_by_id_or_name(member, app, imported):
    id = "0e8c2f6a-3b1d-4c5e-8f70-112233445566"
    message = {
        "uuid": "m",
        "sender": "human",
        "text": "See",
        "files": [{"file_name": "a.png", "file_uuid": id}, {"file_name": "b.png"}],
    }
    value = {"uuid": "k", "name": "Files", "chat_messages": [message]}

    page = imported(member, packed([value], {f"files/{id}/blob": picture(1), "files/b.png": picture(2)}))

    assert page.says("2 pictures")
    assert contents(app)[0].count("](/files/") == 2


def test_names_that_several_files_have_say_nothing(member, app, imported):
    message = {"uuid": "m", "sender": "human", "text": "See", "files": [{"file_name": "a.png"}]}
    value = {"uuid": "k", "name": "Files", "chat_messages": [message]}

    page = imported(member, packed([value], {"x/a.png": picture(1), "y/a.png": picture(2)}))

    assert page.says("a.png: It isn't in the archive.")
    assert "*(a.png was here" in contents(app)[0]


def test_a_file_that_cannot_be_taken_is_named(member, app, imported):
    listed = [{"id": "file-Tone1", "name": "tone.wav"}]
    pointers = [{"content_type": "image_asset_pointer", "asset_pointer": f"sediment://{pointer(1)}"}]
    value = {"title": "A", "conversation_id": "c", "mapping": {"u": node("u", "", "user", [*pointers, "x"], attachments=listed)}}
    files = {"file-Tone1-tone.wav": b"RIFF\0\0\0\0WAVEfmt ", f"{pointer(1)}.png": b"\x89PNG\r\n\x1a\nbroken"}

    page = imported(member, packed([value], files))

    assert page.says("2 pictures and files were left out:")
    assert page.says("tone.wav isn't an image, a document or a text file")
    assert page.says("picture: This image is damaged")
    assert "(tone.wav was here" in contents(app)[0]
    assert "(an image was here" in contents(app)[0]
    assert counts(app) == (1, 1, 0)


def test_files_without_room_are_left_out(member, app):
    arrived(app, member, packed([chat(1, pictures={0: 1, 2: 2})], {f"{pointer(at)}.jpg": picture(at) for at in (1, 2)}))
    with app.app_context():
        set_setting("files.person_megabytes", "1")
        about = {"name": "x", "kind": "text", "media_type": "text/plain", "hash": "0" * 64}
        with write() as session:
            session.add(StoredFile(owner_id=member.person_id, bytes=1024 * 1024, **about))
        reading.wake()

    page = member.wait_for("/import", over)
    assert page.says("2 pictures and files were left out:")
    assert page.says("There's no room for this file")
    assert page.says("1 new chat, 4 new messages.")


def test_one_chat_that_is_too_large_or_too_deep_is_left_out_alone(member, imported):
    deep = b'{"title": "Deep", "mapping": ' + b'{"a": ' * 5_000 + b"1" + b"}" * 5_001
    chats = b"[" + json.dumps(chat(1)).encode() + b"," + deep + b"," + json.dumps(chat(2)).encode() + b"]"

    page = imported(member, chats, "conversations.json")

    assert page.says("2 new chats")
    assert page.says("Deep: It is nested too deeply.")


def test_a_file_that_ends_early_gives_what_it_has(member, app, imported):
    content = json.dumps([chat(1), chat(2)]).encode()[:-40]

    page = imported(member, content, "conversations.json")
    assert page.says("1 new chat, 4 new messages.")
    assert page.says("It is incomplete or isn't JSON.")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\3\4nothing", "damaged or password-protected"),
        (packed([]), "It contains no chats."),
        (b"<html>", "Only web pages that Millrace has exported"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=["no archive", "empty", "a page", "brackets"],
)
def test_what_is_no_export_fails_with_a_sentence(member, app, imported, content, reason):
    page = imported(member, content)

    assert page.says("The file wasn't imported.")
    assert page.says(reason)


# Over restarts


def test_reading_goes_on_where_the_last_process_stopped(member, app):
    id = arrived(app, member, packed([chat(number) for number in range(8)], {f"{pointer(1)}.jpg": picture(1)}))
    with app.app_context(), suppress(child.Exceeded):
        round = reading._next()
        for count, _piece in enumerate(iter_pieces(round)):
            if count == 13:
                break
    with app.app_context():
        row = uploads.own(member.person_id, id)
        assert 0 < row.read < 8
        assert row.state == READING
        read = row.read
        assert db.session.scalar(select(func.count()).select_from(Chat)) in (read, read + 1)

        uploads.resume()
    page = member.wait_for("/import", over)
    assert page.says("8 new chats")
    assert counts(app)[:2] == (8, 32)


def iter_pieces(round):
    """Yields after each piece that a round has stored, which ends with the caller, as a killed process does."""
    storing = round._storing()
    with arrivals.path_of(round.id).open("rb") as file:
        for piece in round._pieces(file):
            storing.take(piece)
            yield piece


def test_a_round_that_reads_nothing_leaves_out_what_it_cannot_read(member, app):
    arrived(app, member, packed([chat(number) for number in range(3)]))
    with app.app_context():
        for attempt in (1, 2):
            round = reading._next()
            assert round.attempts == attempt
            round._skip_if_stuck()
        assert uploads.of_person(member.person_id).read == 1

        reading.wake()
    page = member.wait_for("/import", over)
    assert page.says("2 new chats")
    assert page.says("It needs too much memory or time to import.")


def test_one_that_ends_the_server_again_and_again_fails(member, app):
    arrived(app, member, packed([chat(1)]))
    with app.app_context():
        for _ in range(reading.MOST_ATTEMPTS):
            reading._next()
        reading.work()

    assert member.page("/import").says("It couldn't be read because of an error in Millrace.")


def test_a_file_that_is_gone_is_asked_for_again(member, app):
    id = arrived(app, member, packed([chat(1)]))
    with app.app_context():
        arrivals.remove(id)
        reading.work()

    assert member.page("/import").says("Please choose it again.")


def test_cancelling_keeps_what_was_read(member, app):
    id = arrived(app, member, packed([chat(number) for number in range(6)]))
    with app.app_context():
        round = reading._next()
        for _piece in iter_pieces(round):
            if round.count == 2 and uploads.of_person(member.person_id).state == READING:
                uploads.end(member.person_id, id)

    page = member.page("/import")
    assert page.says("Canceled.")
    assert 2 <= counts(app)[0] <= 4
    with app.app_context():
        assert not arrivals.ids()
        assert not reading.work()


def test_people_take_turns(member, owner, app):
    arrived(app, member, packed([chat(1)]))
    id = begun(owner, 10).json["id"]
    with app.app_context():
        with write() as session:
            session.execute(update(ChatImport).where(ChatImport.id == id).values(state=READING))
        first, second, third = (reading._next().user_id for _ in range(3))
    assert first == third != second


def test_a_small_import_of_the_same_person_waits(member, app):
    arrived(app, member, packed([chat(1)]))
    with app.app_context(), reading.alone(member.person_id):
        assert reading.work()
        assert uploads.of_person(member.person_id).attempts == 0
    assert bring(member, CHATGPT).says("1 new chat")


def test_the_progress_is_told_in_numbers(member, app):
    arrived(app, member, packed([chat(1)]))
    with app.app_context(), write() as session:
        session.execute(update(ChatImport).values(read=12_400, total=20_000, result={"pictures": 1_800}))

    page = member.page("/import")
    assert page.says("12,400 of 20,000 chats · 1,800 pictures")
    assert page.all('noscript meta[http-equiv="refresh"]') or "refresh" in page.text
