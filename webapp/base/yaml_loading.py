"""Parses YAML with source positions. Imported when the first text is read, because PyYAML is large. Pure."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from webapp.base.yaml_document import Path, UnreadableYaml, YamlDocument, YamlSpan
from webapp.base.yaml_faults import HINT, ParserMessage, explained


class _Loader(yaml.SafeLoader):
    """Loads dates as strings, as in JSON, and rejects aliases, with which a short text could expand without limit."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise UnreadableYaml(
                "YAML anchors and aliases aren't supported here.", mark.line + 1, mark.column + 1, hint="Write it out instead."
            )
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def loaded(source: str) -> YamlDocument:
    """Parses the text; raises `UnreadableYaml`."""
    try:
        return _document(source)
    except UnreadableYaml:
        raise
    except yaml.MarkedYAMLError as error:
        at, since = _position(error.problem_mark), _position(error.context_mark)
        said = ParserMessage(error.problem or "", at or since or (1, 1), error.context or "", since)
        raise _unreadable(source, said) from error
    except yaml.reader.ReaderError as error:
        before = source[: error.position]
        said = ParserMessage("unacceptable character", (before.count("\n") + 1, len(before) - before.rfind("\n")))
        raise _unreadable(source, said) from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise UnreadableYaml("There is a value here that can't be stored.", hint=HINT) from error


def _unreadable(source: str, said: ParserMessage) -> UnreadableYaml:
    fault = explained(source, said)
    return UnreadableYaml(fault.message, fault.line, fault.column, hint=fault.hint)


def _position(mark: yaml.Mark | None) -> tuple[int, int] | None:
    return (mark.line + 1, mark.column + 1) if mark else None


def _document(source: str) -> YamlDocument:
    loader = _Loader(source)
    try:
        node = loader.get_single_node()
        value = loader.construct_document(node) if node else None
    finally:
        loader.dispose()
    # Rejects values that JSON, and so no database, can store, and lone surrogates, which could not even be quoted in an error.
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    if not node:
        return YamlDocument(value, {})
    spans: dict[Path, YamlSpan] = {}
    _add_spans(spans, source, node, (), node.start_mark.index)
    return YamlDocument(value, dict(_positions(node, ())), tuple(_repeated(node)), spans)


def _positions(node: yaml.Node, path: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    yield path, (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _positions(value, (*path, str(key.value)))
            # An error about a value points to its key.
            yield (*path, str(key.value)), (key.start_mark.line + 1, key.start_mark.column + 1)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _positions(value, (*path, number))


def _add_spans(spans: dict[Path, YamlSpan], source: str, node: yaml.Node, path: Path, key: int) -> int:
    """Adds the spans of a node and of all below it, and returns where it ends.

    PyYAML lets a list or mapping without brackets, and a text of several lines, end where the next token begins: a list ends with
    its last item, and a text before the line breaks behind it.
    """
    start, end, style = node.start_mark.index, node.end_mark.index, ""
    ends = []
    if isinstance(node, yaml.MappingNode):
        ends = [_add_spans(spans, source, value, (*path, str(name.value)), name.start_mark.index) for name, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        ends = [
            _add_spans(spans, source, value, (*path, number), value.start_mark.index) for number, value in enumerate(node.value)
        ]
    elif isinstance(node, yaml.ScalarNode):
        style = node.style or ""
        end = start + len(source[start:end].rstrip())
    if isinstance(node, yaml.CollectionNode):
        style = source[start] if node.flow_style else ""
        end = end if node.flow_style else max(ends)
    spans[path] = YamlSpan(key, start, end, style)
    return end


def _repeated(node: yaml.Node) -> Iterator[tuple[str, int, int]]:
    """Yields each name that its mapping already has, with its position."""
    if isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield name, key.start_mark.line + 1, key.start_mark.column + 1
            seen.add(name)
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _repeated(child)
