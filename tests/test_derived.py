"""What is derived from components: schemas and reference fresh, every file one component, third parties found."""

import importlib
import pkgutil

import jsonschema
import pytest

from engine import registry
from engine.cli.schema_command import all_schemas, files
from engine.options import schema_of
from engine.registry import Doc, Example
from engine.spec.validate import validate


@pytest.mark.parametrize("name", sorted(files()))
def test_generated_files_are_fresh(name):
    with open(f"schemas/{name}", encoding="utf-8") as file:
        assert file.read() == files()[name], "stale: run `engine schema --write schemas`"


@pytest.mark.parametrize("name", sorted(all_schemas()))
def test_schemas_are_schemas(name):
    jsonschema.Draft202012Validator.check_schema(all_schemas()[name])


@pytest.mark.parametrize("kind", ["parser", "formatter", "source", "sink"])
def test_a_component_is_the_file_of_its_name(kind):
    package = importlib.import_module(f"engine.{kind}s")
    names = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}
    assert names == set(registry.components(kind))


@pytest.mark.parametrize(
    "found",
    [found for kind in registry.KINDS for found in registry.components(kind).values()],
    ids=lambda found: f"{found.kind}-{found.name}",
)
def test_examples_of_components_validate(found):
    schema = all_schemas()["spec"]
    for example in found.examples:
        jsonschema.validate(example, {"$ref": f"#/$defs/{found.kind}", "$defs": schema["$defs"]})


def test_an_annotation_outside_the_vocabulary_is_refused():
    with pytest.raises(TypeError, match=r"outside the vocabulary of option types; see engine/options\.py"):
        schema_of(set[str])


def test_what_would_confuse_is_refused_at_declaration():
    with pytest.raises(TypeError, match="has no docstring"):
        registry.resolver("text", "text", [Example("a", "a")])(lambda value: value)
    with pytest.raises(TypeError, match="is declared already"):

        @registry.resolver("text", "text", [Example("a", "a")])
        def upper(value):
            """Taken."""

    with pytest.raises(TypeError, match="needs Annotated"):

        @registry.resolver("text", "text", [Example("a", "a")])
        def odd(value, *, option: int = 1):
            """Odd."""


def test_a_third_party_declares_by_entry_point(tmp_path, monkeypatch):
    (tmp_path / "shout_plugin.py").write_text(
        "from engine.registry import Example, resolver\n\n\n"
        "@resolver('text', 'text', [Example('a', 'a!')])\n"
        "def shout(value):\n    '''The text with an exclamation mark.'''\n    return value + '!'\n"
    )
    info = tmp_path / "shout_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shout-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[engine.components]\nshout = shout_plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_loaded", registry._loaded - {registry.ENTRY_POINTS})
    monkeypatch.setattr(registry, "_resolvers", dict(registry._resolvers))
    found = registry.find_resolver("shout")
    assert found is not None
    assert found.function("hey") == "hey!"
    assert found.family == "shout_plugin"


def test_docs_are_sentences():
    for kind in registry.KINDS:
        for found in registry.components(kind).values():
            assert found.doc.endswith("."), found.name
            assert all(option.doc.text.rstrip("`").endswith((".", ")")) for option in found.options), found.name
    assert all(resolver.doc.split("\n\n")[0].endswith(".") for resolver in registry.resolvers().values())
    assert Doc("x").secret is False
    assert callable(validate)
