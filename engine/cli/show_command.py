"""Show a spec as it is resolved (its file, what it shares, its environment, its variables), or its graph."""

from __future__ import annotations

import argparse
from typing import Any

from engine.cli.console import out, out_json, say_problems
from engine.cli.graph import as_mermaid, as_text, graph_of
from engine.cli.spec_arguments import add_spec_arguments, given_values
from engine.hidden import Secret
from engine.plan import Plan
from engine.spec.compile import load
from engine.spec.project import pipelines_in


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("spec", help="the spec: file, or file:pipeline; of a file with several pipelines all are shown")
    add_spec_arguments(parser)
    drawn = parser.add_mutually_exclusive_group()
    drawn.add_argument("--graph", action="store_true", help="the path of a record, as text; with --json as data")
    drawn.add_argument("--mermaid", action="store_true", help="the same as a Mermaid flowchart")
    parser.add_argument("--json", action="store_true", help="as JSON (the default without --graph and --mermaid)")


def run(options: argparse.Namespace) -> int:
    """Print the resolved spec as JSON, or its graph."""
    plans = []
    for spec in pipelines_in(options.spec):
        plan, warnings = load(spec, options.env, given_values(options.set))
        say_problems(warnings)
        plans.append(plan)
    graphs = [graph_of(plan) for plan in plans] if options.graph or options.mermaid else []
    if graphs and not options.json:
        out(as_mermaid(graphs) if options.mermaid else "\n\n".join(map(as_text, graphs)))
    else:
        _out_each([graph.as_dict() for graph in graphs] or [_resolved(plan) for plan in plans])
    return 0


def _out_each(found: list[dict[str, Any]]) -> None:
    """One pipeline as it is, several as a list."""
    out_json(found[0] if len(found) == 1 else found)


def _resolved(plan: Plan) -> dict[str, Any]:
    resolved = {**plan.resolved, "vars": dict(plan.vars)}
    return {"name": plan.name, "scope": plan.scope, "spec_hash": plan.spec_hash, "spec": shown(resolved)}


def shown(value: object) -> object:
    """The value with every secret as `***`."""
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list) else value
