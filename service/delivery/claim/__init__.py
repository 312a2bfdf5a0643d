"""Which deliveries are due, and which worker takes them."""
