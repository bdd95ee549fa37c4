"""Renders the icons that phones require: PNG files generated from static/mark.svg, so that none is checked in."""

import re
import struct
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
WATER, FOAM = (43, 111, 127), (252, 250, 247)
# The mark's share of the picture's width: systems crop maskable icons to a circle.
SHARES = {"icon-180": 0.72, "icon-192": 0.72, "icon-512": 0.72, "icon-512-maskable": 0.56}
STEPS = 40
Point = tuple[float, float]


class Stroke(NamedTuple):
    """A line as points in the drawing's units, with its opacity."""

    points: list[Point]
    opacity: float


def draw(mark: Path, folder: Path) -> None:
    """Writes every icon into the folder."""
    drawing = ET.parse(mark).getroot()
    strokes = [Stroke(list(points(element.get("d", ""))), float(element.get("opacity", 1))) for element in drawing]
    width = float(drawing.get("stroke-width", 2))
    for name, share in SHARES.items():
        size = int(name.split("-")[1])
        (folder / f"{name}.png").write_bytes(png(size, rows(size, share, strokes, width)))


def points(path: str) -> Iterator[Point]:
    """Yields points along an SVG path; supports only the commands that the mark uses: M, c and s."""
    x = y = ahead_x = ahead_y = 0.0
    for command, numbers in re.findall(r"([Mcs])([^Mcs]*)", path):
        values = [float(number) for number in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", numbers)]
        if command == "M":
            x, y = values
            continue
        for start in range(0, len(values), 6 if command == "c" else 4):
            bends = values[start : start + (6 if command == "c" else 4)]
            first = bends[:2] if command == "c" else [ahead_x, ahead_y]
            second, end = bends[-4:-2], bends[-2:]
            yield from curve((x, y), first, second, end)
            ahead_x, ahead_y = end[0] - second[0], end[1] - second[1]
            x, y = x + end[0], y + end[1]


def curve(start: Point, first: list[float], second: list[float], end: list[float]) -> Iterator[Point]:
    """Yields points of a cubic Bézier curve whose control points and end are relative to its start."""
    for step in range(STEPS + 1):
        t = step / STEPS
        weights = 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
        moved = [sum(w * part[axis] for w, part in zip(weights, (first, second, end), strict=True)) for axis in (0, 1)]
        yield start[0] + moved[0], start[1] + moved[1]


def rows(size: int, share: float, strokes: list[Stroke], width: float) -> list[list[float]]:
    """Returns the opacity of the foam at each pixel of the icon."""
    across, down = ([point[axis] for stroke in strokes for point in stroke.points] for axis in (0, 1))
    scale = size * share / (max(across) - min(across) + width)
    middle = (max(across) + min(across)) / 2, (max(down) + min(down)) / 2
    foam = [[0.0] * size for _ in range(size)]
    for stroke in strokes:
        for x, y in stroke.points:
            centre = size / 2 + (x - middle[0]) * scale, size / 2 + (y - middle[1]) * scale
            stamp(foam, centre, scale * width / 2, stroke.opacity)
    return foam


def stamp(foam: list[list[float]], centre: Point, radius: float, opacity: float) -> None:
    """Draws a round dot with a soft edge; where dots overlap, the highest opacity wins."""
    reach = int(radius) + 2
    for row in range(max(0, int(centre[1]) - reach), min(len(foam), int(centre[1]) + reach + 1)):
        line = foam[row]
        for column in range(max(0, int(centre[0]) - reach), min(len(foam), int(centre[0]) + reach + 1)):
            away = ((column + 0.5 - centre[0]) ** 2 + (row + 0.5 - centre[1]) ** 2) ** 0.5
            line[column] = max(line[column], opacity * min(1.0, max(0.0, radius - away + 0.5)))


def png(size: int, foam: list[list[float]]) -> bytes:
    """Encodes an opaque picture as PNG."""
    lines = b"".join(b"\0" + b"".join(_colour(share) for share in line) for line in foam)
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _colour(share: float) -> bytes:
    return bytes(round(water + (foam - water) * share) for water, foam in zip(WATER, FOAM, strict=True))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


if __name__ == "__main__":
    draw(ROOT / "static" / "mark.svg", ROOT / "static" / "vendor")
