"""What an answer is asked for: the texts of a person's messages, as they are searched for."""

from collections.abc import Iterable

from webapp.chat.files.reference import parted
from webapp.chat.record.paths import PathMessage
from webapp.knowledge import formats


def texts_of(path: Iterable[PathMessage]) -> list[str]:
    """Returns the texts of a person's messages among these, without hidden ones."""
    return [message.content for message in path if message.role == "user" and not message.is_hidden]


def words_of(content: str) -> str:
    """Returns the search text of a message: without its file references or, if it is otherwise empty, the file names."""
    words, files = parted(content)
    return words or "\n".join(formats.stem(file.name) for file in files)
