"""How events leave: claim (transaction), send (network), settle (transaction); at least once, in order per account."""
