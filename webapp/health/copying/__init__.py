"""Copies of a whole database, row by row, into one of either kind."""
