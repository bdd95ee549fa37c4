"""A growing text as a page updates it: static/js/grow.js in Python."""

import re

EDIT = re.compile(r"([\d ]*)\|(.*)", re.DOTALL)
SIGN = re.compile(r"\\(.)")
SIGNS = {"n": "\n", "c": "<x-c></x-c>", "\\": "\\"}


class Edited:
    """The finished part and the tail, whose edits count UTF-16 code units, as browsers do."""

    def __init__(self, sealed: str = "", tail: str = "") -> None:
        self.sealed, self.tail = sealed, tail

    @property
    def html(self) -> str:
        return self.sealed + self.tail

    def take(self, edit: str) -> None:
        found = EDIT.fullmatch(edit)
        assert found, edit
        numbers, markup = found[1], SIGN.sub(lambda sign: SIGNS[sign[1]], found[2])
        if not numbers:
            assert self.tail.count("<x-c>") == 1
            self.tail = self.tail.replace("<x-c>", f"{markup}<x-c>")
            return
        back, keep, *left = (2 * int(number) for number in numbers.split(" "))
        units = self.tail.encode("utf-16-le")
        units = units[: max(0, len(units) - back)] + markup.encode("utf-16-le") + (units[-keep:] if keep else b"")
        finished = len(units) - left[0] if left else 0
        self.sealed += units[:finished].decode("utf-16-le")
        self.tail = units[finished:].decode("utf-16-le")
