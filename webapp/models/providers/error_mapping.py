"""Maps errors of servers to a retry policy and a sentence. Pure."""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from webapp.base.untrusted_json import JsonObject, dict_of, list_of
from webapp.base.words import shortened
from webapp.models.providers.base import ProviderError
from webapp.models.providers.length_refusals import too_long_of
from webapp.models.providers.values import dicts_of, parsed

LONGEST = 300
LONGEST_RAW = 4000
MOST_DETAILS = 20
LONGEST_HEADER, LONGEST_WAIT = 100, 86_400.0
SHORTEST_SECRET = 8

BY_STATUS = {401: "auth", 403: "auth", 402: "credit", 429: "rate", 408: "error", 409: "error"}
# What a server doesn't offer, such as streaming, it won't offer a moment later.
NOT_IMPLEMENTED = 501
# Error codes that override the status: one 429 means too many requests, another an account without credit.
WORDS = {
    "credit": """insufficient_quota billing_error payment_required credit_balance_exhausted project_spend_limit_exceeded
        enforced_spend_limit_reached billing_hard_limit_reached""",
    "auth": "invalid_api_key authentication authentication_error",
    "rate": "rate_limit_exceeded rate_limit_error",
    "invalid": """context_length_exceeded max_tokens_exceeded token_limit_exceeded string_too_long content_policy_violation
        refusal invalid_prompt invalid_image image_too_large image_too_small unsupported_image_format image_not_found
        image_download_failed""",
    "error": "provider_overloaded provider_unavailable overloaded_error",
}
# Error codes that count only without a status, in the middle of a stream.
VAGUE_WORDS = {
    "invalid": """invalid_request invalid_request_error BadRequestError not_found not_found_error precondition_failed
        payload_too_large request_too_large unprocessable""",
    "auth": "permission_denied permission_error",
}
BY_WORD = {word: code for code, words in WORDS.items() for word in words.split()}
BY_VAGUE_WORD = {word: code for code, words in VAGUE_WORDS.items() for word in words.split()}
# Anthropic has no separate error code for an account without credit; it is a 400 like any other.
NO_CREDIT = "credit balance is too low"

SENTENCES = {
    "auth": "{host} rejected the key{tail}",
    "credit": "{host} has no credit left for this key",
    "rate": "{host} is rate limiting",
    "invalid": "{host} rejected the request",
    "error": "{host} reported an error",
}
# The required digit distinguishes a key such as key_4f1c from a word such as key_word.
LOOKS_LIKE_A_KEY = re.compile(
    r"\bsk-[\w*.\-]{5,}|\b(?:pk|rk|gsk|xai|hf|r8|nvapi|key|tok|token)[-_](?=[\w.\-]*[\d*])[\w*.\-]{5,}"
    r"|\bAIza[\w\-]{10,}|\beyJ[\w\-.]{10,}|(?i:\bbearer\s+)[^\s,;\"']+"
)
WORD = re.compile(r"[^\s\"'`<>(),;]{8,}")
NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")
STOP_CHARGING = {
    NOT_ALPHANUMERIC.sub("", name.lower())
    for name in (
        *("OpenAI", "Azure", "Anthropic", "Fireworks", "Mancer", "Recursal", "AnyScale", "Lepton", "OctoAI", "Novita"),
        *("DeepInfra", "Together", "Cohere", "Hyperbolic", "Infermatic", "Avian", "xAI", "Cloudflare", "SFCompute"),
        *("Nineteen", "Liquid", "Friendli", "Chutes", "DeepSeek"),
    )
}
# Models that are served only by these providers; every other model is also served by some that continue to charge.
SERVED_BY_THOSE = re.compile(r"openai/(?!gpt-oss)|x-ai/")


def provider_error(
    host: str,
    status: int | None,
    error: Mapping[str, Any],
    *,
    key: str = "",
    headers: Mapping[str, str] | None = None,
    now: float = 0,
) -> ProviderError:
    """Returns the error with its retry policy and sentence; `status` is None within a stream."""
    said = words_of(error)
    # Whatever the status: some servers report it as a failure of their own, which another attempt would repeat.
    too_long = too_long_of(error, said[:LONGEST_RAW]) if status != 429 else None
    code = "invalid" if too_long else code_of(status, error)
    words = cleaned(said, key)
    tail = f" that ends in {key[-4:]}" if len(key) >= 3 * SHORTEST_SECRET else ""
    sentence = SENTENCES[code].format(host=host, tail=tail) if key or code != "auth" else f"{host} requires a key"
    number = f" ({status})" if status and not words else ""
    # A server's message can end in any way, and another sentence of ours can follow it.
    end = "" if words.endswith((".", "!", "?", "…")) else "."
    message = f"{sentence}: {words}{end}" if words else f"{sentence}{number}."
    lower_headers = {name.lower(): value for name, value in (headers or {}).items()}
    is_passing = code in ("rate", "error") and status != NOT_IMPLEMENTED
    is_retryable = is_passing and lower_headers.get("x-should-retry") != "false"
    wait = wait_seconds(lower_headers, error, now)
    return ProviderError(code, message, retryable=is_retryable, retry_after=wait, too_long=too_long)


