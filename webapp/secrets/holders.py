"""Who keeps secrets: each holder lists its own and brings one under another key."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.orm import Session

from webapp.feature import brought


class Secret(NamedTuple):
    """A stored secret: whose it is, by id and by name, and its ciphertext."""

    id: str
    name: str
    ciphertext: str


@dataclass(frozen=True)
class Holder:
    """`kind` is what the audit log calls its things. `replace` says whether the old ciphertext was still there to be replaced."""

    kind: str
    stored: Callable[[], Sequence[Secret]]
    replace: Callable[[Session, str, str, str], bool]


def stored() -> Iterator[tuple[Holder, Secret]]:
    """Every stored secret with its holder."""
    for holder in brought(Holder):
        for secret in holder.stored():
            yield holder, secret
