"""How events leave the house: claim (transaction), send (network), settle (transaction), at least once and in order
per account.
"""
