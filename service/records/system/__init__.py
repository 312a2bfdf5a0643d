"""What transactions share about jobs."""
