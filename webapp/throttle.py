"""Who may try again, and when; and what happens so often that not all of it is written down. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Protocol

MOST_KEYS = 10_000


class Shared(Protocol):
    """Buckets that several workers share; None where they can't be asked."""

    def take(self, bucket: str, *, burst: int, seconds: float) -> tuple[float, float] | None: ...
    def give_back(self, bucket: str, *, seconds: float) -> None: ...


@dataclass
class Throttle:
    """A bucket for each key that holds `burst` tries and regains one every `seconds`.

    Those that are `shared` by several workers are known there by `name`; what was last heard of them is known here too.
    """

    burst: int
    seconds: float
    now: Callable[[], float]
    full_at: dict[str, float] = field(default_factory=dict)
    name: str = ""

    def take(self, key: str, shared: Shared | None = None) -> float:
        """Takes a try and gives 0, or gives the seconds until there is one."""
        now = self.now()
        if shared and (taken := shared.take(f"{self.name}:{key}", burst=self.burst, seconds=self.seconds)):
            wait_seconds, missing = taken
            self.full_at[key] = now + missing
            self._forget(now)
            return wait_seconds
        full_at = max(now, self.full_at.get(key, now))
        wait_seconds = full_at - now - (self.burst - 1) * self.seconds
        if wait_seconds > 0:
            return wait_seconds
        self.full_at[key] = full_at + self.seconds
        self._forget(now)
        return 0

    def left(self, key: str, *, burst: int, seconds: float) -> tuple[int, float]:
        """How many tries there are at this moment for a bucket of this size, and the seconds until it is full again."""
        missing = max(0.0, self.full_at.get(key, 0.0) - self.now())
        return max(0, burst - ceil(missing / seconds)), missing

    def give_back(self, key: str, shared: Shared | None = None) -> None:
        if shared:
            shared.give_back(f"{self.name}:{key}", seconds=self.seconds)
        if key in self.full_at:
            self.full_at[key] -= self.seconds

    def _forget(self, now: float) -> None:
        """Full buckets need no memory; when too many are not full, the oldest go."""
        if len(self.full_at) > MOST_KEYS:
            self.full_at = {key: full_at for key, full_at in self.full_at.items() if full_at > now}
            for key in list(self.full_at)[: max(0, len(self.full_at) - MOST_KEYS // 2)]:
                del self.full_at[key]


class Doorkeeper:
    """Slows down password guessing, by address and by account.

    An address from which the account was opened before has a bucket of its own, so that guessing from elsewhere locks
    nobody out. One address alone cannot empty the bucket of an account.
    """

    def __init__(self, now: Callable[[], float], shared: Shared | None = None) -> None:
        self.addresses = Throttle(burst=10, seconds=6, now=now, name="addresses")
        self.accounts = Throttle(burst=30, seconds=6, now=now, name="accounts")
        self.acquainted = Throttle(burst=10, seconds=6, now=now, name="acquainted")
        self._shared = shared
        self._known: dict[str, None] = {}

    def wait_seconds(self, account: str, address: str) -> float:
        """Counts a try; 0 when it may go on. It counts alike whether the account exists or not."""
        pair = _pair(account, address)
        if pair in self._known:
            return self.acquainted.take(pair, self._shared)
        return self.addresses.take(network(address), self._shared) or self.accounts.take(account, self._shared)

    def welcome(self, account: str, address: str) -> None:
        """The password was right: the try is given back and the address is known to the account."""
        pair = _pair(account, address)
        if pair in self._known:
            self.acquainted.give_back(pair, self._shared)
            return
        self.addresses.give_back(network(address), self._shared)
        self.accounts.give_back(account, self._shared)
        self._known[pair] = None
        if len(self._known) > MOST_KEYS:
            del self._known[next(iter(self._known))]


@dataclass
class Tally:
    """Counts what happens again and again, and says when that is worth writing down."""

    seconds: float
    now: Callable[[], float]
    counts: dict[str, tuple[float, int]] = field(default_factory=dict)

    def count(self, key: str) -> int:
        """How often it has happened since the first time, if that is 1, 10, 100 and so on, else 0; then it begins anew."""
        began, count = self.counts.pop(key, (self.now(), 0))
        if self.now() - began >= self.seconds:
            began, count = self.now(), 0
        self.counts[key] = (began, count + 1)
        if len(self.counts) > MOST_KEYS:
            del self.counts[next(iter(self.counts))]
        return count + 1 if str(count + 1).strip("0") == "1" else 0


def network(address: str) -> str:
    """What one person surely has to themselves: an IPv4 address, or the half of an IPv6 address that a provider gives."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    return str(found)


def _pair(account: str, address: str) -> str:
    return f"{network(address)} {account}"
