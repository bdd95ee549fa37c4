"""The kinds of frames that a child process sends. Pure."""

FOUND = "found"
WHOLE = "whole"
MEMORY = "memory"
FAULT = "fault"
