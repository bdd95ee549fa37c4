"""Sign-on: a later feature brings it, and the pages of accounts offer it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from webapp.web.feature import brought


@dataclass(frozen=True, slots=True)
class SignOnSession:
    """The session at a provider that a session of ours comes from; `id_token` is encrypted, and empty if it isn't kept."""

    provider_id: str
    provider_subject: str
    provider_session: str
    id_token: str = field(default="", repr=False)
    words: str = ""

    @property
    def columns(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if name != "words"}

    @property
    def without_token(self) -> dict[str, str]:
        """As the signed cookie keeps it while a code is awaited, which has no room for a token."""
        return asdict(self) | {"id_token": ""}

    @classmethod
    def from_cookie(cls, values: dict[str, Any] | None) -> Self | None:
        return cls(**values) if values else None


@dataclass(frozen=True, slots=True)
class SignOnButton:
    """A provider on the sign-in page."""

    name: str
    icon: str
    path: str


@dataclass(frozen=True)
class SignOn:
    """`leaving` returns where the browser with this secret signs out at its provider, too; empty if it has none.

    `confirming` returns where the person with this id can sign on again, to confirm that it is them.
    """

    buttons: Callable[[], list[SignOnButton]]
    leaving: Callable[[str], str]
    confirming: Callable[[str], list[SignOnButton]]


def the_sign_on() -> SignOn:
    (sign_on,) = brought(SignOn)
    return sign_on
