"""Copies a whole database row by row into another, SQLite or PostgreSQL."""
