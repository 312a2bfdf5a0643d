"""Tables and shapes of the feed of events and its consumers."""
