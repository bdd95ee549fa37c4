"""The rows of collections, documents and files: under each rule and kind of thing a line for each route."""

TABLE = {
    ("people", ()): """
        GET knowledge.index signed_in
        POST knowledge.create signed_in
        POST files.bring signed_in
        GET try.show signed_in
        POST try.keep signed_in
        POST try.run signed_in
    """,
    ("one's own", ("collection",)): """
        GET knowledge.show signed_in
        GET knowledge.events signed_in
        POST knowledge.update signed_in
        POST knowledge.delete signed_in
        POST knowledge.add signed_in
        POST knowledge.embed signed_in
    """,
    ("one's own", ("deleted collection",)): "POST knowledge.restore signed_in",
    ("one's own, but no guest", ("collection",)): """
        GET knowledge.people signed_in
        POST knowledge.share signed_in
    """,
    ("one's own", ("collection", "collection grant")): "POST knowledge.unshare signed_in",
    ("one's own", ("document",)): """
        GET documents.show signed_in
        POST documents.update signed_in
        POST documents.again signed_in
        POST documents.delete signed_in
    """,
    ("one's own", ("deleted document",)): "POST documents.restore signed_in",
    ("one's own", ("question",)): "POST try.delete signed_in",
    ("one's own", ("sent file",)): "GET files.show signed_in",
}
