"""Show a spec as it is resolved (its file, what it shares, its environment, its variables), or its graph."""

from __future__ import annotations

import argparse

from engine.cli.console import out, out_json, say_problems
from engine.cli.spec_arguments import add_spec_arguments, given_values
from engine.plan import Plan
from engine.spec.compile import load
from engine.spec.variables import Secret


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("spec", help="the spec: file, or file:pipeline")
    add_spec_arguments(parser)
    parser.add_argument("--graph", action="store_true", help="the path of a record, as text")
    parser.add_argument("--json", action="store_true", help="as JSON (the default without --graph)")


def run(options: argparse.Namespace) -> int:
    """Print the resolved spec as JSON, or its graph."""
    plan, warnings = load(options.spec, options.env, given_values(options.set))
    say_problems(warnings)
    if options.graph:
        out(graph(plan))
    else:
        resolved = {**plan.resolved, "vars": dict(plan.vars)}
        out_json({"name": plan.name, "scope": plan.scope, "spec_hash": plan.spec_hash, "spec": shown(resolved)})
    return 0


def shown(value: object) -> object:
    """The value with every secret as `***`."""
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list) else value


def graph(plan: Plan) -> str:
    """One line a stage, in the order in which a record meets them."""
    fields = ", ".join(plan.columns) or "as they come"
    stages = [
        ("source", f"{plan.source.type} {plan.source_end.store().show(plan.resolved['source']['path'])}"),
        ("parser", plan.parser.type),
        ("map", fields),
        ("sink", f"{plan.sink.type} {plan.sink_end.store().show(plan.resolved['sink']['path'])}"),
        ("rejects", plan.state_folder),
    ]
    return "\n".join(
        f"{'  ' * level}{'└ ' if level else ''}{name}: {what}" for level, (name, what) in enumerate(stages)
    )
