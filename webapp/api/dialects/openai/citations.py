"""The citations in an answer, as annotations in OpenAI's format. Pure."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

CITED = re.compile(r"\[(\d{1,3})\]")
# A citation of three characters becomes an annotation of half a kilobyte, and brackets that cite no source take time too:
# without a limit, an answer of a megabyte would become a hundred.
MOST_PLACES = 500


def annotations(text: str, sources: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns an annotation for each of the first citations; a source that none of them cites is annotated at the text's end."""
    known = {each["number"]: each for each in sources if "number" in each}
    found = ((int(each[1]), each.span()) for each in islice(CITED.finditer(text) if known else (), MOST_PLACES))
    places = [(number, span) for number, span in found if number in known]
    cited = {number for number, _ in places}
    places += [(number, (len(text), len(text))) for number in known if number not in cited]
    return [_annotation(known[number], *span) for number, span in places]


def _annotation(source: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
    address = {"title": source.get("title") or "", "url": source.get("url") or ""}
    return {"type": "url_citation", "url_citation": {"start_index": start, "end_index": end, **address}, "source": dict(source)}
