"""Archives that are sent in pieces: begun, continued, refused, cancelled and swept."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from tests.chat.archives.archive import chat
from tests.chat.archives.conftest import begun, over, packed, piece, sent
from webapp.base.db import db, utc_now, write
from webapp.chat.imports import MOST_ARCHIVE_BYTES, PIECE_BYTES
from webapp.people.members.service import erase_person
from webapp.settings.service import set_setting
from webapp.workspace.exchange import arrivals, uploads
from webapp.workspace.exchange.tables import ChatImport

CONTENT = bytes(range(256)) * 20


def stored(app: Flask, id: str) -> bytes:
    with app.app_context():
        return arrivals.path_of(id).read_bytes()


def test_pieces_come_one_after_the_other(member, app):
    told = begun(member, len(CONTENT)).json
    assert (told["stored"], told["state"]) == (0, "uploading")

    assert piece(member, told["id"], 0, CONTENT[:2_000]).json["stored"] == 2_000
    assert stored(app, told["id"]) == CONTENT[:2_000]
    page = member.page("/import")
    assert page.says("chatgpt.zip")
    assert page.says("2 KB of 5 KB sent")
    assert page.one("#import progress").attributes["value"] == "2000"


def test_the_same_file_goes_on_where_it_stopped(member):
    first = begun(member, len(CONTENT)).json
    piece(member, first["id"], 0, CONTENT[:2_000])

    assert begun(member, len(CONTENT)).json == {"id": first["id"], "stored": 2_000, "state": "uploading"}


def test_a_file_that_is_gone_begins_anew(member, app):
    id = begun(member, len(CONTENT)).json["id"]
    piece(member, id, 0, CONTENT[:2_000])
    with app.app_context():
        arrivals.remove(id)

    assert begun(member, len(CONTENT)).json == {"id": id, "stored": 0, "state": "uploading"}


def test_a_piece_that_is_not_the_next_is_ignored_and_told(member, app):
    id = begun(member, len(CONTENT)).json["id"]
    piece(member, id, 0, CONTENT[:2_000])

    for at in (0, 1_999, 2_001, 4_000, -1):
        assert piece(member, id, at, b"x").json["stored"] == 2_000
    assert stored(app, id) == CONTENT[:2_000]


@pytest.mark.parametrize("content", [b"", CONTENT + b"x"], ids=["empty", "past the end"])
def test_a_piece_of_no_size_is_refused(member, content):
    id = begun(member, len(CONTENT)).json["id"]

    assert piece(member, id, 0, content).status_code == 422


def test_a_piece_has_its_bound(member):
    id = begun(member, MOST_ARCHIVE_BYTES).json["id"]

    assert piece(member, id, 0, bytes(PIECE_BYTES + 1)).status_code == 413
    assert piece(member, id, 0, bytes(PIECE_BYTES)).json["stored"] == PIECE_BYTES


@pytest.mark.parametrize(
    ("size", "mark", "status"),
    [("0", "", 422), ("x", "", 422), ("-1", "", 422), ("1", "m" * 41, 422), (str(MOST_ARCHIVE_BYTES + 1), "", 413)],
)
def test_a_file_that_cannot_be_sent_is_refused(member, size, mark, status):
    assert member.post("/imports", name="a.zip", size=size, mark=mark).status_code == status


@pytest.mark.parametrize("name", ["", "a\0.zip", "a" * 256])
def test_a_file_needs_a_name(member, name):
    assert member.post("/imports", name=name, size="1").status_code == 422


def test_another_file_is_refused_until_the_first_is_cancelled(member):
    id = begun(member, 10, "first.zip").json["id"]

    refused = begun(member, 10, "second.zip")
    assert refused.status_code == 409
    assert "first.zip" in refused.text

    assert member.post(f"/imports/{id}/end").status_code == 303
    assert begun(member, 10, "second.zip").status_code == 200


def test_files_count_toward_the_space_of_a_person(member, app):
    with app.app_context():
        set_setting("files.person_megabytes", "1")

    refused = begun(member, 2_000_000)
    assert refused.status_code == 422
    assert "no room" in refused.text


def test_cancelling_removes_the_file(member, app):
    id = begun(member, len(CONTENT)).json["id"]
    piece(member, id, 0, CONTENT[:2_000])

    member.post(f"/imports/{id}/end")

    with app.app_context():
        assert not arrivals.ids()
    assert not member.page("/import").all("#import section")
    assert piece(member, id, 2_000, b"x").status_code == 404


def test_no_one_else_has_any_part_in_it(member, owner):
    id = begun(member, len(CONTENT)).json["id"]

    assert piece(owner, id, 0, b"x").status_code == 404
    assert owner.post(f"/imports/{id}/end").status_code == 404
    assert not owner.page("/import").all("#import section")
    assert begun(owner, 10, "second.zip").status_code == 200


def test_what_gets_no_piece_for_a_day_is_removed(member, app):
    id = begun(member, len(CONTENT)).json["id"]
    piece(member, id, 0, CONTENT[:2_000])
    with app.app_context():
        assert uploads.sweep()
        assert arrivals.ids() == {id}
        with write() as session:
            session.execute(update(ChatImport).values(touched_at=utc_now() - timedelta(days=1, seconds=1)))

        assert not uploads.sweep()
        assert not arrivals.ids()
        assert uploads.of_person(member.person_id) is None


def test_what_no_row_names_is_swept(member, app):
    with app.app_context():
        arrivals.put("0" * 26, 0, b"x")

        uploads.sweep()
        assert not arrivals.ids()


def test_it_goes_with_its_account(owner, member, app):
    id = begun(member, len(CONTENT)).json["id"]
    piece(member, id, 0, CONTENT[:2_000])

    with app.app_context():
        erase_person(member.email)
        assert db.session.get(ChatImport, id) is None
        assert not arrivals.ids()


def test_an_import_that_is_over_is_closed(member):
    sent(member, packed([chat(1)]))
    page = member.wait_for("/import", over)
    assert page.says("1 new chat, 4 new messages.")

    [form] = list(page.all("#import form"))
    member.post(str(form.attributes["action"]))
    assert not member.page("/import").all("#import section")


def test_the_next_takes_the_place_of_one_that_is_over(member):
    sent(member, packed([chat(1)]))
    member.wait_for("/import", over)

    assert begun(member, 10, "second.zip").json["stored"] == 0
    assert member.page("/import").says("second.zip")
