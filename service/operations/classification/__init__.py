"""Operations on scoring models, ratings, classifications and the portfolio."""
