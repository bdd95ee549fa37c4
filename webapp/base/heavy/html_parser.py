"""An HTML parser that takes a time that grows with the page alone, whatever the page is. Pure."""

from html.parser import HTMLParser


class LinearParser(HTMLParser):
    """Skips declarations and comments as browsers do: one without an end takes the rest of the page.

    The library's own methods search the rest again for each: a megabyte of `<!--` takes a minute. `parse_html_declaration` raises
    `AssertionError` for some, too.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def read(self, html: str) -> None:
        """Parses a whole page."""
        # No tag begins behind the last end of one, and the library would search for its end from each beginning.
        tags, end, rest = html.rpartition(">")
        self.feed(tags + end + rest.replace("<", "&lt;"))
        self.close()

    def parse_html_declaration(self, i: int) -> int:
        return self._behind(">", i)

    def parse_comment(self, i: int, report: bool = True) -> int:
        return self._behind("-->", i + 2)

    def parse_pi(self, i: int) -> int:
        return self._behind(">", i)

    def _behind(self, end: str, start: int) -> int:
        at = self.rawdata.find(end, start)
        return at + len(end) if at >= 0 else len(self.rawdata)
