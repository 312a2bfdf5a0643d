"""Mutations of API keys."""
