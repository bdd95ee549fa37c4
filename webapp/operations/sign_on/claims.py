"""What follows from what a provider tells of a person: whether they may come in, and what they have here. Pure.

A claim is named as it is in the token, or by its path, such as `realm_access.roles`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

MOST_VALUES = 2_000
# From the most to the least; no one becomes an owner by what another server says.
ROLES = ("admin", "member", "guest")


class ClaimRow(TypedDict):
    """What someone has whose claim has this value; `group` is an id. What a row doesn't give is empty or None."""

    claim: str
    value: str
    role: Literal["", "admin", "member", "guest"]
    group: str
    clearance: int | None


class TooManyValues(Exception):
    """A claim isn't in the token, because it has too many values: what follows from it is unknown."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What rows give someone. `role` and `clearance` are None where no row is about them; `groups` are those of all rows."""

    role: str | None
    clearance: int | None
    groups: Mapping[str, bool]


def rights(rows: Iterable[ClaimRow], claims: Mapping[str, Any], default_role: str) -> Rights:
    """Returns what someone has by these rows; raises `TooManyValues`."""
    rows = list(rows)
    matching = [row for row in rows if row["value"] in values(claims, row["claim"])]
    roles = [row["role"] for row in matching if row["role"] in ROLES]
    levels = [row["clearance"] for row in matching if row["clearance"] is not None]
    mine = {row["group"] for row in matching}
    return Rights(
        min(roles, key=ROLES.index, default=default_role) if any(row["role"] for row in rows) else None,
        max(levels, default=0) if any(row["clearance"] is not None for row in rows) else None,
        {row["group"]: row["group"] in mine for row in rows if row["group"]},
    )


def values(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """Returns the values of a claim as text; raises `TooManyValues`."""
    elsewhere = claims.get("_claim_names")
    if name not in claims and isinstance(elsewhere, Mapping) and name in elsewhere:
        raise TooManyValues
    value = claims[name] if name in claims else _at_path(claims, name.split("."))
    several = value if isinstance(value, list) else [value]
    if len(several) > MOST_VALUES:
        raise TooManyValues
    return frozenset(text for one in several if (text := _text(one)))


def email(claims: Mapping[str, Any], *, is_trusted: bool) -> str:
    """Returns the address that is a person's own: it is verified, or what the provider tells can be trusted; else empty."""
    # Some providers send it as text.
    if claims.get("email_verified") in (True, "true"):
        return _text(claims.get("email"))
    names = ("email", "upn", "preferred_username") if is_trusted and claims.get("email_verified") is None else ()
    return next((value for name in names if "@" in (value := _text(claims.get(name)))), "")


def name(claims: Mapping[str, Any]) -> str:
    """Returns what a person is called, within what a name here can be; empty if they aren't."""
    words = _text(claims.get("name")) or _text(claims.get("preferred_username")).partition("@")[0]
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())[:120]


def _at_path(claims: Any, path: list[str]) -> Any:
    for step in path:
        claims = claims.get(step) if isinstance(claims, Mapping) else None
    return claims


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) and len(str(value)) <= 1_000 else ""
