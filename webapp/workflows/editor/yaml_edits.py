"""Changes single values in a YAML text; every other character stays as it is. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any

from webapp.base import yaml_text
from webapp.base.yaml_text import Path, UnreadableYaml, YamlDocument, YamlSpan

# Line breaks of YAML that forms don't send, and what it can't hold.
UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
COMMENT = re.compile(r"(?:^|\s)#", re.MULTILINE)
QUOTED = '"'
NULL_SPAN = YamlSpan(0, 0, 0, "")


class UneditableYaml(ValueError):
    """Raised if the text with the change wouldn't mean what was wanted, and nothing else."""


class YamlEdits:
    """Changes that are collected for one text, and then made at once."""

    def __init__(self, source: str, document: YamlDocument) -> None:
        self.source, self.document = source, document
        self._edits: list[tuple[int, int, str]] = []
        self._wanted: list[tuple[Path, Any]] = []

    def put(self, path: Path, value: Any) -> None:
        """Sets the value of a name in a mapping; None removes the name, and a new one is written behind the others."""
        value = UNFIT.sub(" ", value) if isinstance(value, str) else value
        self._wanted.append((path, value))
        span = self.document.spans.get(path)
        if value is None:
            if span:
                self._edits.append(self._removal(path, span))
        elif span:
            if isinstance(value, list | dict) and COMMENT.search(self.source, span.start, span.end):
                raise UneditableYaml(path[-1])
            self._edits.append((*self._replaced(span), self._gap(span) + self._written(path, value, span)))
        else:
            self._edits.append(self._addition(path, value))

    def text(self) -> str:
        """Returns the text with all changes; raises `UneditableYaml`."""
        text = self.source
        # Of several additions behind the same value, the first comes first.
        edits = sorted(self._edits, key=lambda edit: edit[:2])
        for start, end, words in reversed(edits):
            text = text[:start] + words + text[end:]
        expected = self.document.value
        for path, value in self._wanted:
            expected = _with(expected, path, value)
        try:
            value = yaml_text.read(text, "workflow").value
        except UnreadableYaml as error:
            raise UneditableYaml(text) from error
        if _comparable(value) != _comparable(expected):
            raise UneditableYaml(text)
        return text

    def _written(self, path: Path, value: Any, span: YamlSpan = NULL_SPAN) -> str:
        in_brackets = self._is_in_brackets(path)
        if not isinstance(value, str):
            return scalar(value, in_brackets=in_brackets)
        if span.style in ("|", ">") and not in_brackets and not value[:1].isspace():
            head, _, rest = self.source[span.start : span.end].partition("\n")
            indent = re.match(r"\n* *", rest)
            # With a number in its head, the text can begin with spaces.
            if indent and not re.search(r"\d", head.partition("#")[0]):
                return _block(value, head.replace(">", "|", 1) if "\n" in value else head, len(indent[0].rpartition("\n")[2]))
        is_last = not self.source[span.end : self._line_end(span.end)].strip() or span is NULL_SPAN
        if "\n" in value and is_last and not in_brackets and not value[0].isspace():
            return _block(value, "|-", self._column(self.document.spans[path[:-1]].start) + 2)
        return scalar(value, style=span.style, in_brackets=in_brackets)

    def _replaced(self, span: YamlSpan) -> tuple[int, int]:
        """Returns what is replaced: a list over several lines with the line break before it."""
        if not span.style and self.source[span.start : span.start + 2] in ("- ", "-\n"):
            start = len(self.source[: span.start].rstrip())
            # Between a name and its list, there can be a comment.
            return (start, span.end) if self.source[start - 1] == ":" else (span.start, span.end)
        return span.start, span.end

    def _gap(self, span: YamlSpan) -> str:
        return " " if self.source[: self._replaced(span)[0]].endswith(":") else ""

    def _addition(self, path: Path, value: Any) -> tuple[int, int, str]:
        *parents, name = path
        if not isinstance(_at(self.document.value, tuple(parents)), dict):
            raise UneditableYaml(name)
        parent = self.document.spans[tuple(parents)]
        # As in JSON, if the names there are in quotation marks.
        if self.source[parent.start :].startswith("{") and self.source[parent.start + 1 :].lstrip().startswith('"'):
            words = f'"{name}": {scalar(value, style=QUOTED, in_brackets=True)}'
        else:
            words = f"{name}: {self._written(path, value)}"
        return self._behind(tuple(parents), words)

    def _behind(self, path: Path, words: str) -> tuple[int, int, str]:
        """Returns the addition of words behind the last part of a mapping."""
        parent = self.document.spans[path]
        if parent.style == "{":
            ends = [span.end for other, span in self.document.spans.items() if other and other[:-1] == path]
            place = max(ends, default=parent.start + 1)
            return place, place, f", {words}" if ends else words
        place = self._line_end(parent.end)
        return place, place, f"\n{' ' * self._column(parent.start)}{words}"

    def with_item(self, path: Path, words: str) -> str:
        """Returns the text with words behind the last part of a mapping, without the other changes."""
        start, end, words = self._behind(path, words)
        return self.source[:start] + words + self.source[end:]

    def _removal(self, path: Path, span: YamlSpan) -> tuple[int, int, str]:
        """Returns the cut of a name and its value; where that would touch a comment or a step's dash, the value is emptied."""
        siblings = [other for key, other in self.document.spans.items() if key and key[:-1] == path[:-1]]
        before = [other for other in siblings if other.key < span.key]
        end = self._line_end(span.end)
        line_start = self.source.rfind("\n", 0, span.key) + 1
        cut = (0, 0)
        if self._is_in_brackets(path):
            cut = (max(before, key=lambda other: other.key).end, span.end) if before else (0, 0)
        elif not self.source[line_start : span.key].strip():
            cut = (max(line_start - 1, 0), end)
        if cut == (0, 0) or "#" in self.source[cut[0] : cut[1]]:
            return (*self._replaced(span), f"{self._gap(span)}null")
        return (*cut, "")

    def _is_in_brackets(self, path: Path) -> bool:
        parents = (self.document.spans.get(path[:depth]) for depth in range(len(path)))
        return any(parent.style in ("[", "{") for parent in parents if parent)

    def _column(self, index: int) -> int:
        return index - self.source.rfind("\n", 0, index) - 1

    def _line_end(self, index: int) -> int:
        end = self.source.find("\n", index)
        return len(self.source) if end < 0 else end


