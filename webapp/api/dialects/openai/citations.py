"""Where an answer cites its sources, as annotations of OpenAI's kind. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

CITED = re.compile(r"\[(\d{1,3})\]")


def annotations(text: str, sources: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One for each place where a source is cited; one that isn't cited stands at the end."""
    known = {each["number"]: each for each in sources if "number" in each}
    places = [(int(found[1]), found.span()) for found in CITED.finditer(text) if int(found[1]) in known]
    cited = {number for number, _ in places}
    places += [(number, (len(text), len(text))) for number in known if number not in cited]
    return [_annotation(known[number], *span) for number, span in places]


def _annotation(source: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
    address = {"title": source.get("title") or "", "url": source.get("url") or ""}
    return {"type": "url_citation", "url_citation": {"start_index": start, "end_index": end, **address}, "source": dict(source)}
