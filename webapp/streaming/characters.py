"""Removes characters that a database, browser or JSON parser rejects. Pure."""

REPLACEMENT = "\ufffd"


class Characters:
    """Mends text that arrives in pieces: a pair of surrogates cut in two is joined, a lone one and a NUL are replaced."""

    def __init__(self) -> None:
        self._high = ""

    def feed(self, piece: str) -> str:
        """The text that is certain now; half a character is held back."""
        text = self._high + piece
        self._high = ""
        if text.isascii() and "\0" not in text:
            return text
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._high = text[:-1], text[-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", REPLACEMENT)

    def whole(self, text: str) -> str:
        """A text that does not come in pieces."""
        return self.feed(text) + self.finish()

    def finish(self) -> str:
        """What was held back, if anything."""
        held, self._high = self._high, ""
        return REPLACEMENT if held else ""
