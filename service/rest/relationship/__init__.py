"""REST paths of relationship stages."""
