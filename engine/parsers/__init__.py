"""Bytes to records, one component a file."""
