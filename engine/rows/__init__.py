"""The reference meaning of a spec, one record at a time: it defines every result and every error text.

A map becomes closures once; each takes a Frame and gives a value, MISSING where nothing is written. The order inside
a field is fixed: `when`, source, resolvers, `default`, `required`, checks, emit. `compiler.py` puts fields together,
`makers.py` makes values, `steps.py` resolves and checks them, `failures.py` names what went wrong, `mapper.py` maps
batches, `quick.py` is a shortcut; `flow.py` leads records through the steps of a pipeline.
"""

from __future__ import annotations
