"""The version of Millrace."""

VERSION = "1.4.0"
