"""Mapping files of the original SDK: read as they are, turned into our mapping language, their differences listed.

`words.py` knows whose language a file is in, `structure.py` turns it into ours, `converting.py` writes that as a file.
"""
