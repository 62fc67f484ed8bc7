# The project's tasks; CI runs the same scripts.

# Format, lint, types, contracts, drift, goldens, tests.
check:
    .ci/check
    python -m pytest

# The tests alone.
test *args:
    python -m pytest {{args}}

# Write what is generated: schemas and the reference page.
schema:
    engine schema --write schemas

# Show what goldens would change to, and change them.
golden *args:
    engine test {{args}} --update

# Ratios against hand-written peers; not part of CI.
bench:
    python tests/benchmarks/all.py

# An hour of random expressions over random values, of which CI runs half a minute.
fuzz:
    python tests/fuzz/expressions.py --seconds 3600

# Every kill point of the crash test, not only CI's sample.
crash:
    ENGINE_CRASH=full python -m pytest tests/crash
