"""REST paths of API keys."""
