"""Documents made of what the service knows: data in, bytes out; nothing here reads or writes anything."""
