"""Kinds of receivers, one file each. A new kind is one class that turns a batch of deliveries into outcomes."""
