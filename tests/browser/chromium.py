"""The browser of the browser tests: where it is, and how it starts."""

import shutil

# The first draws without a window of its own, at two thirds of the CPU.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NOT_WANTED = (
    # A process for a page that may be opened next, in every context: none is, and each costs a tenth of a second.
    "SpareRendererForSitePerProcess",
    # These Playwright leaves out itself, but only the last list counts.
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "MediaRouter",
    "OptimizationHints",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
)
ARGUMENTS = [
    "--disable-features=" + ",".join(NOT_WANTED),
    # As on a desktop: what comes from elsewhere, and a frame without an origin, have processes of their own.
    "--site-per-process",
    "--enable-features=IsolateSandboxedIframes",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str:
    """The first one that is installed; scripts/chromium.sh sees to it that there is one."""
    return next(path for name in NAMES if (path := shutil.which(name)))
