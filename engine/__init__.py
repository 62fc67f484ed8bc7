"""A declarative pipeline engine: a spec is checked like a program and every record is accounted for."""
