"""The key account management service; each folder is a floor, each file a part."""
