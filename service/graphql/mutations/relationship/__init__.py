"""Mutations of relationship stages."""
