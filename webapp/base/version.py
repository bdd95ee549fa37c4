"""The version of Millrace."""

VERSION = "1.1.0"
