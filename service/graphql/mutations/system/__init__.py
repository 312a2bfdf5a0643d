"""Mutations of jobs."""
