"""`POST /api/v1/images`: a picture that is made or changed, its file, its price, and requests that are repeated or refused."""

from base64 import b64decode, b64encode
from io import BytesIO
from typing import Any
from zlib import crc32

import pytest
from sqlalchemy import select

from tests.api.client import Client, client_of
from tests.chat.test_files import drawn
from tests.upstream.server import EDITS, PICTURES
from webapp.base.db import db
from webapp.chat.files.tables import ChatFile
from webapp.engine.drawing import MAYBE_PAID
from webapp.engine.tables import Generation
from webapp.models.connections.purposes import PICTURE_MODEL
from webapp.settings.service import set_setting
from webapp.workspace.drawing.service import KIND, MOST_PROMPT

MODEL, OTTER = "openai/gpt-image-1", {"prompt": "An otter"}


@pytest.fixture(autouse=True)
def model(app) -> None:
    with app.app_context():
        set_setting(PICTURE_MODEL, MODEL)


def replies(fake, at: str = PICTURES, content: bytes = b"", **more: Any) -> None:
    fake.always({"json": {"data": [{"b64_json": b64encode(content or drawn()).decode()}], **more}}, at=at)


def requests(fake, at: str = PICTURES) -> list[dict[str, Any]]:
    return [entry for entry in fake.log() if entry["path"].endswith(at)]


def upload(client: Client, content: bytes, name: str = "a.png") -> str:
    form, kind = {"file": (BytesIO(content), name)}, "multipart/form-data"
    sent = client.client.post("/api/v1/files", data=form, headers=client.headers, content_type=kind, buffered=True)
    return str(sent.get_json()["id"])


def begun(client: Client) -> str:
    """Begins a chat; returns its id."""
    return str(client.post("/chats", {"message": "Hello"}, status=201)["chat"]["id"])


def test_a_picture_is_a_file_with_its_price(app, admin: Client, fake):
    replies(fake, usage={"input_tokens": 9, "output_tokens": 300, "cost": 0.04})
    answer = admin.post("/images", {**OTTER, "size": "1024x1024", "response_format": "b64_json"}, status=201)
    (picture,) = answer["data"]
    content = admin.call("GET", f"/files/{picture['file_id']}").data
    assert b64decode(picture["b64_json"]) == content
    assert picture["url"] == f"/files/{picture['file_id']}"
    assert answer["usage"] == {"input_tokens": 9, "output_tokens": 300, "cost": "0.04"}
    assert requests(fake)[0]["body"] == {"model": MODEL, "prompt": "An otter", "n": 1, "size": "1024x1024"}
    with app.app_context():
        row = db.session.scalars(select(Generation).where(Generation.kind == KIND.name)).one()
        assert (row.status, row.cost, row.output_tokens) == ("completed", "0.04", 300), "it counts as usage"


def test_it_is_a_file_of_the_chat_that_is_named(app, admin: Client, fake):
    replies(fake)
    chat_id = begun(admin)
    (picture,) = admin.post("/images", {**OTTER, "chat_id": chat_id}, status=201)["data"]
    with app.app_context():
        assert db.session.scalars(select(ChatFile.file_id).where(ChatFile.chat_id == chat_id)).all() == [picture["file_id"]]


def test_one_picture_follows_from_others(admin: Client, fake):
    replies(fake)
    replies(fake, at=EDITS)
    (first,) = admin.post("/images", OTTER, status=201)["data"]
    admin.post("/images", {"prompt": "At night", "file_ids": [first["file_id"]]}, status=201)
    (edit,) = requests(fake, EDITS)
    assert 'name="image"; filename="1.png"' in edit["body"]


def test_a_repeated_request_makes_no_second_picture(admin: Client, fake):
    replies(fake)
    first = admin.post("/images", OTTER, status=201, Idempotency_Key="a")
    assert admin.post("/images", OTTER, status=201, Idempotency_Key="a") == first
    assert len(requests(fake)) == 1
    assert admin.post("/images", OTTER, status=201, Idempotency_Key="b")["data"] != first["data"]
    fake.always({"raw": [{"close": "rst"}]}, at=PICTURES)
    failed = admin.post("/images", OTTER, status=503, Idempotency_Key="c")
    assert MAYBE_PAID in failed["detail"]
    again = admin.post("/images", OTTER, status=409, Idempotency_Key="c")
    assert again["detail"].startswith("The first request with this key made no picture.")
    assert len(requests(fake)) == 3


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": " "}, "Say what the picture shows."),
        ({"prompt": "x" * (MOST_PROMPT + 1)}, "prompt"),
        ({**OTTER, "size": "big"}, "size"),
        ({**OTTER, "size": "1024x1024x3"}, "size"),
        ({**OTTER, "model": "demo/quick"}, "There is no model named demo/quick here."),
        ({**OTTER, "file_ids": ["0" * 26] * 17}, "file_ids"),
        ({**OTTER, "n": 2}, "n"),
    ],
)
def test_a_wrong_body_is_refused_before_anything_is_asked(admin: Client, fake, body, says):
    assert says in str(admin.post("/images", body, status=422))
    assert not requests(fake)


def test_only_pictures_that_one_can_see_are_changed(app, admin: Client, stranger, fake):
    text = upload(admin, b"Notes", "a.txt")
    assert "Only pictures can be changed" in str(admin.post("/images", {**OTTER, "file_ids": [text]}, status=422))
    picture, chat_id = upload(admin, drawn()), begun(admin)
    other = client_of(app, stranger.email)
    other.post("/images", {**OTTER, "file_ids": [picture]}, status=404)
    other.post("/images", {**OTTER, "chat_id": chat_id}, status=404)
    assert not requests(fake)


def test_without_a_model_it_says_what_to_do(app, admin: Client):
    with app.app_context():
        set_setting(PICTURE_MODEL, "")
    assert "ask an admin to choose one" in str(admin.post("/images", OTTER, status=422))


def huge() -> bytes:
    """Returns the beginning of a PNG that says to have a hundred megapixels."""
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (10_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    return head + crc32(head[12:]).to_bytes(4, "big") + b"\0\0\0\0IEND\xaeB`\x82"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "It isn't a PNG, JPEG, WebP or GIF."),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 99, "is damaged"),
        (huge(), "more than 60 megapixels"),
    ],
)
def test_what_is_no_picture_is_not_kept_and_counts(app, admin: Client, fake, content, says):
    replies(fake, content=content, usage={"cost": 0.04})
    refused = admin.post("/images", OTTER, status=422)
    assert says in str(refused)
    assert "it may have been paid for" in str(refused)
    with app.app_context():
        assert db.session.scalars(select(Generation.cost).where(Generation.kind == KIND.name)).all() == ["0.04"]


@pytest.mark.parametrize(
    ("behaviour", "status", "says"),
    [
        ({"json": {"error": {"code": "content_policy_violation", "message": "No otters."}}, "status": 400}, 422, "No otters."),
        ({"html": "<p>Sign in"}, 422, "web page"),
        ({"json": {"error": {"message": "Slow down"}}, "status": 429}, 503, "Slow down"),
    ],
)
def test_a_refusal_is_a_sentence(admin: Client, fake, behaviour, status, says):
    fake.always(behaviour, at=PICTURES)
    assert says in str(admin.post("/images", OTTER, status=status))
    assert len(requests(fake)) == 1
