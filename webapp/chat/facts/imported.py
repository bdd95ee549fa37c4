"""The sentences in a file or a text that is imported: our own export, what another assistant remembers, or one a line. Pure.

What others give, as of 2026: Claude's archive has `memories.json`, prose in `conversations_memory`, in `project_memories` by id
and in `memory_files` by path. ChatGPT's archive has no memories; people copy the list under *Manage memories*, an entry a line,
or ask for it, each line with its date.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.models.upstream.bounded_json import UnreadableJson, load

MOST_BYTES, MOST_LINES, MOST_PARTS = 1_000_000, 50_000, 30_000
# A list of ChatGPT can begin with a date in brackets.
IS_JSON = re.compile(r"\s*(?:\{|\[\s*[\[{\"\]])")
# The names under which files keep what is remembered, as a list, a text or texts by id; those of Claude are prose.
LISTS, PROSE = ("facts", "memories"), ("conversations_memory", "project_memories", "memory_files")
TEXTS = ("text", "content", "memory")
MARKER = re.compile(r"(?:[-*•–]\s+|\d{1,3}[.)]\s+)?(?:\[[^\]]{0,40}\]\s*[-–:]\s*)?")
HEADING = re.compile(r"#|```|~~~|[-*_=\s]*$|\*\*[^*]*\*\*:?$|.*:$")
SENTENCE_END = re.compile(r"(?<=\w\w\w[.!?])\s+(?=[^\W\d_])(?![a-zà-ÿ])|(?<=[。！？])")


ScopeName = tuple[str, str]
UNKNOWN: ScopeName = ("", "")


class ImportedFact(NamedTuple):
    """A sentence, and the kind and id of its scope, as the file says it."""

    text: str
    scope: ScopeName


def imported(content: bytes, *, most_chars: int) -> Iterator[ImportedFact]:
    """Yields the sentences of a file in their order; a longer text is split into its sentences. Raises `UnreadableJson`."""
    if len(content) > MOST_BYTES or content.count(b"\n") + content.count(rb"\n") > MOST_LINES:
        raise UnreadableJson("too long")
    try:
        text = content.decode("utf-8-sig")
        value = load(text, most_parts=MOST_PARTS) if IS_JSON.match(text) else text
    except UnicodeDecodeError as error:
        raise UnreadableJson("not UTF-8") from error
    waiting: list[tuple[Any, bool, ScopeName]] = [(value, False, UNKNOWN)]
    while waiting:
        value, is_prose, scope = waiting.pop()
        if isinstance(value, str):
            yield from (ImportedFact(line, scope) for line in _lines(value, 0 if is_prose else most_chars))
        elif isinstance(value, list):
            waiting += [(part, is_prose, UNKNOWN) for part in reversed(value)]
        elif isinstance(value, dict):
            waiting += [(value[name], is_prose, _scope(value)) for name in TEXTS if isinstance(value.get(name), str)][:1]
            waiting += [(_listed(value[name]), name in PROSE, UNKNOWN) for name in (*PROSE[::-1], *LISTS) if name in value]


def _listed(value: Any) -> Any:
    """Returns texts by id as a list."""
    return list(value.values()) if isinstance(value, dict) else value


def _scope(fact: JsonObject) -> ScopeName:
    scope = dict_of(fact.get("scope"))
    return str(scope.get("kind")), str(scope.get("id"))


def _lines(text: str, most_chars: int) -> Iterator[str]:
    for line in filter(None, map(str.strip, text.splitlines())):
        sentence = MARKER.sub("", line, count=1)
        if not HEADING.match(sentence):
            yield from [sentence] if len(sentence) <= most_chars else SENTENCE_END.split(sentence)
