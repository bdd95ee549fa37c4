"""Web Push: the encryption of a message for a device (RFC 8291), and the signature that tells who sends it (RFC 8292). Pure."""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CURVE = ec.SECP256R1()
POINT_BYTES, AUTH_BYTES, SALT_BYTES, NUMBER_BYTES = 65, 16, 16, 32
# A message is one record: larger than any that push services take.
RECORD_BYTES = 4096
__all__ = ["KeyPair", "authorization", "checked_keys", "encrypted", "new_key_pair", "unpadded"]
LAST_RECORD = b"\x02"
# Push services refuse signatures for more than a day.
SIGNED_SECONDS = 12 * 3600


class KeyPair(NamedTuple):
    """A pair of keys on P-256, in base64url: the private number, and the public point."""

    private: str
    public: str


def new_key_pair() -> KeyPair:
    key = ec.generate_private_key(CURVE)
    number = key.private_numbers().private_value.to_bytes(NUMBER_BYTES, "big")
    return KeyPair(unpadded(number), unpadded(_point(key.public_key())))


def checked_keys(p256dh: str, auth: str) -> tuple[bytes, bytes]:
    """Returns a device's public key and secret; raises `ValueError` if they are none."""
    point, secret = _bytes(p256dh), _bytes(auth)
    if len(point) != POINT_BYTES or len(secret) != AUTH_BYTES:
        raise ValueError("not the keys of a push subscription")
    ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)
    return point, secret


def encrypted(
    message: bytes, p256dh: str, auth: str, *, salt: bytes = b"", sender: ec.EllipticCurvePrivateKey | None = None
) -> bytes:
    """Returns the body of a request that only this device can read; each has its own salt and sender, except in tests."""
    point, secret = checked_keys(p256dh, auth)
    salt, sender = salt or os.urandom(SALT_BYTES), sender or ec.generate_private_key(CURVE)
    own_point = _point(sender.public_key())
    agreed = sender.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point))
    material = _derived(agreed, secret, b"WebPush: info\0" + point + own_point, 32)
    key = _derived(material, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(material, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(own_point)]) + own_point
    return header + AESGCM(key).encrypt(nonce, message + LAST_RECORD, None)


def authorization(keys: KeyPair, audience: str, contact: str, now: int) -> str:
    """Returns the header by which the push service at `audience`, an origin, knows this server."""
    claims: Mapping[str, Any] = {"aud": audience, "exp": now + SIGNED_SECONDS, "sub": contact}
    head = unpadded(b'{"typ":"JWT","alg":"ES256"}')
    signed = f"{head}.{unpadded(json.dumps(claims, separators=(',', ':')).encode())}"
    key = ec.derive_private_key(int.from_bytes(_bytes(keys.private), "big"), CURVE)
    numbers = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = b"".join(number.to_bytes(NUMBER_BYTES, "big") for number in numbers)
    return f"vapid t={signed}.{unpadded(signature)}, k={keys.public}"


def unpadded(content: bytes) -> str:
    """Returns bytes in base64url, without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _derived(secret: bytes, salt: bytes, about: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, about).derive(secret)
