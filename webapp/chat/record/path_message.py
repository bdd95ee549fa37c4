"""A message as prompts need it. Pure."""

from typing import NamedTuple

NEW_LINE = "\n"


class PathMessage(NamedTuple):
    """The parts of a message that a model is sent, a fraction of what a `Message` of a long chat takes.

    `speaker` is the speaker's name; it is used in groups only. A person has hidden the message from models if it `is_hidden`.
    """

    id: str
    role: str
    content: str
    speaker: str = ""
    is_hidden: bool = False

    @property
    def is_sent(self) -> bool:
        """Whether models are sent the message, if there is room for it."""
        return bool(self.content) and not self.is_hidden

    @property
    def sent_text(self) -> str:
        """The text as sent to a model, with the speaker's name in front; some models write the name themselves."""
        if not self.speaker or self.content.startswith(f"{self.speaker}:"):
            return self.content
        # A reference to a picture or file must be on a line of its own.
        return f"{self.speaker}:{NEW_LINE if self.content.startswith(('![', '[')) else ' '}{self.content}"
