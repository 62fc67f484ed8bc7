"""Mapping files of the original SDK: read as they are, turned into our mapping language, their differences said.

A file runs unchanged, or `engine fmt --convert` writes it in our language. Each difference on purpose is a warning of
`check` under its code, where it applies to the file.
"""

# `words.py` knows whose language a file is in, `structure.py` turns it into ours, `converting.py` writes that down.

from typing import Final

DIFFERENCES: Final = "M6"
"""How the codes of the differences begin; their pages say what the SDK does and what ours does."""
