"""The ways of using a page: on a desktop, on a phone, and without scripts."""

from typing import Any

import pytest

DESKTOP: dict[str, Any] = {"viewport": {"width": 1100, "height": 720}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
NO_SCRIPTS: dict[str, Any] = {**DESKTOP, "java_script_enabled": False}

IDS = ["desktop", "phone", "no scripts"]
ON_A_PHONE, WITHOUT_SCRIPTS = (pytest.param(way, marks=pytest.mark.deep) for way in (PHONE, NO_SCRIPTS))

# For behaviour that other tests already check on a phone, or through forms without a browser: those two ways are deep here.
in_every_way = pytest.mark.parametrize("way", [DESKTOP, ON_A_PHONE, WITHOUT_SCRIPTS], ids=IDS)
