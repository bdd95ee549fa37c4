"""Names the browser and operating system of a User-Agent header. Pure."""

BROWSERS = (  # the first match wins: most headers name several of the others too
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Headless Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def in_words(agent: str) -> str:
    """Returns, for example, `Firefox on Linux`; an unknown client is called by its own first word."""
    browser, system = browser_and_system(agent)
    return f"{browser or 'A browser'} on {system}" if system else browser or "Unknown browser"


def browser_and_system(agent: str) -> tuple[str, str]:
    """Returns both names, empty for one that isn't known."""
    browser, system = _named(BROWSERS, agent), _named(SYSTEMS, agent)
    first = agent.split("/")[0].split()
    return browser or (first[0][:40] if first and not system else ""), system


def _named(names: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((words for sign, words in names if sign in agent), "")
