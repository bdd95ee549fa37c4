"""Adds a chat's pictures to requests for models that support images; other models get their names only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from webapp.chat.files import storage
from webapp.chat.files.reference import ids_in, parted
from webapp.chat.files.tables import IMAGE, StoredFile
from webapp.chat.record.model_choice import can, named
from webapp.models.providers.base import ModelRequest, Picture, Turn, named_picture
from webapp.streaming.events import Notice

UNSEEN = Notice("images_left_out", "This model can't see images, so it got only their names.")
# Some servers reject more, and encoding them into a request blocks other greenlets. The newest are sent.
MOST_PICTURES, MOST_BYTES = 20, 12 * 1024 * 1024


def with_pictures(request: ModelRequest, chat_id: str) -> ModelRequest:
    """Returns the request with the pictures of its messages; only pictures that were sent in this chat."""
    ids = ids_in([turn.content for turn in request.turns if turn.role == "user"])
    if not ids:
        return request
    files = {id: file for id, file in storage.in_chat(chat_id, ids).items() if file.kind == IMAGE}
    takes = not files or can(named(request.model), "vision") is not False
    turns = list(seen(request.turns, files if takes else {}))
    notices = request.notices if takes else (*request.notices, UNSEEN)
    return replace(request, turns=tuple(reversed(turns)), notices=notices)


def seen(turns: Sequence[Turn], files: Mapping[str, StoredFile]) -> Iterator[Turn]:
    """Yields the turns with their pictures, newest first, so that the most recent pictures get the available room."""
    room, left = MOST_PICTURES, MOST_BYTES
    for turn in reversed(turns):
        text, references = parted(turn.content) if turn.role == "user" else (turn.content, ())
        if not references:
            yield turn
            continue
        there = [reference for reference in references if reference.is_picture and reference.id in files][:room]
        sizes = accumulate(files[reference.id].bytes for reference in there)
        shown = [reference for reference, size in zip(there, sizes, strict=True) if size <= left]
        room -= len(shown)
        left -= sum(files[reference.id].bytes for reference in shown)
        others = (reference for reference in references if reference not in shown)
        names = (named_picture(reference.name) if reference.is_picture else f"[File: {reference.name}]" for reference in others)
        content = "\n\n".join(part for part in (text, *names) if part)
        found = ((files[reference.id], reference.name) for reference in shown)
        pictures = tuple(Picture(file.media_type, storage.path_of(file.hash), name) for file, name in found)
        yield replace(turn, content=content, pictures=pictures)
