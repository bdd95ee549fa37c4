"""The tags of a card as tags of a character: in lower case, shortened, and at most twelve. Pure."""

from collections.abc import Iterator
from typing import Any

MOST_TAGS, TAG_CHARS = 12, 40
# A note quotes one tag, and not all of it.
QUOTED_CHARS = 60


def tags_in(values: Any) -> list[str]:
    """Returns the tags of a character with this card."""
    return list(dict.fromkeys(map(_short, _written(values))))[:MOST_TAGS]


def is_tags_in(values: Any, tags: list[str]) -> bool:
    """Returns whether the tags are still those that were imported from the card."""
    # Earlier releases left out a tag that was too long or had a character that can't be printed.
    earlier = [each for each in _split(values) if 0 < len(each) <= TAG_CHARS and each.isprintable()]
    return tags in (tags_in(values), list(dict.fromkeys(earlier))[:MOST_TAGS])


def tag_notes(values: Any) -> list[str]:
    """Returns sentences about the tags that were shortened or left out."""
    tags, notes = list(dict.fromkeys(_written(values))), list[str]()
    if long := [each for each in tags[:MOST_TAGS] if len(each) > TAG_CHARS]:
        notes.append(f"A tag can have {TAG_CHARS} characters. Shortened: {_quoted(long)}.")
    if left_out := tags[MOST_TAGS:]:
        notes.append(f"A character can have {MOST_TAGS} tags. Left out: {_quoted(left_out)}.")
    return notes


def _written(values: Any) -> Iterator[str]:
    for each in _split(values):
        if tag := "".join(filter(str.isprintable, each)).strip():
            yield tag


def _split(values: Any) -> Iterator[str]:
    texts = (each for each in values if isinstance(each, str)) if isinstance(values, list) else ()
    return (" ".join(tag.split()).lower() for each in texts for tag in each.split(","))


def _short(tag: str) -> str:
    return tag if len(tag) <= TAG_CHARS else f"{tag[: TAG_CHARS - 1].rstrip()}…"


def _quoted(tags: list[str]) -> str:
    """Returns the first of these tags, shortened, and how many more there are."""
    tag, more = tags[0], f" and {len(tags) - 1} more" if tags[1:] else ""
    return f"“{tag if len(tag) <= QUOTED_CHARS else tag[: QUOTED_CHARS - 1].rstrip() + '…'}”{more}"