def scalar(value: Any, *, style: str = "", in_brackets: bool = False) -> str:
    """Writes a value on one line, a text in the quotation marks that it had, if it needs any."""
    if isinstance(value, Mapping):
        parts = (f"{scalar(str(name), in_brackets=True)}: {scalar(part, in_brackets=True)}" for name, part in value.items())
        return f"{{{', '.join(parts)}}}"
    if isinstance(value, list):
        return f"[{', '.join(scalar(item, style=style, in_brackets=True) for item in value)}]"
    if not isinstance(value, str):
        return json.dumps(value)
    if style == "'" and "\n" not in value:
        return "'" + value.replace("'", "''") + "'"
    is_plain = style != '"' and "\n" not in value and _reads_as(value, in_brackets=in_brackets)
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def _reads_as(text: str, *, in_brackets: bool) -> bool:
    """Returns whether a text without quotation marks means itself."""
    try:
        value = yaml_text.read(f"[{{a: {text}}}]" if in_brackets else f"- a: {text}", "text").value
    except UnreadableYaml:
        return False
    return bool(value == [{"a": text}])


def _block(value: str, head: str, indent: int) -> str:
    return "\n".join([head, *(f"{' ' * indent}{line}" if line else "" for line in value.split("\n") if value)])


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _with(value: Any, path: Path, new: Any) -> Any:
    """Returns a copy of a value in which this part is another one."""
    if not path:
        return new
    part, *rest = path
    if isinstance(value, Mapping):
        return {**value, part: _with(value.get(part), tuple(rest), new)}
    return [_with(item, tuple(rest), new) if number == part else item for number, item in enumerate(value)]


def _comparable(value: Any) -> Any:
    """Returns a value as the parser of workflows takes it: an empty part is none, and the ends of texts don't matter."""
    if isinstance(value, Mapping):
        return {str(name): _comparable(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_comparable(part) for part in value]
    return value.strip() if isinstance(value, str) else value
