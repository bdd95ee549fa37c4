"""The page of variables and settings says what the code says."""

from scripts.reference import reference
from tests.support.source import ROOT


def test_the_configuration_page_is_made_from_the_code() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")

    assert page == reference(), "make it anew: python -m scripts.reference > docs/configuration.md"
