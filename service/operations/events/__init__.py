"""Operations on the feed of events and its consumers."""
