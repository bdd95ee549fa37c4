"""Codes of authenticator apps, and recovery codes."""

from base64 import b32encode

import pytest

from webapp.people.second_factor import totp

# The test vectors of RFC 6238, appendix B, cut to six digits.
SECRET = b32encode(b"12345678901234567890").decode()
VECTORS = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}


@pytest.mark.parametrize("seconds", VECTORS)
def test_a_code_is_the_one_of_the_standard(seconds: int) -> None:
    assert totp.code_at(SECRET, totp.step_at(seconds)) == VECTORS[seconds]


@pytest.mark.parametrize(("late", "is_right"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_clock_can_be_a_step_early_or_late(late: int, is_right: bool) -> None:
    step = totp.step_of(SECRET, "005924", 1234567890 + late)
    assert step == (totp.step_at(1234567890) if is_right else None)


@pytest.mark.parametrize("typed", ["005 924", " 005924 ", "005-924"])
def test_a_code_can_be_typed_in_groups(typed: str) -> None:
    assert totp.step_of(SECRET, typed, 1234567890)


@pytest.mark.parametrize("typed", ["", "0059240", "00592", "\U0001d7ce\U0001d7ce5924", "\ud800", "ab" * 9_000])
def test_nothing_else_is_a_code(typed: str) -> None:
    assert totp.step_of(SECRET, typed, 1234567890) is None


def test_recovery_codes_are_random_and_found_however_they_are_typed() -> None:
    codes = totp.new_recovery_codes()

    assert len(set(codes)) == totp.RECOVERY_CODES
    assert totp.hashed(codes[0].upper().replace("-", " ")) == totp.hashed(codes[0])


def test_the_address_names_the_account_and_survives_odd_ones() -> None:
    address = totp.address("ABC", "o'neil+chat&x@example.org")
    assert address == "otpauth://totp/Millrace:o%27neil%2Bchat%26x@example.org?secret=ABC&issuer=Millrace"
