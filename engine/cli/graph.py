"""The graph of a pipeline: what records pass, and what hangs on it; as text, as Mermaid, as data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from engine.cli.console import one_line
from engine.delivery.rejects import FOLDER
from engine.explaining.facts import lookups_of
from engine.explaining.saying import options_of, plainly
from engine.plan import End, Lookup, Plan
from engine.rows.flow import Step

RECORDS: Final = "records"
LOOKUP: Final = "lookup"
REJECTS: Final = "rejects"
ARCHIVE: Final = "archive"
PLAIN: Final = frozenset(" _.,/+=()-'")
"""What may stand in a Mermaid label as it is, beside letters and digits: nothing that its lexer or Markdown takes."""


class Node(NamedTuple):
    """A part of a pipeline: what it is, and its essential option."""

    id: str
    kind: str
    label: str


class Edge(NamedTuple):
    """What goes from one part to another."""

    start: str
    end: str
    kind: str


class Graph(NamedTuple):
    """A pipeline as nodes and edges, in the order in which a record meets them."""

    name: str
    file: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        edges = [{"from": edge.start, "to": edge.end, "kind": edge.kind} for edge in self.edges]
        return {"name": self.name, "file": self.file, "nodes": [node._asdict() for node in self.nodes], "edges": edges}


def graph_of(plan: Plan) -> Graph:
    """The graph of a plan. Labels say what the spec says: templates and names, never what a secret holds."""
    main, sinks, side = list(_main(plan)), list(_sinks(plan)), list(_side(plan))
    edges = [Edge(before.id, after.id, RECORDS) for before, after in pairwise(main)]
    edges += (Edge(main[-1].id, sink.id, RECORDS) for sink in sinks)
    main += sinks
    for at, step in enumerate(plan.steps):
        edges += (Edge(f"lookup_{name}", f"step{at + 1}", LOOKUP) for name in lookups_of(step) if name in plan.lookups)
    edges += (Edge("source", node.id, ARCHIVE) for node in side if node.kind == ARCHIVE)
    edges += (Edge(node.id, "rejects", REJECTS) for node in main if node.kind not in ("source", "expects"))
    return Graph(plan.name, os.path.relpath(plan.file), [*main, *side], edges)


def _main(plan: Plan) -> Iterator[Node]:
    """What every record passes."""
    yield Node("source", "source", _ended(plan.source, plan.source_end))
    yield Node("parser", "parser", plan.parser.type)
    for at, step in enumerate(plan.steps):
        yield Node(f"step{at + 1}", step.type, _of_step(step))
    if plan.contract:
        yield Node("expects", "expects", plan.contract.file)


def _sinks(plan: Plan) -> Iterator[Node]:
    """Where records go; of several each with its name and what it takes."""
    for at, outlet in enumerate(plan.sinks):
        formatter = getattr(outlet.sink, "formatter", None)
        label = _ended(outlet.sink, outlet.end) + (f", {formatter.type}" if formatter else "")
        when = "otherwise" if outlet.otherwise else outlet.when.text if outlet.when else ""
        several = f"{outlet.name}: " if len(plan.sinks) > 1 else ""
        yield Node(f"sink{at + 1 if several else ''}", "sink", several + label + (f", when {when}" if when else ""))


def _side(plan: Plan) -> Iterator[Node]:
    """What hangs on it."""
    for name, lookup in plan.lookups.items():
        yield Node(f"lookup_{name}", LOOKUP, f"{name}: {_of_lookup(lookup)}")
    for outcome in ("success", "partial", "error"):
        if path := getattr(plan.archive, outcome):
            yield Node(f"archive_{outcome}", ARCHIVE, f"{outcome}: {path.text}")
    yield Node("rejects", REJECTS, os.path.relpath(os.path.join(plan.state_folder, FOLDER)))


def _ended(part: Any, end: End) -> str:
    """A source or a sink: its path as the spec says it, and its connection by name."""
    path = getattr(part, "path", None)
    said = f"{part.type} {path.text}" if path else part.type
    return f"{said} on {end.name}" if end.name else said


def _of_step(step: Step) -> str:
    mapping = step.maps
    if mapping is None:
        options = options_of(step)
        name = options.pop("name", "")
        said = options.get("where") or options.get("each") or plainly(options)
        return f"{name}: {said}" if name else str(said)
    count = len(mapping.columns)
    fields = f"{count} field{'s' * (count != 1)}" if count else ""
    return ", ".join(filter(None, (fields, "the rest passes through" if mapping.pass_through and count else ""))) or (
        "everything passes through"
    )


def _of_lookup(lookup: Lookup) -> str:
    if lookup.values is not None:
        return f"{len(lookup.values)} value{'s' * (len(lookup.values) != 1)}"
    assert lookup.end  # noqa: S101 - a lookup has values or a source
    return f"{_ended(lookup.source, lookup.end)} by {', '.join(path.text for path in lookup.index)}"


def as_text(graph: Graph) -> str:
    """The line that records take, from top to bottom; what hangs on a node stands under it."""
    nodes, edges = {node.id: node for node in graph.nodes}, graph.edges
    main = list(dict.fromkeys(id for edge in edges if edge.kind == RECORDS for id in edge[:2]))
    width = max(len(nodes[id].kind) for id in main)
    lines = [f"{graph.name}: {graph.file}"]
    for id in main:
        lines.append(f"  {nodes[id].kind:<{width}}  {one_line(nodes[id].label)}")
        hanging = list(_hanging(id, nodes, edges))
        signs = ["├"] * (len(hanging) - 1) + ["└"]
        lines += (f"  {'│':<{width}}  {sign} {each}" for sign, each in zip(signs, hanging, strict=False))
    refusing = [nodes[edge.start].kind for edge in edges if edge.kind == REJECTS]
    return "\n".join([*lines, f"  rejects of {', '.join(refusing)}: {nodes['rejects'].label}"])


def _hanging(id: str, nodes: Mapping[str, Node], edges: Iterable[Edge]) -> Iterator[str]:
    for edge in edges:
        if edge.kind == LOOKUP and edge.end == id:
            yield f"lookup {nodes[edge.start].label}"
        if edge.kind == ARCHIVE and edge.start == id:
            yield f"archive {nodes[edge.end].label}"


def as_mermaid(graphs: Sequence[Graph]) -> str:
    """A Mermaid flowchart; several pipelines are a subgraph each."""
    lines = ["flowchart LR"]
    for at, graph in enumerate(graphs):
        prefix = f"p{at + 1}_" if len(graphs) > 1 else ""
        body = list(_mermaid(graph, prefix))
        if prefix:
            head = f'subgraph p{at + 1}["{escaped(graph.name)}"]'
            body = [head, *(f"  {line}" for line in body), "end"]
        lines += (f"  {line}" for line in body)
    return "\n".join(lines)


def _mermaid(graph: Graph, prefix: str) -> Iterator[str]:
    brackets = {LOOKUP: ("[(", ")]"), ARCHIVE: ("[/", "/]"), REJECTS: ("[/", "/]")}
    for node in graph.nodes:
        left, right = brackets.get(node.kind, ("[", "]"))
        yield f'{prefix}{node.id}{left}"{escaped(f"{node.kind} {node.label}")}"{right}'
    for edge in graph.edges:
        arrow = "-->" if edge.kind == RECORDS else f"-. {edge.kind} .->"
        yield f"{prefix}{edge.start} {arrow} {prefix}{edge.end}"


def escaped(text: str) -> str:
    """A text inside the quotes of a Mermaid label: whatever could mean something is written as its number."""
    return "".join(letter if letter.isalnum() or letter in PLAIN else f"#{ord(letter)};" for letter in text)
