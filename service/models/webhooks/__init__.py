"""Tables and shapes of webhook endpoints and deliveries."""
