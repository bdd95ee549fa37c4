"""Where an answer cites its sources, as annotations of OpenAI's kind. Pure."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

CITED = re.compile(r"\[(\d{1,3})\]")
# Three characters that cite become an annotation of half a kilobyte, and what is no source costs time as well: an answer of a
# megabyte would be a hundred of them.
MOST_PLACES = 500


def annotations(text: str, sources: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One for each of the first places where a source is cited; one that isn't cited there stands at the end."""
    known = {each["number"]: each for each in sources if "number" in each}
    found = ((int(each[1]), each.span()) for each in islice(CITED.finditer(text) if known else (), MOST_PLACES))
    places = [(number, span) for number, span in found if number in known]
    cited = {number for number, _ in places}
    places += [(number, (len(text), len(text))) for number in known if number not in cited]
    return [_annotation(known[number], *span) for number, span in places]


def _annotation(source: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
    address = {"title": source.get("title") or "", "url": source.get("url") or ""}
    return {"type": "url_citation", "url_citation": {"start_index": start, "end_index": end, **address}, "source": dict(source)}
