"""Parses YAML with source positions. Imported when the first text is read, because PyYAML is large. Pure."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from webapp.base.yaml_document import Path, UnreadableYaml, YamlDocument

HINT = "Indent with spaces, close every bracket, and put texts with a colon or a # in quotes."


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
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = " ".join(text for text in (error.context, error.problem) if text)
        raise UnreadableYaml(f"That isn't valid YAML: {_short(problem)}", *position, hint=HINT) from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise UnreadableYaml(f"That isn't valid YAML: {_short(str(error))}", hint=HINT) from error


def _document(source: str) -> YamlDocument:
    loader = _Loader(source)
    try:
        node = loader.get_single_node()
        value = loader.construct_document(node) if node else None
    finally:
        loader.dispose()
    # Rejects values that JSON, and so no database, can store, and lone surrogates, which could not even be quoted in an error.
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    return YamlDocument(value, dict(_positions(node, ())), tuple(_repeated(node))) if node else YamlDocument(value, {})


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


def _short(problem: str) -> str:
    return " ".join(problem.split())[:200]
