"""Queries that an operation answers."""
