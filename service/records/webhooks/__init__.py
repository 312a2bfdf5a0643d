"""What transactions share about webhook endpoints and deliveries."""
