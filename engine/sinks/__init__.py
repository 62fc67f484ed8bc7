"""Where records go, one component a file."""
