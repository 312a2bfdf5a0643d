"""Tables and shapes of relationship stages."""
