"""Time-based one-time passwords (RFC 6238) and recovery codes, as authenticator apps use them. Pure."""

import hmac
import secrets
from base64 import b32decode, b32encode
from hashlib import sha256
from urllib.parse import quote

STEP_SECONDS, DIGITS = 30, 6
# The clock of a phone can be a step early or late.
NEIGHBOURS = (-1, 0, 1)
SECRET_BYTES, RECOVERY_BYTES = 20, 10
RECOVERY_CODES = 10
ISSUER = "Millrace"


def new_secret() -> str:
    """Returns a random secret in Base32, which authenticator apps expect."""
    return b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def code_at(secret: str, step: int) -> str:
    """Returns the code of a time step."""
    digest = hmac.digest(b32decode(secret), step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_at(seconds: float) -> int:
    return int(seconds // STEP_SECONDS)


def step_of(secret: str, code: str, seconds: float) -> int | None:
    """Returns the time step that this code belongs to, if that is now or next to it."""
    steps = [step_at(seconds) + neighbour for neighbour in NEIGHBOURS]
    matching = [step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), plain(code).encode())]
    return matching[-1] if matching else None


def address(secret: str, email: str) -> str:
    """Returns the `otpauth` URL that a QR code contains."""
    return f"otpauth://totp/{ISSUER}:{quote(email, safe='@')}?secret={secret}&issuer={ISSUER}"


def new_recovery_codes() -> list[str]:
    """Returns random codes of sixteen letters and digits, in groups of four."""
    return [grouped(b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().casefold(), "-") for _ in range(RECOVERY_CODES)]


def grouped(text: str, separator: str = " ") -> str:
    """Returns the text in groups of four characters, which are easier to copy by hand."""
    return separator.join(text[start : start + 4] for start in range(0, len(text), 4))


def plain(code: str) -> str:
    """Returns a code as it was generated, without what people type between its groups."""
    return "".join(char for char in code.casefold() if char.isalnum())


def hashed(code: str) -> str:
    """Returns the hash stored in place of a recovery code; no slow hash is needed, because the code cannot be guessed."""
    return sha256(plain(code).encode("utf-8", "surrogatepass")).hexdigest()
