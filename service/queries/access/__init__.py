"""Reads of API keys."""
