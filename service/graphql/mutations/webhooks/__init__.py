"""Mutations of webhook endpoints and deliveries."""
