"""Reads of webhook endpoints and deliveries."""
