"""Archives as ChatGPT exports them, of any size: chats in one large file, and pictures beside it that messages refer to."""

import json
import random
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from PIL import Image

VOCABULARY = ("rye", "flour", "water", "stone", "mill", "wheel", "brook", "grain", "sieve", "oats", "barley", "bread", "oven")


def picture(number: int, side: int = 32) -> bytes:
    """Returns a JPEG like no other."""
    file = BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(number).randbytes(side * side * 3)).save(file, "JPEG", quality=90)
    return file.getvalue()


def pointer(number: int) -> str:
    return f"file_{number:012x}"


def node(id: str, parent: str, role: str, parts: list[Any], **metadata: Any) -> dict[str, Any]:
    message = {
        "id": id,
        "author": {"role": role},
        "create_time": 1_700_000_000.0,
        "content": {"content_type": "multimodal_text", "parts": parts},
        "metadata": metadata,
    }
    return {"id": id, "parent": parent or None, "children": [], "message": message}


def chat(number: int, *, messages: int = 4, words: int = 30, pictures: Mapping[int, int] | None = None) -> dict[str, Any]:
    """Returns a chat; `pictures` has the number of the picture in a message, by the number of the message."""
    rng, nodes = random.Random(number), dict[str, Any]()
    for place in range(messages):
        id, above = f"c{number}-m{place}", f"c{number}-m{place - 1}" if place else ""
        text = " ".join(rng.choices(VOCABULARY, k=words))
        shown = (pictures or {}).get(place)
        image = (
            [{"content_type": "image_asset_pointer", "asset_pointer": f"sediment://{pointer(shown)}"}]
            if shown is not None
            else []
        )
        nodes[id] = node(id, above, "assistant" if place % 2 else "user", [*image, text], model_slug="gpt-4o")
        if above:
            nodes[above]["children"].append(id)
    about = {"title": f"Chat {number}", "create_time": 1_700_000_000.0, "conversation_id": f"c-{number}"}
    return {**about, "current_node": f"c{number}-m{messages - 1}", "mapping": nodes}


def archived(chats: Iterable[Any], files: Iterable[tuple[str, bytes]], file: IO[bytes] | Path) -> None:
    """Writes an archive with these chats and these other files, by their paths."""
    with ZipFile(file, "w", ZIP_DEFLATED) as packed:
        with packed.open("conversations.json", "w") as member:
            member.write(b"[")
            for number, value in enumerate(chats):
                member.write((b"," if number else b"") + json.dumps(value).encode())
            member.write(b"]")
        for path, content in files:
            packed.writestr(path, content, compress_type=ZIP_STORED)


def many(chats: int, pictures: int, file: IO[bytes] | Path, *, messages: int = 4, words: int = 30, side: int = 32) -> None:
    """Writes an archive of chats, the first of which have a picture each."""
    values = (chat(at, messages=messages, words=words, pictures={0: at} if at < pictures else None) for at in range(chats))
    files = ((f"{pointer(at)}-sanitized.jpeg", picture(at, side)) for at in range(pictures))
    archived(values, files, file)
