"""Validates the settings of email."""

import re
from typing import Any

from webapp.base.errors import Invalid

# Addresses that every server accepts; others need an SMTP extension that few servers have.
ADDRESS = re.compile(r"[!-~]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
FORBIDDEN = set('()<>[],;:\\"')
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}", re.ASCII)
MOST_ADDRESSES = 20


def check_host(value: Any) -> None:
    if value and not HOST.fullmatch(str(value)):
        raise Invalid("Enter the name of a server, such as smtp.example.org.", field="value")


def check_address(value: Any, *, field: str = "value") -> None:
    text = str(value)
    if text and (not ADDRESS.fullmatch(text) or FORBIDDEN & set(text) or text.count("@") > 1):
        raise Invalid("Enter an email address such as name@example.org.", field=field)


def check_addresses(value: Any) -> None:
    if len(value) > MOST_ADDRESSES:
        raise Invalid(f"At most {MOST_ADDRESSES} addresses.", field="value")
    for each in value:
        check_address(each)
