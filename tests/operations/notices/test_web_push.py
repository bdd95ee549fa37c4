"""Web Push: the example of RFC 8291, keys that are none, and the signature of RFC 8292."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from webapp.operations.notices import web_push

# RFC 8291, section 5 and appendix A.
MESSAGE = b"When I grow up, I want to be a watermelon"
DEVICE = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_it_encrypts_as_the_example_of_the_rfc() -> None:
    sender = ec.derive_private_key(int.from_bytes(decoded(SENDER), "big"), ec.SECP256R1())
    body = web_push.encrypted(MESSAGE, DEVICE, AUTH, salt=decoded(SALT), sender=sender)
    assert web_push.unpadded(body) == BODY


def test_salt_and_sender_are_new_for_each_message() -> None:
    assert len({web_push.encrypted(MESSAGE, DEVICE, AUTH)[:86] for _ in range(5)}) == 5


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("", ""),
        (DEVICE, ""),
        (DEVICE, AUTH[:-2]),
        (DEVICE[:-2], AUTH),
        ("A" * 87, AUTH),
        (DEVICE[:-4] + "AAAA", AUTH),
        ("B" * 87, AUTH),
        ("é" * 87, AUTH),
    ],
)
def test_keys_that_are_none_are_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(ValueError, match=r"push|base64|EC key|elliptic|ASCII"):
        web_push.checked_keys(p256dh, auth)


def test_the_signature_names_the_push_service_and_ends() -> None:
    keys = web_push.new_key_pair()
    scheme, _, fields = web_push.authorization(keys, "https://push.example.net", "mailto:a@b.org", 1_000).partition(" ")
    token, key = (field.partition("=")[2] for field in fields.split(", "))
    assert (scheme, key) == ("vapid", keys.public)
    head, claims, signature = (decoded(part) for part in token.split("."))
    assert json.loads(head) == {"typ": "JWT", "alg": "ES256"}
    assert json.loads(claims) == {"aud": "https://push.example.net", "exp": 1_000 + 12 * 3600, "sub": "mailto:a@b.org"}
    halves = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(keys.public))
    public.verify(encode_dss_signature(*halves), token.rpartition(".")[0].encode(), ec.ECDSA(hashes.SHA256()))
