"""The version of Millrace."""

VERSION = "1.2.0"
