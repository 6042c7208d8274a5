"""Spec, Registry, plug-ins: what is named is found, what is wrong is answered in one line."""

import enum
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal, NewType, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import PluginWarning, Registry, RegistryError, Spec, UnknownName, entry_points, load_plugin

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
    registry = Registry("part", home="tests_no_such_home", name="PARTS", group="caption_zoo.part")
    registry.register("part")(Part)
    return registry


def test_builds_with_sizes_by_position_and_options_by_name(parts):
    part = parts.build("part(depth=5)", 7)
    assert (part.size, part.depth) == (7, 5)


@pytest.mark.parametrize(
    ("spec", "message"),
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
def test_what_is_wrong_is_answered_with_what_is_right(parts, spec, message):
    with pytest.raises(RegistryError) as error:
        parts.check(spec)
    assert message in str(error.value)


@pytest.mark.parametrize("spec", ["part(rate=1)", "part(cap=None)", "part(mode='b')"])
def test_what_fits_is_let_through(parts, spec):
    parts.check(spec)


def test_two_things_of_one_name_is_an_error_that_shows_both(parts):
    class Other:
        pass

    parts.register("part")(Part)  # the same thing twice is no clash
    with pytest.raises(RegistryError, match=r"already tests?\..*Part|already .*Part.*Other needs another name"):
        parts.register("part")(Other)


@pytest.fixture
def advertised(monkeypatch):
    """A function that makes a registry of what it is told to find installed."""

    def registry(**values):
        points = [EntryPoint(name, value, "caption_zoo.part") for name, value in values.items()]
        monkeypatch.setattr(entry_points, "_installed", lambda: metadata.EntryPoints(points))
        return Registry("part", home="tests_no_such_home", name="PARTS", group="caption_zoo.part")

    return registry


def test_entry_points_are_listed_without_import_and_loaded_on_use(advertised):
    registry = advertised(mean_of="statistics:mean", broken="no_such_module.part:thing", torn="statistics:meen")
    assert list(registry) == ["broken", "mean_of", "torn"]
    assert [item.summary for item in registry.components()] == [
        "plug-in no_such_module.part:thing, broken: there is no module 'no_such_module'",
        "plug-in statistics:mean",
        "plug-in statistics:meen",
    ]
    assert registry["mean_of"]([1, 3]) == 2
    with pytest.raises(RegistryError, match=r"'broken' of plug-in no_such_module\.part:thing could not be loaded"):
        registry["broken"]
    with pytest.raises(RegistryError, match="'torn' of plug-in statistics:meen could not be loaded: AttributeError"):
        registry["torn"]


def test_an_entry_point_that_is_no_name_breaks_no_list(advertised):
    registry = advertised(odd="my-part:thing", empty="")
    assert ["broken: there is no module" in item.summary for item in registry.components()] == [True, True]
    with pytest.raises(RegistryError, match="'odd' of plug-in my-part:thing could not be loaded"):
        registry["odd"]


class Many(Part):
    """Comes in two."""

    @staticmethod
    def variants():
        return ["one", "two.small"]


class Mute(Part):
    """Cannot tell what it comes in."""

    @staticmethod
    def variants():
        raise RuntimeError("no network")


def test_names_come_with_their_variants_and_patterns_are_held_against_the_whole(parts):
    parts.register("many")(Many)
    assert parts.names() == ["many/one", "many/two.small", "part"]
    assert parts.names("*small*") == ["many/two.small"]
    assert parts.names("m*") == ["many/one", "many/two.small"]
    assert parts.names("many") == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module:thing", "part 'broken' of plug-in no_such_module:thing could not be loaded: ModuleNotFound"),
        (f"{__name__}:Mute", "part 'broken' cannot tell its variants: RuntimeError('no network')"),
    ],
)
def test_a_broken_plugin_is_left_out_of_the_names_with_a_warning(advertised, value, message):
    registry = advertised(broken=value, mean_of="statistics:mean")
    with pytest.warns(PluginWarning, match=re.escape(message)) as warned:
        assert registry.names() == ["mean_of"]
    assert len(warned) == 1
    assert "\n" not in str(warned[0].message)


