"""Who can have answers read by the server's voice."""

TABLE = {
    ("planners", ()): """
        POST reading_aloud.speak signed_in
        POST api_speech.create api:chat
    """,
    ("reading people", ("message",)): """
        GET reading_aloud.show signed_in
        GET reading_aloud.play signed_in
    """,
}
