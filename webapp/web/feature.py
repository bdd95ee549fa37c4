"""`Feature`: what a feature registers with the application, such as pages, commands and navigation."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from webapp.base.current import PerApp
from webapp.web.navigation import NavEntry, Navigation

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Feature:
    """What a feature registers; each has one in its `feature.py`, and `create_app` loops over them.

    `setting_checks` validate a new value, by the name of the setting, and raise `Invalid`. `resumes` continue at startup what
    the previous server left unfinished. `brings` holds objects of types that other packages define, such as a `Kind` of
    generation or a `LiveList`: the owner of a type collects them with `brought`.
    `requires` says which permission a blueprint, or one endpoint of it, requires; "" for an endpoint that requires none.
    `blueprints` are import paths, so that a server imports each with its first request (`web/routes.py`), and `commands` by name,
    so that it never does. `modules` are imported at the start, as they have a table, which would otherwise come only with pages.
    """

    blueprints: Sequence[str] = ()
    modules: Sequence[str] = ()
    commands: Mapping[str, str] = field(default_factory=dict)
    navigation: Sequence[NavEntry] = ()
    requires: Mapping[str, str] = field(default_factory=dict)
    setting_checks: Mapping[str, Callable[[Any], None]] = field(default_factory=dict)
    resumes: Sequence[Callable[[], None]] = ()
    brings: Sequence[object] = ()


BROUGHT = PerApp[Mapping[type, list[Any]]]()
NAVIGATION = PerApp[Navigation]()


def brought(sort: type[T]) -> list[T]:
    """Returns the objects of this type from all features, in the order of the features."""
    return BROUGHT.get().get(sort, [])


def by_type(features: Iterable[Feature]) -> Mapping[type, list[Any]]:
    """Groups what these features bring by type."""
    brought_by_type: defaultdict[type, list[Any]] = defaultdict(list)
    for feature in features:
        for contribution in feature.brings:
            brought_by_type[type(contribution)].append(contribution)
    return dict(brought_by_type)
