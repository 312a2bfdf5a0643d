"""Documents drawn from data: data in, bytes out. Nothing here reads or writes anything."""
