"""Imports chats, in Millrace's format and those of other programs; these are the limits that forms show. Pure."""

MOST_BYTES = 50 * 1024 * 1024
MOST_FILES = 30
# Of the archive of a project, with its files.
MOST_PROJECT_BYTES = 200 * 1024 * 1024
