"""Mutations as data, one file per part; graph.py puts them together."""