def error_of(value: Mapping[str, Any]) -> JsonObject | None:
    """Returns the error that a reply or a chunk of one reports, wherever the server puts it."""
    if value.get("error"):
        return _fields(value["error"])
    if value.get("object") == "error":
        return dict(value)
    for choice in dicts_of(value.get("choices")):
        if choice.get("error") or choice.get("finish_reason") == "error":
            return _fields(choice.get("error") or {})
    return None


def plain_error_of(value: Mapping[str, Any]) -> JsonObject:
    """Returns the error of a body without an error object: a plain message, or FastAPI's list of validation errors."""
    for text in (value.get("message"), value.get("detail")):
        if isinstance(text, str):
            return {"message": text}
    details = dicts_of(value.get("detail"))[:MOST_DETAILS]
    problems = [(".".join(map(str, list_of(detail.get("loc"))[:MOST_DETAILS])), detail.get("msg")) for detail in details]
    return {"message": "; ".join(f"{path}: {words}" for path, words in problems)}


def words_of(error: Mapping[str, Any]) -> str:
    """Returns the server's message with that of its upstream provider, which can be the only explanation."""
    text, raw = str(error.get("message") or ""), dict_of(error.get("metadata")).get("raw")
    if not isinstance(raw, str) or not raw.strip():
        return text
    inner = parsed(raw)
    more = raw if inner is None else str((error_of(inner) or plain_error_of(inner)).get("message") or "")
    return f"{text}: {more}" if more and more not in text else text


def code_of(status: int | None, error: Mapping[str, Any]) -> str:
    """Returns the kind of error; error codes win over numbers, the number in the error object over the status."""
    inner = dict_of(error.get("details") or error.get("metadata"))
    words = [error.get("code"), inner.get("error_type"), inner.get("error_code"), error.get("type")]
    codes = [word for word in words if isinstance(word, str)]
    number = _status(error.get("code")) or status
    if by_word := next((BY_WORD[word] for word in codes if word in BY_WORD), ""):
        return by_word
    if NO_CREDIT in str(error.get("message")):
        return "credit"
    # OpenRouter's moderation: it rejected the text, not the key.
    if number == 403 and (inner.get("reasons") or inner.get("patterns")):
        return "invalid"
    if number is None:
        return next((BY_VAGUE_WORD[word] for word in codes if word in BY_VAGUE_WORD), "error")
    return BY_STATUS.get(number, "invalid" if 400 <= number < 500 else "error")


def wait_seconds(headers: Mapping[str, str], error: Mapping[str, Any], now: float) -> float | None:
    """Returns the requested delay: seconds or a date in Retry-After, else from the error; None if invalid."""
    if (exact := _sensible(headers.get("retry-after-ms"))) is not None:
        return exact / 1000
    if header := headers.get("retry-after", "")[:LONGEST_HEADER]:
        return _sensible(header) or _until(header, now)
    return _sensible(dict_of(error.get("availability")).get("retry_after"))


def cleaned(text: str, key: str) -> str:
    """Makes a server's message fit to be shown: one line, no markup, no secrets, not too long."""
    text = " ".join("".join(char if char.isprintable() else " " for char in text[:LONGEST_RAW]).split())
    if text[:1] == "<":
        return ""
    return shortened(masked(text, key), LONGEST)


def masked(text: str, key: str) -> str:
    """Masks the key, any eight consecutive characters of it, and anything else that looks like a key."""
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
    except (TypeError, ValueError, OverflowError):
        return None
    return min(seconds, LONGEST_WAIT) if math.isfinite(seconds) and seconds >= 0 else None


def _until(date: str, now: float) -> float | None:
    try:
        seconds = parsedate_to_datetime(date).timestamp() - now
    except (TypeError, ValueError, OverflowError):
        return None
    return min(seconds, LONGEST_WAIT) if seconds >= 0 else None


def _fields(error: Any) -> JsonObject:
    return error if isinstance(error, dict) else {"message": str(error)}


def may_still_bill(name: str) -> bool:
    """Returns whether a stopped answer can cost as much as a whole one, by the name of a provider or OpenRouter's model id.

    A provider not known to stop is assumed to continue. An answer that is not streamed is always charged in full.
    """
    if "/" in name:
        return not SERVED_BY_THOSE.match(name)
    return NOT_ALPHANUMERIC.sub("", name.lower()) not in STOP_CHARGING
