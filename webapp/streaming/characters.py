"""Removes characters that a database, browser or JSON parser rejects. Pure."""

REPLACEMENT = "\ufffd"


class Characters:
    """Repairs text that arrives in pieces: joins a surrogate pair that was split, replaces lone surrogates and NULs."""

    def __init__(self) -> None:
        self._high = ""

    def feed(self, piece: str) -> str:
        """Returns the text that is certain now; half a character is held back."""
        text = self._high + piece
        self._high = ""
        if text.isascii() and "\0" not in text:
            return text
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._high = text[:-1], text[-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", REPLACEMENT)

    def clean(self, text: str) -> str:
        """Repairs a text that is complete."""
        return self.feed(text) + self.finish()

    def finish(self) -> str:
        """Returns a replacement for half a character that was held back, if any."""
        half, self._high = self._high, ""
        return REPLACEMENT if half else ""
