"""Reads of account plans, objectives and actions."""
