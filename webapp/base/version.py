"""The version of Millrace."""

VERSION = "1.3.0"