def test_what_is_broken_at_home_is_no_warning(tmp_path, monkeypatch):
    home = tmp_path / "tests_home"
    home.mkdir()
    (home / "__init__.py").touch()
    (home / "part.py").write_text(
        "import no_such_module\nfrom tests_home import PARTS\n@PARTS.register('part')\nclass Part:\n    def variants(): ...\n"
        "@PARTS.register('plain')\nclass Plain: ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("part", home="tests_home", name="PARTS", group="caption_zoo.part")
    assert list(registry) == ["part", "plain"]
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        registry.names()


def test_two_modules_at_home_cannot_have_one_name(tmp_path, monkeypatch):
    home = tmp_path / "tests_twice"
    home.mkdir()
    (home / "__init__.py").touch()
    for module in ("first", "second"):
        (home / f"{module}.py").write_text("from tests_twice import PARTS\n@PARTS.register('part')\nclass Part: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("part", home="tests_twice", name="PARTS", group="caption_zoo.part")
    with pytest.raises(RegistryError, match=r"'part' is already tests_twice\.first: tests_twice.second needs another"):
        list(registry)


@pytest.mark.parametrize("name", ["my-part", "a b", "", "2nd", "a/b"])
def test_a_name_that_no_spec_can_spell_is_refused_when_it_is_registered(parts, name):
    with pytest.raises(RegistryError, match=r'write @\w+\.register\("a_name"\)'):
        parts.register(name)


def test_register_without_a_name_is_refused():
    code = (
        "from registry import Registry\n"
        "PARTS = Registry('part', home='registry', name='PARTS', group='caption_zoo.part')\n"
        "try:\n    @PARTS.register\n    class Part: ...\n"
        "except ValueError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 'write @PARTS.register("a_name")' in done.stdout


def test_an_entry_point_that_no_spec_can_spell_is_left_out_with_a_warning(advertised):
    registry = advertised(**{"my-part": "statistics:mean", "fine": "statistics:mean"})
    with pytest.warns(PluginWarning, match="'my-part' of statistics:mean is left out") as warned:
        assert list(registry) == ["fine"]
    assert len(warned) == 1


def test_a_plugin_may_advertise_a_part_from_where_it_is_imported_to(advertised, tmp_path, monkeypatch):
    package = tmp_path / "tests_reexport"
    package.mkdir()
    (package / "__init__.py").write_text("from tests_reexport.inner import Part as Part\n")
    (package / "inner.py").write_text(f"from {__name__} import SHARED\n@SHARED[0].register('part')\nclass Part: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    SHARED[:] = [advertised(part="tests_reexport:Part")]
    assert SHARED[0]["part"].__module__ == "tests_reexport.inner"


SHARED: list[Registry] = []  # where a package that a test writes finds the registry of that test


def test_a_cell_of_a_notebook_runs_again(parts, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", main := ModuleType("__main__"))
    for name in ("Narrow", "Narrow", "Edited", "Narrow"):
        cell = type(name, (), {"__module__": "__main__"})
        parts.register("narrow")(cell)
        assert parts["narrow"] is cell
    main.__file__ = "script.py"
    with pytest.raises(RegistryError, match=r"'narrow' is already __main__\.Narrow: __main__\.Wide needs another name"):
        parts.register("narrow")(type("Wide", (), {"__module__": "__main__"}))


def test_a_plugin_file_that_failed_is_loaded_again_once_it_is_mended(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "SHARED", [parts])
    file = tmp_path / "late.py"
    file.write_text(f"from {__name__} import SHARED\n@SHARED[0].register('late')\nclass Late: ...\n1 / 0\n")
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        load_plugin(file)
    file.write_text(file.read_text().replace("1 / 0", "Late.mended = True"))
    load_plugin(file)
    assert parts["late"].mended


def test_listing_imports_no_torch():
    code = (
        "import sys; from benchmarks.cli import kinds\n"
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


class Interface:
    """What all parts are."""


class Fine(Interface):
    """One of them."""

    def __init__(self, size, *, deep=False):
        if deep:
            raise TypeError("unsupported operand")


@pytest.fixture
def typed(advertised):
    """A registry whose parts are all of one interface, and that finds `Part` installed as "wrong"."""
    registry = advertised(wrong=f"{__name__}:Part")
    return Registry("part", home=__name__, name="PARTS", group=registry.group, interface="Interface")


def test_a_class_of_something_else_is_refused_when_it_is_registered(typed):
    typed.register("fine")(Fine)
    wrong = re.escape(f"the class {__name__}.Part is no Interface: derive it from {__name__}.Interface")
    with pytest.raises(RegistryError, match=f"^part 'other': {wrong}$"):
        typed.register("other")(Part)
    with pytest.raises(RegistryError, match=f"^part 'wrong': {wrong}$"):
        typed["wrong"]
    assert list(typed) == ["fine", "wrong"]


@pytest.mark.parametrize(
    ("kind", "code", "interface"),
    [
        ("attention", "from zoo.registries import ATTENTIONS as R", "zoo.attention.Attention"),
        ("metric", "from benchmarks.metrics import METRICS as R", "benchmarks.metrics.Metric"),
    ],
)
def test_a_plugin_with_a_wrong_base_is_refused(tmp_path, kind, code, interface):
    file = tmp_path / f"{kind}.py"
    file.write_text(f"{code}\n@R.register('strange')\nclass Strange: ...\n")
    with pytest.raises(
        ValueError, match=rf"{kind} 'strange': the class \S+\.Strange is no .*: derive it from {interface}"
    ):
        load_plugin(file)


def test_what_a_function_makes_is_checked_when_it_is_built(typed):
    typed.register("fine")(lambda size: Fine(size))
    typed.register("nothing")(lambda size: None)
    assert isinstance(typed.build("fine", 3), Fine)
    with pytest.raises(RegistryError, match=r"^part nothing: .*<lambda> made a NoneType, which is no Interface"):
        typed.build("nothing", 3)


@pytest.mark.parametrize(
    ("spec", "sizes", "message"),
    [
        ("fine", (), "part fine cannot be built by {}.Fine from 0 sizes and 0 options: .*missing 1 .*'size'"),
        ("fine(deep=True)", (3,), r"part fine\(deep=True\) cannot be built by {}.Fine .*: unsupported operand"),
    ],
)
def test_what_cannot_be_built_names_the_part_and_what_is_wrong(typed, spec, sizes, message):
    typed.register("fine")(Fine)
    with pytest.raises(RegistryError, match=message.format(__name__)) as error:
        typed.build(spec, *sizes)
    assert isinstance(error.value.__cause__, TypeError)


def test_hints_look_past_capitals_and_say_how_variants_are_spelled(parts):
    parts.register("many")(Many)
    with pytest.raises(UnknownName, match=r"no part 'PART'\. Did you mean 'part'"):
        parts["PART"]
    with pytest.raises(
        UnknownName, match=r"no part 'resnet50'\. Perhaps a variant: many/resnet50\? Known: many, part\.$"
    ):
        parts["resnet50"]


class Shade(enum.Enum):
    """Values are what a Spec gives."""

    DARK, LIGHT = "dark", 1


Width = NewType("Width", int)


@pytest.mark.parametrize(
    ("annotation", "fine", "wrong", "wanted"),
    [
        (Annotated[int, "pixels"], [3], ["3", True, None], "a whole number"),
        ("int | None", [3, None], ["3"], "a whole number or None"),
        (Optional["Width"], [3, None], [2.5], "a whole number or None"),
        (Sequence["Width"], [[1, 2], ()], [3, ["a"]], "whole numbers"),
        (Path, ["a/b", Path("a")], [3, None], "a path"),
        (Path | None, ["a/b", None], [3], "a path or None"),
        (Shade, ["dark", 1, Shade.DARK], ["DARK", True], "'dark' or 1"),
        (Literal["a", None], ["a", None], ["None", 3], "'a' or None"),
        (tuple[int, str], [(1, "a"), [1, "a"]], [("a", 1), (1,), 3], "a list of a whole number, a string"),
        (tuple[bool, bool], [(True, False)], [(1, 0)], "a list of True or False, True or False"),
        (list[int | None], [[1, None]], [["a"]], "a list, each of it a whole number or None"),
        (Sequence[tuple[int, int]], [[(1, 2), [3, 4]]], [[1, 2]], "a list, each of it 2 whole numbers"),
        (list, [[1, "a"], ()], ["a", 3], "a list"),
    ],
)
def test_common_annotations_are_understood(parts, annotation, fine, wrong, wanted):
    def thing(size, *, option=None):
        return size

    thing.__annotations__["option"] = annotation
    parts.register("thing")(thing)
    for value in fine:
        parts.check(Spec("thing", None, {"option": value}))
    for value in wrong:
        with pytest.raises(RegistryError) as error:
            parts.check(Spec("thing", None, {"option": value}))
        assert str(error.value) == f"part 'thing': option={value!r} should be {wanted}"


def test_show_says_which_options_are_not_checked(parts):
    from benchmarks.cli.show import describe

    def thing(size, *, free, any_set: set[int] = frozenset(), depth: int = 3):
        """Does a thing."""

    parts.register("thing")(thing)
    parts.check("thing(free=1, any_set='a')")
    text = describe(parts, Spec("thing"))
    assert text.startswith("part thing(free, any_set: set[int] = frozenset(), depth: int = 3)\n")
    assert "Note:    values of free are not checked\n" in text
    assert "Note:    values of any_set are not checked: set[int]\n" in text
    assert text.count("not checked") == 2


def test_what_is_advertised_and_is_no_component_is_refused_in_one_line(advertised):
    registry = advertised(number="math:pi", whole="statistics")
    for name in registry:
        with pytest.raises(RegistryError, match="it is no class and no function"):
            registry.check(name)
    assert len(registry.components()) == 2


def test_options_that_only_a_type_checker_can_read_are_refused_in_one_line(parts):
    def careless(size: int, *, kind: "OnlyThere" = None):
        pass

    parts.register("careless")(careless)
    with pytest.raises(RegistryError, match="'careless': its options cannot be read: name 'OnlyThere' is not defined"):
        parts.check("careless(kind=1)")
