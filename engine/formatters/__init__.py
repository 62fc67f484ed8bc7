"""Records to bytes, one component a file."""
