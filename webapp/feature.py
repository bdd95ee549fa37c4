"""What a feature brings to the application: pages, commands, places in the navigation, and what others have a type for."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Blueprint, current_app

from webapp.sections import Contribute
from webapp.web.places import Place

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Feature:
    """Each feature has one in its `feature.py`; `create_app` loops over them.

    `setting_checks` are asked about a new value, by the name of the setting, and raise `Invalid` for what it cannot be.
    `sections` contribute to what models are asked in chats; `resumes` continue what the last server left undone. `brings` holds
    everything that has a type elsewhere, such as a `Kind` of generation or a `LiveList`: who owns the type asks for them by it.
    `commands` says where each is, as a server never calls one.
    """

    blueprints: Sequence[Blueprint] = ()
    commands: Mapping[str, str] = field(default_factory=dict)
    places: Sequence[Place] = ()
    setting_checks: Mapping[str, Callable[[Any], None]] = field(default_factory=dict)
    sections: Sequence[Contribute] = ()
    resumes: Sequence[Callable[[], None]] = ()
    brings: Sequence[object] = ()


def brought(sort: type[T]) -> list[T]:
    """What all features bring of this type, in their order."""
    by_type: Mapping[type, list[T]] = current_app.extensions["brought"]
    return by_type.get(sort, [])


def by_type(features: Iterable[Feature]) -> Mapping[type, list[Any]]:
    """Everything that these features bring, by its type."""
    found: defaultdict[type, list[Any]] = defaultdict(list)
    for feature in features:
        for each in feature.brings:
            found[type(each)].append(each)
    return dict(found)
