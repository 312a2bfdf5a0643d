"""What transactions share about scoring models, ratings, classifications and the portfolio."""
