"""Calls to other systems: checked addresses, pinned connections, bounded answers, httpx, signatures."""
