"""Tables and shapes of scoring models, ratings, classifications and the portfolio."""
