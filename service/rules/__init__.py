"""Key account management itself: pure functions that return verdicts; no clock, no input or output."""
