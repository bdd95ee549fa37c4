"""What an answer is asked for: the texts of a person's messages, as they are searched for."""

from collections.abc import Sequence

from webapp.chat.files.reference import parted
from webapp.chat.record import paths
from webapp.knowledge import formats


def texts_to(message_id: str | None) -> Sequence[str]:
    """Returns the texts of a person's messages down to a message, without hidden ones."""
    path = paths.messages_to(message_id) if message_id else []
    return [message.content for message in path if message.role == "user" and not message.is_hidden]


def words_of(content: str) -> str:
    """Returns the search text of a message: without its file references or, if it is otherwise empty, the file names."""
    words, files = parted(content)
    return words or "\n".join(formats.stem(file.name) for file in files)
