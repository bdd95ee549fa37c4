"""Character cards in all their versions and containers."""

import json
import struct
import zlib
from base64 import b64encode
from io import BytesIO
from typing import Any

from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.characters.conftest import png
from tests.support.browser import Browser
from tests.support.page import Page

V1: dict[str, Any] = {
    "name": "Mara",
    "description": "<BOT> mills rye.",
    "personality": "Curt.",
    "scenario": "A mill at dusk.",
    "first_mes": "What is it, {{user}}?",
    "mes_example": "<START>\n<USER>: Hello\n<BOT>: Aye.",
}
V2: dict[str, Any] = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        **V1,
        "creator_notes": "Best at night.",
        "system_prompt": "{{original}}Be {{char}}.",
        "post_history_instructions": "Stay curt.",
        "alternate_greetings": ["*Looks up.* You again, {{user}}.", "The mill is closed."],
        "tags": ["Mill", "Calm"],
        "creator": "Jo",
        "character_version": "1.1",
        "extensions": {"depth_prompt": {"prompt": "Rye.", "depth": 4}, "weight": 0.5},
    },
}
V3: dict[str, Any] = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {**V2["data"], "name": "Mara the third", "group_only_greetings": [], "nickname": "M", "source": ["somewhere"]},
}


def as_json(card: Any) -> bytes:
    return json.dumps(card, ensure_ascii=False).encode()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def text_chunk(keyword: bytes, card: Any) -> bytes:
    return chunk(b"tEXt", keyword + b"\0" + b64encode(as_json(card)))


def with_chunks(*chunks: bytes, picture: bytes = b"") -> bytes:
    """Returns a PNG with these chunks before its end."""
    picture = picture or png()
    return picture[:-12] + b"".join(chunks) + picture[-12:]


def bring(browser: Browser, *files: tuple[str, bytes]) -> Page:
    """Uploads card files as the form does."""
    data = {"file": [FileStorage(BytesIO(content), name) for name, content in files]}
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    path = "/characters/import"
    # In memory: the test client doesn't close the file that it writes a large body to.
    boundary, body = encode_multipart(data)
    type = f"multipart/form-data; boundary={boundary}"
    response = browser.client.post(path, data=body, headers=headers, base_url=browser.origin, content_type=type)
    return Page(browser, response)
