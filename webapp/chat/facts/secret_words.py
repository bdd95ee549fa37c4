"""What looks like a secret in a text: keys and tokens, cards, account numbers and passwords, which are not remembered. Pure."""

import re

KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\."
    r"|\b(?:sk|pk|rk)[-_](?:[a-z]+[-_])*[A-Za-z0-9_-]{16,}"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|hf_|npm_|AIza|ya29\.|millrace_)[\w.-]{16,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
)
PASSWORD = re.compile(
    r"\b(?:pass(?:word|code|phrase|wort)|passwd|pwd|kennwort|pin|api[ _-]?key|secret|token)\s*(?:is|ist|lautet|:|=)\s*\S",
    re.IGNORECASE,
)
CARD = re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")


def has_secret(text: str) -> bool:
    """Returns whether a text looks as if it had a key, a password, a card or an account number in it."""
    if KEY.search(text) or PASSWORD.search(text):
        return True
    return any(map(_is_card, CARD.findall(text))) or any(map(_is_account, IBAN.findall(text.upper())))


def _is_card(written: str) -> bool:
    """Returns whether the digits have the check digit of cards (Luhn)."""
    digits = [int(digit) for digit in written if digit.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_account(written: str) -> bool:
    """Returns whether the number has the check digits of an IBAN; words that follow it can look like a part of it."""
    whole = written.replace(" ", "")
    return any(_is_checked(whole[:length]) for length in range(15, min(len(whole), 34) + 1))


def _is_checked(account: str) -> bool:
    return int("".join(str(int(char, 36)) for char in account[4:] + account[:4])) % 97 == 1
