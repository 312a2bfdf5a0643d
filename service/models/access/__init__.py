"""Tables and shapes of API keys."""
