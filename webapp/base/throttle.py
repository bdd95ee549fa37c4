"""Rate limits, and a counter for frequent events that should not all be logged. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Protocol

from webapp.base.cache import Cache

MOST_KEYS = 10_000


class Shared(Protocol):
    """Buckets shared by several workers; `take` returns None when they can't be reached."""

    def take(self, bucket: str, *, burst: int, seconds: float) -> tuple[float, float] | None: ...
    def give_back(self, bucket: str, *, seconds: float) -> None: ...


@dataclass
class Throttle:
    """A token bucket for each key, which holds `burst` attempts and regains one every `seconds`.

    Buckets that several workers share (`shared`) are stored there under `name`; their last known state is also cached here.
    """

    burst: int
    seconds: float
    now: Callable[[], float]
    full_at: dict[str, float] = field(default_factory=dict)
    name: str = ""

    def take(self, key: str, shared: Shared | None = None) -> float:
        """Takes an attempt and returns 0, or returns the seconds until one is available."""
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
        """Returns the attempts left for a bucket of this size, and the seconds until it is full again."""
        missing = max(0.0, self.full_at.get(key, 0.0) - self.now())
        return max(0, burst - ceil(missing / seconds)), missing

    def give_back(self, key: str, shared: Shared | None = None) -> None:
        if shared:
            shared.give_back(f"{self.name}:{key}", seconds=self.seconds)
        if key in self.full_at:
            self.full_at[key] -= self.seconds

    def _forget(self, now: float) -> None:
        """Drops full buckets, which need no memory; if too many are not full, drops the oldest."""
        if len(self.full_at) > MOST_KEYS:
            self.full_at = {key: full_at for key, full_at in self.full_at.items() if full_at > now}
            for key in list(self.full_at)[: max(0, len(self.full_at) - MOST_KEYS // 2)]:
                del self.full_at[key]


class SignInThrottle:
    """Limits password guessing, by address and by account.

    An address from which someone has signed in to the account has a separate bucket, so that guessing from elsewhere doesn't
    lock the owner out. A single address cannot empty the bucket of an account.
    """

    def __init__(self, now: Callable[[], float], shared: Shared | None = None) -> None:
        self.addresses = Throttle(burst=10, seconds=6, now=now, name="addresses")
        self.accounts = Throttle(burst=30, seconds=6, now=now, name="accounts")
        self.acquainted = Throttle(burst=10, seconds=6, now=now, name="acquainted")
        self._shared = shared
        self._known = Cache[str, bool](MOST_KEYS, now=now)

    def wait_seconds(self, account: str, address: str) -> float:
        """Counts an attempt; returns the seconds to wait, 0 if allowed. It counts the same whether the account exists or not."""
        pair = _pair(account, address)
        if self._known.get(pair):
            return self.acquainted.take(pair, self._shared)
        return self.addresses.take(network(address), self._shared) or self.accounts.take(account, self._shared)

    def welcome(self, account: str, address: str) -> None:
        """Records a correct password: returns the attempt to its bucket, and marks the address as known to the account."""
        pair = _pair(account, address)
        if self._known.get(pair):
            self.acquainted.give_back(pair, self._shared)
            return
        self.addresses.give_back(network(address), self._shared)
        self.accounts.give_back(account, self._shared)
        self._known.put(pair, True)


@dataclass
class RepeatCounter:
    """Counts repeated events, and selects the occurrences that are worth logging."""

    seconds: float
    now: Callable[[], float]
    counts: dict[str, tuple[float, int]] = field(default_factory=dict)

    def count(self, key: str) -> int:
        """Counts an event; returns its count if that is 1, 10, 100 and so on, else 0. Starts over after `seconds`."""
        began, count = self.counts.pop(key, (self.now(), 0))
        if self.now() - began >= self.seconds:
            began, count = self.now(), 0
        self.counts[key] = (began, count + 1)
        if len(self.counts) > MOST_KEYS:
            del self.counts[next(iter(self.counts))]
        return count + 1 if str(count + 1).strip("0") == "1" else 0


def network(address: str) -> str:
    """Returns the network that certainly belongs to one customer: an IPv4 address, or the /64 prefix of an IPv6 address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or ip_network((ip, 64), strict=False))
    return str(ip)


def _pair(account: str, address: str) -> str:
    return f"{network(address)} {account}"
