"""REST paths of webhook endpoints and deliveries."""
