"""Spec, Registry, plug-ins: what is named is found, what is wrong is answered in one line."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import Registry, RegistryError, Spec, UnknownName, load_plugin
from registry import registry as registry_module

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.tuples(children, children),
    max_leaves=5,
)


@given(
    st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True),
    st.none() | st.from_regex(r"[a-z0-9._-]{1,9}", fullmatch=True),
    st.dictionaries(st.from_regex(r"x[a-z0-9_]{0,6}", fullmatch=True), VALUES, max_size=4),
)
def test_a_spec_is_its_spelling(name, variant, options):
    spec = Spec(name, variant, options)
    assert Spec.parse(str(spec)) == spec
    assert hash(Spec.parse(str(spec))) == hash(spec)


def test_a_mapping_is_another_spelling():
    assert Spec.parse({"name": "timm/resnet50", "trainable": True}) == Spec.parse("timm/resnet50(trainable=True)")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "f(1)",
        "f(x=",
        "f(x=open)",
        "f(**k)",
        "f(x=1)(y=2)",
        "f(x=1) + 2",
        "f().g",
        "a/",
        "a/b c",
        3,
        None,
        "f(x=__import__('os').system('true'))",
        {"num_heads": 3},
        "f(x=1, x=2)",
    ],
)
def test_bad_specs_are_refused(text):
    with pytest.raises(ValueError, match="cannot read component"):
        Spec.parse(text)


class Part:
    """Does one thing."""

    def __init__(
        self, size: int, *, depth: int = 3, rate: float = 0.5, mode: Literal["a", "b"] = "a", cap: int | None = None
    ):
        self.size, self.depth = size, depth


@pytest.fixture
def parts():
    registry = Registry("part", home="tests_no_such_home", group="caption_zoo.part")
    registry.register("part")(Part)
    return registry


def test_builds_with_sizes_by_position_and_options_by_name(parts):
    part = parts.build("part(depth=5)", 7)
    assert (part.size, part.depth) == (7, 5)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("prt", "no part 'prt'. Did you mean 'part'? Known: part."),
        ("part(dept=1)", "Did you mean 'depth'?"),
        ("part(size=1)", "no option of part 'part' 'size'"),
        ("part(depth='x')", "depth='x' should be a whole number"),
        ("part(depth=True)", "depth=True should be a whole number"),
        ("part(mode='c')", "mode='c' should be 'a' or 'b'"),
        ("part(cap=1.5)", "cap=1.5 should be a whole number or None"),
        ("part/x", "has no variants"),
    ],
)
def test_what_is_wrong_is_answered_with_what_is_right(parts, spec, said):
    with pytest.raises(RegistryError) as error:
        parts.check(spec)
    assert said in str(error.value)


@pytest.mark.parametrize("spec", ["part(rate=1)", "part(cap=None)", "part(mode='b')"])
def test_what_fits_is_let_through(parts, spec):
    parts.check(spec)


def test_two_things_of_one_name_is_an_error_that_shows_both(parts):
    class Other:
        pass

    parts.register("part")(Part)  # the same thing twice is no clash
    with pytest.raises(RegistryError, match=r"already tests?\..*Part|already .*Part.*Other needs another name"):
        parts.register("part")(Other)


def test_entry_points_are_listed_without_import_and_loaded_on_use(monkeypatch):
    point = EntryPoint("mean_of", "statistics:mean", "caption_zoo.part")
    broken = EntryPoint("broken", "no_such_module:thing", "caption_zoo.part")
    monkeypatch.setattr(registry_module, "entry_points", lambda group: [point, broken])
    registry = Registry("part", home="tests_no_such_home", group="caption_zoo.part")
    assert list(registry) == ["broken", "mean_of"]
    assert [item.summary for item in registry.components()] == [
        "plug-in no_such_module:thing",
        "plug-in statistics:mean",
    ]
    assert registry["mean_of"]([1, 3]) == 2
    with pytest.raises(RegistryError, match="'broken' of plug-in no_such_module:thing could not be loaded"):
        registry["broken"]


def test_listing_imports_no_torch():
    code = (
        "import sys; from benchmarks.commands import kinds\n"
        "names = [item.name for registry in kinds().values() for item in registry.components()]\n"
        "assert {'bahdanau', 'timm', 'lstm', 'scenes', 'meteor'} <= set(names), names\n"
        "bad = [name for name in ('torch', 'timm', 'pycocoevalcap', 'zoo.attention.luong') if name in sys.modules]\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_plugin_file_is_run_once_and_its_mistakes_named(tmp_path, parts):
    file = tmp_path / "mine.py"
    file.write_text("COUNT = []\nCOUNT.append(1)\n")
    assert load_plugin(file) is load_plugin(str(file))
    bad = tmp_path / "bad.py"
    bad.write_text("raise RuntimeError('boom')\n")
    with pytest.raises(ValueError, match=r"bad.py' could not be loaded: RuntimeError: boom"):
        load_plugin(bad)
    with pytest.raises(ValueError, match="no plug-in file"):
        load_plugin(tmp_path / "none.py")
    with pytest.raises(UnknownName):
        parts["mine"]
