"""What a pipeline remembers between runs, and who may run it now."""
