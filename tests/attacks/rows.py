"""Tables of routes: under each rule and list of object kinds, a line per route, as method, name and policy."""

from collections.abc import Mapping

Row = tuple[str, str, str, str, tuple[str, ...]]


def rows(table: Mapping[tuple[str, tuple[str, ...]], str]) -> list[Row]:
    """Returns the name, method, policy, rule and object kinds of every route."""
    found = []
    for (rule, things), lines in table.items():
        for line in filter(None, map(str.strip, lines.splitlines())):
            method, name, policy = line.split(" ", 2)
            found.append((name, method, policy, rule, things))
    return found
