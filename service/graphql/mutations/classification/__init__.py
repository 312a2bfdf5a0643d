"""Mutations of scoring models, ratings, classifications and the portfolio."""
