"""What transactions share: the context, rows (find, lock, insert, change), and stored results of rules."""
