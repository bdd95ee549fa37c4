"""Holders of secrets: each lists its stored secrets, and replaces one that was re-encrypted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.orm import Session

from webapp.web.feature import brought


class Secret(NamedTuple):
    """A stored secret: the id and name of its owner, and its ciphertext."""

    id: str
    name: str
    ciphertext: str


@dataclass(frozen=True)
class Holder:
    """Stores secrets; `kind` is the object type in the audit log.

    `replace` returns whether the old ciphertext was still stored, and so was replaced.
    """

    kind: str
    stored: Callable[[], Sequence[Secret]]
    replace: Callable[[Session, str, str, str], bool]


def stored() -> Iterator[tuple[Holder, Secret]]:
    """Yields every stored secret with its holder."""
    for holder in brought(Holder):
        for secret in holder.stored():
            yield holder, secret
