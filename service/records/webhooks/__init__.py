"""Writing webhook endpoints and deliveries inside a transaction."""
