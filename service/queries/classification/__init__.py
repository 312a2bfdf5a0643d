"""Reads of scoring models, ratings, classifications and the portfolio."""
