"""The due deliveries, and which worker leases them."""
