"""Numbers and texts for sentences: formatted, parsed as people type them, shortened and fenced. Pure."""

import re

from webapp.base.languages import current, ngettext

THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d*)?", re.ASCII)


def number(value: int) -> str:
    """Formats a number like `12,345`."""
    return f"{value:,}"


def plural(count: int, noun: str) -> str:
    """Formats a count like `1 token` or `2,000 tokens`."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def size(count: float) -> str:
    """Formats a number of bytes like `640 bytes`, `12 KB`, `3.4 MB`, `8 MB` or `279 GB`."""
    if count < 1000:
        return ngettext("%(num)s byte", "%(num)s bytes", round(count))
    units = ["KB", "MB", "GB"]
    count /= 1024
    while count >= 1000 and len(units) > 1:
        count /= 1024
        units.pop(0)
    digits = 0 if units[0] == "KB" or count >= 100 else 1
    return f"{current().formats.rounded(count, digits)} {units[0]}"


def shortened(text: str, most_chars: int) -> str:
    """Returns the text, or its beginning with an ellipsis."""
    return text if len(text) <= most_chars else f"{text[: most_chars - 1].rstrip()}…"


def copied(name: str) -> str:
    """Returns the name of a copy, which is at most 120 characters long."""
    return f"{name[:112]} (copy)"


def fence_for(text: str) -> str:
    """Returns the fence of a code block that the text cannot close: longer than any run of backticks in it."""
    return "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))


def without_commas(typed: str) -> str:
    """Returns `1000` for `1,000` and `0.5` for `0,5`; other text remains invalid as a number."""
    text = typed.strip()
    return text.replace(",", "" if THOUSANDS.fullmatch(text) else ".")
