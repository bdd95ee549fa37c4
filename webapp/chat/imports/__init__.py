"""Imports chats, in Millrace's format and those of other programs; these are the limits that forms show. Pure."""

# Of files in one request, and of an archive that is sent in pieces.
MOST_BYTES = 50 * 1024 * 1024
MOST_ARCHIVE_BYTES = 1024 * 1024 * 1024
PIECE_BYTES = 4 * 1024 * 1024
MOST_FILES = 30
# Of the archive of a project, with its files.
MOST_PROJECT_BYTES = 200 * 1024 * 1024
