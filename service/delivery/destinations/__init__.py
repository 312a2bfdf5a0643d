"""Kinds of receivers, one file each; a new kind is one class that turns a batch of deliveries into outcomes."""
