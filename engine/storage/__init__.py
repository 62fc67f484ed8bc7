"""Where files live: the door to each kind of store."""
