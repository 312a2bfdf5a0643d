"""The key account management service; each folder is a floor, each file a part."""

__version__ = "0.1.0"
