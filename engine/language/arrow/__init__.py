"""Columns: values of the language to and from Arrow's arrays, Parquet files opened and begun. The only door to pyarrow.

It is imported where a column is touched, never before: a run without Parquet does not pay for it.
"""
