"""The text of a position: open pages send it after an update of ours, so it stays as it is."""

import pytest

from webapp.engine.watching.lane_feed import LanePosition
from webapp.workspace.page.feed import ChatPosition


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (LanePosition("e", 3), "e.3.."),
        (LanePosition("e", 3, (7, 0)), "e.3-7-0.."),
        (LanePosition("e", 3, (7, 0), "gen", (1, 2, 3, 4, 5)), "e.3-7-0.gen.1-2-3-4-5"),
        (ChatPosition("e", 3), "e.3..."),
        (ChatPosition("e", 3, "head", "gen", (1, 2, 3, 4, 5), (7, 0)), "e.3-7-0.head.gen.1-2-3-4-5"),
        (ChatPosition("e", 3, "head", columns={"a": (1, 2, 3, 4, 5), "b": (0,) * 5}), "e.3.head..~a.1-2-3-4-5~b.0-0-0-0-0"),
    ],
)
def test_a_position_is_sent_as_ever(position: LanePosition | ChatPosition, text: str) -> None:
    assert str(position) == text
    assert type(position).parse(text) == position


@pytest.mark.parametrize(
    "text", ["", "e.3", "e.3.", "e.3-4..", "e.-1..", "e.3..1-2-3-4-5", "e.3.gen.1-2-3-4", f"e.{'1' * 19}..", "e.3..\n"]
)
def test_what_is_no_position_is_none(text: str) -> None:
    assert LanePosition.parse(text) is None
    assert ChatPosition.parse(text) is None
