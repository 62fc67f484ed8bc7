"""What a mapping means: paths, expressions, templates, fields, types."""
