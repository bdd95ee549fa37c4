"""The shipped example: collections of a small firm and questions about them, to try and to measure the search with. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from webapp.base import yaml_text

FOLDER = Path(__file__).parent / "shipped"


@dataclass(frozen=True, slots=True)
class ShippedCollection:
    """A shipped collection in the folder of this name; without a group it is shared with everyone."""

    folder: str
    name: str
    about: str
    level: int = 0
    group: str = ""

    @property
    def pages(self) -> Mapping[str, str]:
        """The text of each page by its path, such as `handbook/safety.md`."""
        return {f"{self.folder}/{file.name}": file.read_text("utf-8") for file in sorted((FOLDER / self.folder).glob("*.md"))}


class ShippedQuestion(NamedTuple):
    """A question and the pages that answer it; without pages, the search is expected to find nothing."""

    text: str
    pages: Sequence[str]


COLLECTIONS = (
    ShippedCollection("handbook", "Handbook", "How the people of Larkfield work together. An example."),
    ShippedCollection("finance", "Finance", "Budget, payments and salaries of Larkfield. An example.", level=2, group="finance"),
    ShippedCollection("trading-basics", "Trading basics", "Words of the evening class on trading. An example, not advice."),
)


def questions() -> list[ShippedQuestion]:
    """Returns the questions in the order of the file."""
    found = yaml_text.read((FOLDER / "questions.yaml").read_text("utf-8"), "questions").value
    return [ShippedQuestion(each["question"], each["pages"]) for each in found]
