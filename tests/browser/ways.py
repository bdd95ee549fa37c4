"""The ways in which a person may use a page: at a desk, on a phone, and without scripts."""

from typing import Any

import pytest

DESKTOP: dict[str, Any] = {"viewport": {"width": 1100, "height": 720}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
NO_SCRIPTS: dict[str, Any] = {**DESKTOP, "java_script_enabled": False}

in_every_way = pytest.mark.parametrize("way", [DESKTOP, PHONE, NO_SCRIPTS], ids=["desktop", "phone", "no scripts"])
