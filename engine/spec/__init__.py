"""From the text of a spec to a plan: every problem of a file at once, each with its place and remedy."""
