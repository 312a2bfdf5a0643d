"""Reads of relationship stages."""
