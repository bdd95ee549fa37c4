"""Who can see the calls of answers, and decide about them."""

TABLE = {
    ("readers", ("call",)): "GET calls.show anybody",
    ("readers", ("message",)): "GET calls.of_message anybody",
    ("writing people", ("call",)): "POST calls.decide signed_in",
    ("writing people", ("message",)): "POST calls.decide_limit signed_in",
    ("person", ("chat",)): """
        GET calls.tools signed_in
        POST calls.choose signed_in
    """,
    ("writing people", ("chat",)): "POST calls.take_back signed_in",
}
