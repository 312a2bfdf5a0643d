"""Rules of relationship stages."""
