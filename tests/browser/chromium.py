"""The Chromium of the browser tests: its path and its options."""

import shutil

# The first renders without a window, with two thirds of the CPU time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NOT_WANTED = (
    # Starts a spare process for the next page of every context: the tests never use it, and each costs a tenth of a second.
    "SpareRendererForSitePerProcess",
    # Playwright disables these too, but only the last list takes effect.
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "MediaRouter",
    "OptimizationHints",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
)
# By this name, Chromium opens the tests' servers as people open one in their network.
FAR_NAME = "chat.test"
ARGUMENTS = [
    "--disable-features=" + ",".join(NOT_WANTED),
    # As on a desktop: cross-site frames, and sandboxed frames without an origin, run in separate processes.
    "--site-per-process",
    "--enable-features=IsolateSandboxedIframes",
    # To browsers, plain HTTP to any name but this machine's own is less: they send no Sec-Fetch headers there, for example.
    f"--host-resolver-rules=MAP {FAR_NAME} 127.0.0.1",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str:
    """Returns the first one that is installed; scripts/chromium.sh makes sure that there is one."""
    return next(path for name in NAMES if (path := shutil.which(name)))
