"""The version of Millrace, and its commit where there is no git."""

VERSION = "1.9.0"
# Filled in in archives: by scripts/release.py, and by `git archive` as .gitattributes asks.
COMMIT = "$Format:%h$"
