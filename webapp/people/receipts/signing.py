"""Ed25519 signatures of receipts, over their JSON without `signature`: keys sorted, no blanks, UTF-8. Pure."""

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def new_private_key() -> str:
    return _text(Ed25519PrivateKey.generate().private_bytes_raw())


def public_key_of(private: str) -> str:
    return _text(_private_key(private).public_key().public_bytes_raw())


def signed(receipt: Mapping[str, Any], private: str) -> dict[str, Any]:
    """Returns the receipt with the public key and the signature."""
    whole = {**receipt, "key": public_key_of(private)}
    return {**whole, "signature": _text(_private_key(private).sign(signed_bytes(whole)))}


def signed_bytes(receipt: Mapping[str, Any]) -> bytes:
    """Returns what is signed."""
    content = {name: value for name, value in receipt.items() if name != "signature"}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def difference(receipt: Mapping[str, Any], keys: Collection[str]) -> str:
    """Returns why a receipt was not signed with one of these public keys as it is now; an empty string if it was."""
    key, signature = receipt.get("key"), receipt.get("signature")
    if not isinstance(key, str) or not isinstance(signature, str):
        return "It has no key or no signature."
    if key not in keys:
        return "It was signed with another key than those of this server."
    try:
        Ed25519PublicKey.from_public_bytes(_bytes(key)).verify(_bytes(signature), signed_bytes(receipt))
    except (InvalidSignature, ValueError, binascii.Error):
        return "It was changed after it was signed: the signature doesn't match."
    return ""


def _private_key(private: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_bytes(private))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # The last character has bits that no byte takes: with others it would be another text for the same bytes.
    if _text(raw) != text:
        raise ValueError("not as we write it")
    return raw
