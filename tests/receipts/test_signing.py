"""Signatures: what was changed, or signed with another key, is no receipt of this server."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from webapp.people.receipts.signing import difference, new_private_key, public_key_of, signed

KEY = new_private_key()
RECEIPT = {
    "id": "r1",
    "kind": "chat",
    "removed": [{"what": "chats", "count": 2}],
    "backups": [{"name": "nächtlich", "until": None}],
}


def test_a_signed_receipt_is_valid() -> None:
    assert difference(signed(RECEIPT, KEY), [public_key_of(KEY)]) == ""


def test_the_signature_is_over_the_sorted_json_without_blanks() -> None:
    receipt = signed(RECEIPT, KEY)
    written = json.dumps({**RECEIPT, "key": receipt["key"]}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    key, signature = (base64.urlsafe_b64decode(receipt[name] + "==") for name in ("key", "signature"))
    Ed25519PublicKey.from_public_bytes(key).verify(signature, written.encode())


def test_a_change_of_any_byte_is_found() -> None:
    receipt = signed(RECEIPT, KEY)
    written = json.dumps(receipt, ensure_ascii=False)
    for place, char in enumerate(written):
        other = written[:place] + ("7" if char != "7" else "8") + written[place + 1 :]
        try:
            changed = json.loads(other)
        except ValueError:
            continue
        assert difference(changed, [public_key_of(KEY)]), f"{other[max(0, place - 20) : place + 20]} is taken for valid"


def test_an_old_key_still_checks() -> None:
    assert difference(signed(RECEIPT, KEY), [public_key_of(new_private_key()), public_key_of(KEY)]) == ""


def test_another_key_does_not() -> None:
    assert "another key" in difference(signed(RECEIPT, KEY), [public_key_of(new_private_key())])


@pytest.mark.parametrize("part", [{"key": 7}, {"signature": None}, {"signature": "ä"}, {"signature": ""}, {"signature": "A"}])
def test_nonsense_is_no_receipt(part: dict[str, object]) -> None:
    receipt = {**signed(RECEIPT, KEY), **part}
    assert difference(receipt, [public_key_of(KEY)])
