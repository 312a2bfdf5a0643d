"""Mutations of account plans, objectives and actions."""
