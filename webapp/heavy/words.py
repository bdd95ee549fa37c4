"""What a child process says of each thing it sends. Pure."""

FOUND = "found"
WHOLE = "whole"
MEMORY = "memory"
FAULT = "fault"
