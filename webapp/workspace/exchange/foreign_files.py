"""The pictures and files of imported messages: stored as they arrive, and put into the text of their message."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Protocol

from webapp.base.errors import AppError
from webapp.chat.attachments import service as attachment_service
from webapp.chat.files import attachments
from webapp.chat.files.tables import IMAGE
from webapp.chat.imports import pieces
from webapp.chat.imports.filed import FiledMessage

# A paragraph in the place of a file, with the blank line after it or else before it.
PARAGRAPHS = ("{}\n\n", "\n\n{}", "{}")


class FileCounts(Protocol):
    """What counts the files: those that came along, and those that were left out."""

    pictures: int
    documents: int

    def leave_out(self, name: str, reason: str) -> None: ...


class ForeignFiles:
    """Receives the files of messages, which come before them."""

    def __init__(self, user_id: str, result: FileCounts) -> None:
        self._user_id, self._result = user_id, result
        self._begun: pieces.FileBegun | None = None
        self._parts = BytesIO()
        # For each message, the notes that files are missing, each with the Markdown that replaces it.
        self._blocks: dict[str, list[tuple[str, str]]] = {}

    def begin(self, file: pieces.FileBegun, *, is_wanted: bool) -> None:
        """Begins a file; that of a message which is here already is not stored again."""
        self._begun = file if is_wanted else None
        self._parts = BytesIO()

    def take(self, piece: pieces.Piece) -> None:
        match piece:
            case bytes() if self._begun:
                self._parts.write(piece)
            case pieces.FileEnded() if self._begun:
                self._store(self._begun)
            case pieces.LeftOutFile(name, reason):
                self._result.leave_out(name, reason)

    def put_into(self, batch: Sequence[pieces.Rendered]) -> tuple[list[pieces.Rendered], list[str]]:
        """Returns the messages with their files, and the Markdown of these files."""
        blocks, self._blocks = self._blocks, {}
        with_files = [_with(rendered, blocks.get(rendered.message.id, [])) for rendered in batch]
        return with_files, [block for of_message in blocks.values() for _, block in of_message]

    def _store(self, begun: pieces.FileBegun) -> None:
        self._begun = None
        try:
            file = attachment_service.add_foreign(self._user_id, begun.name or "file", self._parts, begun.picture)
            block = attachment_service.block_of(file)
        except AppError as refusal:
            self._result.leave_out(begun.name, refusal.message)
            return
        self._blocks.setdefault(begun.message, []).append((begun.note, block))
        self._result.pictures += file.kind == IMAGE
        self._result.documents += file.kind != IMAGE


def _with(rendered: pieces.Rendered, blocks: Sequence[tuple[str, str]]) -> pieces.Rendered:
    """Returns the message with its files; it is rendered when it is first shown."""
    if not blocks:
        return rendered
    return pieces.Rendered(replace(rendered.message, content=_text(rendered.message, blocks)), "", 0)


def _text(message: FiledMessage, blocks: Sequence[tuple[str, str]]) -> str:
    """Returns the text with its files: a person's at the end, a model's where they were."""
    content = message.content
    if message.role != "user":
        for note, block in blocks:
            content = content.replace(note, block, 1) if note in content else f"{content}\n\n{block}"
        return content
    for note, _ in blocks:
        paragraph = next((form.format(note) for form in PARAGRAPHS if form.format(note) in content), "")
        content = content.replace(paragraph, "", 1) if paragraph else content
    return attachments.joined(content, [block for _, block in blocks])
