"""The steps: what happens to records between the parser and the sinks, one component a file."""
