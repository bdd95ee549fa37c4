"""The replies that an answer offers: the short list that it ends with. Pure."""

import re

from webapp.rendering.text import plain

# A choice of more, or of longer ones, is read in the text.
LEAST, MOST, MOST_CHARS = 2, 6, 120
# A list at the end of an answer is in its last lines.
READ_CHARS = 2_000
ITEM = re.compile(r"\s{0,3}(?:[-*+•]|\(?(?:\d{1,2}|[A-Za-z])[.)])\s+(\S.*)")


def offered_replies(text: str) -> list[str]:
    """Returns the items of the list at the end of an answer, which at most one question follows."""
    lines = [line for line in text[-READ_CHARS:].splitlines() if line.strip()]
    if len(lines) > 1 and not ITEM.fullmatch(lines[-1]) and lines[-1].rstrip("*_ ").endswith("?"):
        lines.pop()
    items = list[str]()
    while lines and (match := ITEM.fullmatch(lines[-1])):
        items.insert(0, " ".join(plain(match[1]).split()))
        lines.pop()
    # A list without a sentence before it is the answer itself.
    is_choice = bool(lines) and LEAST <= len(items) <= MOST and all(item and len(item) <= MOST_CHARS for item in items)
    return items if is_choice and len(set(items)) == len(items) else []
