"""The documents of previews: what no policy keeps from the network is not in them."""

import pytest

from webapp.rendering.previews import document


@pytest.mark.parametrize("kind", ["html", "svg"])
@pytest.mark.parametrize(
    "code",
    [
        '<LINK rel=preconnect href="//evil.example">',
        '<link/rel=dns-prefetch href="//evil.example">',
        '<meta http-equiv="x-dns-prefetch-control" content="on">',
        "<meta HTTP-EQUIV=refresh content='0;url=//evil.example'>",
        "<template ShadowRootMode=open><iframe srcdoc=x></iframe></template>",
    ],
)
def test_nothing_in_it_reaches_out_by_itself(kind: str, code: str) -> None:
    made = document(kind, code, is_run=True).lower()
    assert not [words for words in ("<link ", "<link/", "http-equiv", " shadowrootmode") if words in made]


def test_the_rest_stays_as_it_was() -> None:
    page = "<meta charset=utf-8><p onclick='go()'>Links: <a href='/x'>x</a></p><script>linked = 1</script>"
    assert document("html", page) == f"<!doctype html>{page}"
