"""What servers say when they cannot: from a status and an error object to a policy and a sentence. Pure."""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from webapp.providers.base import ProviderError

LONGEST = 300
SHORTEST_SECRET = 8

BY_STATUS = {401: "auth", 403: "auth", 402: "credit", 429: "rate", 408: "error", 409: "error"}
# Words that mean more than the status they come with: one 429 is for haste, another for money.
BY_WORD = {
    "insufficient_quota": "credit",
    "billing_error": "credit",
    "payment_required": "credit",
    "credit_balance_exhausted": "credit",
    "project_spend_limit_exceeded": "credit",
    "enforced_spend_limit_reached": "credit",
    "billing_hard_limit_reached": "credit",
    "invalid_api_key": "auth",
    "authentication": "auth",
    "authentication_error": "auth",
    "rate_limit_exceeded": "rate",
    "rate_limit_error": "rate",
    "context_length_exceeded": "invalid",
    "content_policy_violation": "invalid",
    "invalid_prompt": "invalid",
}
# Words that count only where there is no status, which is in the middle of a stream.
BY_VAGUE_WORD = {
    "invalid_request_error": "invalid",
    "invalid_request": "invalid",
    "not_found": "invalid",
    "permission_denied": "auth",
}

SENTENCES = {
    "auth": "{host} refused the key{tail}",
    "credit": "There is no credit left for this key at {host}",
    "rate": "{host} asks us to slow down",
    "invalid": "{host} did not accept the request",
    "error": "{host} reported an error",
}
# The digit tells a key_4f1c from a key_word.
LOOKS_LIKE_A_KEY = re.compile(
    r"\bsk-[\w*.\-]{5,}|\b(?:pk|rk|gsk|xai|hf|r8|nvapi|key|tok|token)[-_](?=[\w.\-]*[\d*])[\w*.\-]{5,}"
    r"|\bAIza[\w\-]{10,}|\beyJ[\w\-.]{10,}|(?i:\bbearer\s+)[^\s,;\"']+"
)
WORD = re.compile(r"[^\s\"'`<>(),;]{8,}")


def refusal(
    host: str,
    status: int | None,
    error: Mapping[str, Any],
    *,
    key: str = "",
    headers: Mapping[str, str] | None = None,
    now: float = 0,
) -> ProviderError:
    """The policy and the sentence for what a server reported; `status` is None within a stream."""
    code = code_of(status, error)
    said = cleaned(str(error.get("message") or ""), key)
    tail = f" that ends in {key[-4:]}" if len(key) >= 3 * SHORTEST_SECRET else ""
    sentence = SENTENCES[code].format(host=host, tail=tail)
    number = f" ({status})" if status and not said else ""
    message = f"{sentence}: {said}" if said else f"{sentence}{number}."
    wait = wait_seconds(headers or {}, error, now)
    return ProviderError(code, message, retryable=code in ("rate", "error"), retry_after=wait)


def code_of(status: int | None, error: Mapping[str, Any]) -> str:
    """What kind of refusal it is; words win over numbers, the object's own number over the status."""
    details = error.get("details") or error.get("metadata")
    inner = details if isinstance(details, dict) else {}
    words = [error.get("code"), inner.get("error_type"), inner.get("error_code"), error.get("type")]
    known = [word for word in words if isinstance(word, str)]
    number = _status(error.get("code")) or status
    if by_word := next((BY_WORD[word] for word in known if word in BY_WORD), ""):
        return by_word
    # OpenRouter's moderation: it is the text that was refused, not the key.
    if number == 403 and (inner.get("reasons") or inner.get("patterns")):
        return "invalid"
    if number is None:
        return next((BY_VAGUE_WORD[word] for word in known if word in BY_VAGUE_WORD), "error")
    return BY_STATUS.get(number, "invalid" if 400 <= number < 500 else "error")


def wait_seconds(headers: Mapping[str, str], error: Mapping[str, Any], now: float) -> float | None:
    """How long the server asks us to wait: seconds or a date in its header, else what its error says; nonsense is None."""
    lower = {name.lower(): value for name, value in headers.items()}
    if "retry-after" in lower:
        return _sensible(lower["retry-after"]) or _until(lower["retry-after"], now)
    available = error.get("availability")
    return _sensible(available.get("retry_after")) if isinstance(available, dict) else None


def cleaned(text: str, key: str) -> str:
    """A server's words, fit to be shown: one line, no markup, no secrets, not too long."""
    text = " ".join("".join(char if char.isprintable() else " " for char in text[:4000]).split())
    if text[:1] == "<":
        return ""
    text = masked(text, key)
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def masked(text: str, key: str) -> str:
    """Hides the key, any eight characters of it in a row, and what else looks like one."""
    if key and len(key) >= SHORTEST_SECRET:
        text = WORD.sub(lambda word: "•••" if _holds(word[0], key) else word[0], text)
    return LOOKS_LIKE_A_KEY.sub("•••", text)


def _holds(word: str, key: str) -> bool:
    return any(word[at : at + SHORTEST_SECRET] in key for at in range(len(word) - SHORTEST_SECRET + 1))


def _status(code: Any) -> int | None:
    number = int(code) if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3 else code
    return number if isinstance(number, int) and not isinstance(number, bool) and 400 <= number <= 599 else None


def _sensible(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _until(date: str, now: float) -> float | None:
    try:
        seconds = parsedate_to_datetime(date).timestamp() - now
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if seconds >= 0 else None
