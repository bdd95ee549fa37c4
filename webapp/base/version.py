"""The version of Millrace."""

VERSION = "1.0.0"
