"""The middle of the house: one function is one transaction with one permission, and emits its events."""
