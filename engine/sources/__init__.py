"""Where records come from, one component a file."""
