"""The only module that reads spec files and imports yaml: text to Document, or SpecError with every problem.

YAML comes as events and never through PyYAML's composer, whose recursion in C ends the process on deep text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, Final, NoReturn

from engine.errors import SpecError
from engine.spec.builder import Builder
from engine.spec.document import Document, Node, Source
from engine.spec.problems import Problem, at_mark, in_file
from engine.spec.scalars import quoted, shortened
from engine.spelling import closest

__all__ = ["BYTES", "events", "read", "read_bytes", "read_text"]

BYTES: Final = 5_000_000
"""A larger file is refused before anything is read of it."""

_SPLIT: Final = "move tables and lists of this size into files of their own"
# What YAML calls no text, and three signs that it counts as ends of lines where editors do not.
_REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_PROPERTIES = re.compile(r"(?:[&!]\S*(?:\s+|#[^\r\n]*)*)+")
_TAG = re.compile(r"!\S*")
_COMMENT = re.compile(r"[ \t]*(#[^\r\n]*)")


def read(path: str, shown: str | None = None) -> Document:
    """The document in a file: JSON when its name ends so, else YAML. `shown` is its name in messages."""
    shown = path if shown is None else shown
    try:
        with open(path, "rb") as file:
            data = file.read(BYTES + 1)
    except OSError as error:
        raise SpecError([_unreadable(path, shown, error)]) from error
    return read_bytes(data, shown, json=path.lower().endswith(".json"))


def read_bytes(data: bytes, shown: str, json: bool = False) -> Document:
    """The document in the bytes of a file."""
    _refuse_large(len(data), shown)
    return read_text(_decoded(data, shown), shown, json)


def read_text(text: str, shown: str, json: bool = False) -> Document:
    """The document in a text. Raises SpecError with every problem that can be found, in their order."""
    _refuse_large(len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")), shown)
    source = Source(shown, text.removeprefix("\ufeff"))
    if json:
        from engine.spec import json_reader  # only for `.json`

        return json_reader.parse(source)
    _refuse_signs(source)
    return _YamlReader(source).document()


def events(text: str) -> Iterator[Any]:
    """What YAML sees in a text, step by step, each with its marks: for those who look at how it is written."""
    import yaml

    return yaml.parse(text, Loader=yaml.CSafeLoader)


def _unreadable(path: str, shown: str, error: OSError) -> Problem:
    if not isinstance(error, FileNotFoundError):
        return in_file(shown, "S110", f"the file cannot be read: {error.strerror or error}")
    folder, name = os.path.split(path)
    try:
        near = closest(name, os.listdir(folder or "."))
    except OSError:
        return in_file(shown, "S110", "the file does not exist", help=f"nor can its folder `{folder}` be read")
    help = "did you mean " + " or ".join(f"`{each}`" for each in near) + "?" if near else ""
    return in_file(shown, "S110", "the file does not exist", help=help)


def _refuse_large(size: int, shown: str) -> None:
    if size > BYTES:
        message = f"the file is larger than {BYTES:,} bytes"
        raise SpecError([in_file(shown, "S107", message, help=_SPLIT)])


def _decoded(data: bytes, shown: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        source = Source(shown, data.decode("utf-8-sig", errors="replace"))
        at = len(data[: error.start].decode("utf-8-sig"))
        message = f"byte {error.start:,} of the file, 0x{data[error.start]:02x}, is not UTF-8"
        mark = source.mark(at, at + 1)
        raise SpecError([at_mark(source, mark, "S108", message, help="save the file as UTF-8")]) from error


def _refuse_signs(source: Source) -> None:
    found = _REFUSED.search(source.text)
    if found:
        Builder(source).refuse_sign(found.start())


class _YamlReader:
    """Turns the events of libyaml into a document, refusing what YAML allows and specs do not."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.builder = Builder(source)
        self.anchors: dict[str, Node | None] = {}
        self.waiting: list[str | None] = []

    def document(self) -> Document:
        import yaml

        try:
            for event in yaml.parse(self.source.text, Loader=yaml.CSafeLoader):
                self.take(event)
        except yaml.MarkedYAMLError as error:
            from engine.spec.syntax import explain  # only where something is wrong

            self.stop_at(explain(self.source, error, _reads))
        if self.builder.root is None or (self.builder.root.is_empty and not self.builder.root.style):
            self.builder.problems.append(in_file(self.source.path, "S101", "the file is empty"))
        return self.builder.finish()

    def stop_at(self, problem: Problem) -> NoReturn:
        """End where YAML ends. What was found amiss in the same line is mostly a part of it."""
        same = (problem.code, problem.line)
        kept = [other for other in self.builder.problems if (other.code, other.line) != same]
        self.builder.problems = [*kept, problem]
        self.builder.stop()

    def take(self, event: Any) -> None:
        """One event, by the name of its class: the classes are known only where yaml is imported."""
        handler = _HANDLERS.get(type(event).__name__)
        if handler:
            handler(self, event)

    def start(self, event: Any) -> None:
        if self.builder.root is not None:
            help = "a file holds one document: move this one into a file of its own"
            mark = event.start_mark.index, event.end_mark.index
            self.builder.fail(*mark, "S101", "a second document begins here", help=help)

    def scalar(self, event: Any) -> None:
        start = min(self.behind_properties(event), event.end_mark.index)
        end = event.end_mark.index
        if event.style or event.tag is not None:
            node = Node(start, end, event.style, event.value)
        else:
            node = self.builder.word(start, end, event.value)
            self.refuse_doubtful(node)
        self.refuse_tag(event)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self.builder.add(node)

    def alias(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        node = self.anchors.get(event.anchor)
        if self.builder.awaits_key:
            message, help = "a key cannot be an alias", "write the key out"
        elif event.anchor not in self.anchors:
            message = f"`*{shortened(event.anchor)}` names no anchor above it"
            help = f"for a text write `{_quoted_line(self.source, start, end)}`"
        elif node is None:
            message = f"`*{shortened(event.anchor)}` stands inside the value that it names"
            help = "a value cannot hold itself: write the part out"
        else:
            self.builder.add(node)
            return
        self.builder.note(start, end, "S101", message, help=help)
        self.builder.add(Node(start, end, "*"))

    def mapping(self, event: Any) -> None:
        start = self.behind_properties(event)
        self.open(event, Node(start, start + 1, "{", members={}))

    def sequence(self, event: Any) -> None:
        start = self.behind_properties(event)
        self.open(event, Node(start, start + 1, "[", items=[]))

    def open(self, event: Any, node: Node) -> None:
        if self.builder.awaits_key:
            self.refuse_key(node)
        self.refuse_tag(event)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.waiting.append(event.anchor)
        self.builder.open(node, flow=event.flow_style)

    def close(self, event: Any) -> None:
        frame = self.builder.close(event.end_mark.index)
        anchor = self.waiting.pop()
        if anchor is not None:
            self.anchors[anchor] = frame.node
        if frame.flow:
            self.refuse_split(frame.node)

    def behind_properties(self, event: Any) -> int:
        """Where the value itself begins, behind its anchor and tag."""
        start: int = event.start_mark.index
        if event.anchor is None and event.tag is None:
            return start
        found = _PROPERTIES.match(self.source.text, start)
        return found.end() if found else start

    def refuse_tag(self, event: Any) -> None:
        if event.tag is None:
            return
        found = _TAG.search(self.source.text, event.start_mark.index)
        start, end = found.span() if found else (event.start_mark.index, event.start_mark.index + 1)
        value = getattr(event, "value", None)
        text = self.source.text[start:end] if value == "" else value
        help = "leave the tag out" if text is None else f"leave the tag out; a text is `{quoted(shortened(text))}`"
        self.builder.note(start, end, "S104", "tags are not read: what is written decides its type", help=help)

    def refuse_key(self, node: Node) -> None:
        """A collection as a key, mostly a text such as `{{ name }}` that lacks its quotes."""
        start = self.builder.stack[-1].node.start
        help = "write the key as a word, or in quotes"
        if self.source.text.startswith("{{", start):
            end = self.source.text.find("}}", start) + 2
            help = f"for a text write `{_quoted_line(self.source, start, max(end, start + 2))}`"
        self.builder.note(node.start, node.end, "S101", "a mapping or a list cannot be a key", help=help)

    def refuse_doubtful(self, node: Node) -> None:
        """What is written where a user hardly means what YAML makes of it."""
        if not self.builder.awaits_key:
            self.refuse_comment(node)
        elif node.is_empty:
            help = 'write the key; the empty text as a key is `""`'
            self.builder.note(node.start, node.end, "S101", "the key is missing here", help=help)
        elif node.value == "<<":
            help = "write the keys out, or give a whole value an anchor and use that: `key: *anchor`"
            self.builder.note(node.start, node.end, "S104", "merge keys (`<<`) are not read", help=help)

    def refuse_comment(self, node: Node) -> None:
        found = _COMMENT.match(self.source.text, node.end) if node.is_empty else None
        if found and self.builder.stack:
            start, end = found.span(1)
            message = f"the value is missing: `{shortened(found[1])}` is a comment to YAML"
            help = f"write `{_quoted_line(self.source, start, end)}`, or `null` before the comment"
            self.builder.note(start, end, "S106", message, help=help)

    def refuse_split(self, node: Node) -> None:
        """A text with a comma in its brackets, which YAML took apart inside a mapping or a list."""
        text = self.source.text
        if text.find("(", node.start, node.end) < 0:
            return
        words = [word for word in _words(node) if node.start < word.start and word.end < node.end]
        depths = [_open_brackets(text[word.start : word.end]) for word in words]
        first = next((at for at, depth in enumerate(depths) if depth > 0), None)
        if first is None or not (_lost(node) if node.members else any(depth < 0 for depth in depths[first:])):
            return
        totals = accumulate(depths[first:])
        last = next((first + at for at, total in enumerate(totals) if total <= 0), len(words) - 1)
        start, end = words[first].start, words[last].end
        message = f"YAML takes `{shortened(text[start:end])}` apart at its commas"
        help = f"write `{_quoted_line(self.source, start, end)}`"
        self.builder.note(start, end, "S105", message, help=help)


_HANDLERS: Final[dict[str, Callable[[_YamlReader, Any], None]]] = {
    "DocumentStartEvent": _YamlReader.start,
    "ScalarEvent": _YamlReader.scalar,
    "AliasEvent": _YamlReader.alias,
    "MappingStartEvent": _YamlReader.mapping,
    "SequenceStartEvent": _YamlReader.sequence,
    "MappingEndEvent": _YamlReader.close,
    "SequenceEndEvent": _YamlReader.close,
}


def _words(node: Node) -> Iterator[Node]:
    """The plain words of a collection in the order of the text, without the empty ones."""
    pairs = (node.members or {}).values()
    for below in node.items or (each for pair in pairs for each in pair):
        if not below.style and not below.is_empty:
            yield below


def _lost(node: Node) -> bool:
    return any(value.is_empty and not value.style for _, value in (node.members or {}).values())


def _open_brackets(text: str) -> int:
    return text.count("(") - text.count(")")


def _reads(text: str, line: int) -> bool:
    """Whether YAML comes past a line of the text; what stands below is not looked at."""
    import yaml

    event: Any
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if event.start_mark.line >= line and event.end_mark.index > event.start_mark.index:
                break
    except yaml.MarkedYAMLError as error:
        begun_here = error.context_mark is not None and error.context_mark.line == line - 1
        return error.problem_mark is not None and error.problem_mark.line >= line and not begun_here
    return True


def _quoted_line(source: Source, start: int, end: int) -> str:
    from engine.spec.syntax import quoted_line  # only where something is wrong

    return quoted_line(source, start, end)
