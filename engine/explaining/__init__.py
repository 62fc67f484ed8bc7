"""What a plan does, said before and after a record went through: facts of each field, and a worked example.

`facts.py` says what is known of steps and fields, `failing.py` when one is blank and how it may fail, `saying.py`
writes options as a spec does, `worked.py` leads a record of the sample through one field.
"""
