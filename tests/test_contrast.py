"""The colour tokens have enough contrast in both themes."""

import math
import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[1] / "static" / "css" / "tokens.css"
PAPERS = ("paper", "raised", "sunken")
NUMBER = r"([\d.]+)"
OKLCH = rf"oklch\({NUMBER}% {NUMBER} {NUMBER}\)"
PAIR = re.compile(rf"--([\w-]+): light-dark\({OKLCH}, {OKLCH}\);")

TEXT = [("ink", paper, 7.0) for paper in (*PAPERS, "water-wash", "amber-wash", "red-wash")]
SOFT = [(name, paper, 4.5) for name in ("ink-soft", "ink-faint") for paper in PAPERS]
CONTROLS = [("water", paper, 4.5) for paper in PAPERS] + [
    ("water-deep", "paper", 4.5),
    ("water-deep", "water-wash", 4.5),
    ("ink-soft", "amber-wash", 4.5),
    ("ink-soft", "red-wash", 4.5),
    ("water-ink", "water", 4.5),
    ("water-ink", "water-deep", 4.5),
]
SPEECH = [("speech", paper, 4.5) for paper in (*PAPERS, "water-wash")]
STATES = [(name, paper, 4.5) for name in ("amber", "red", "green") for paper in ("paper", "raised")]
CODE = [(f"code-{name}", "raised", 4.5) for name in ("word", "string", "number", "name", "comment")]
LINES = [("line-strong", paper, 3.0) for paper in PAPERS] + [("amber", "amber-wash", 3.0), ("red", "red-wash", 3.0)]


def luminance(lightness: float, chroma: float, hue: float) -> float:
    """Returns the relative luminance (WCAG) of an oklch colour on an sRGB screen."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    red, green, blue = (min(max(part, 0.0), 1.0) for part in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    lighter, darker = max(one, other), min(one, other)
    return (lighter + 0.05) / (darker + 0.05)


def palette(theme: int) -> dict[str, float]:
    """Returns every colour's luminance in the light (0) or dark (1) theme."""
    found = {}
    for match in PAIR.finditer(TOKENS.read_text(encoding="utf-8")):
        lightness, chroma, hue = (float(part) for part in match.groups()[1 + 3 * theme : 4 + 3 * theme])
        found[match[1]] = luminance(lightness / 100, chroma, hue)
    return found


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), TEXT + SOFT + CONTROLS + SPEECH + STATES + CODE + LINES)
def test_it_can_be_read(front: str, back: str, least: float, theme: int) -> None:
    colours = palette(theme)
    assert contrast(colours[front], colours[back]) >= least


def test_white_on_black_is_the_greatest_contrast() -> None:
    assert contrast(luminance(1, 0, 0), luminance(0, 0, 0)) == pytest.approx(21, abs=0.01)
