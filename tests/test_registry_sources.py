"""What a home folder registers: on which registry, and under which name; as listed, so found."""

import subprocess
import sys
from itertools import count

import pytest

from registry import RegistryError

NUMBER = count()
HOME = """
from registry import Registry
class Part: ...
PARTS = Registry("part", home=__name__, name="PARTS", interface="Part", group="none")
OTHERS = Registry("other", home=__name__, name="OTHERS", group="none")
"""
PART = "from {home} import PARTS, OTHERS, Part\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A function that makes a home package of these modules, and imports the package alone."""

    def make(**modules):
        name = f"tests_home_{next(NUMBER)}"
        (tmp_path / name).mkdir()
        for module, text in {"__init__": HOME, **modules}.items():
            (tmp_path / name / f"{module}.py").write_text(text.replace("{home}", name))
        monkeypatch.syspath_prepend(tmp_path)
        return __import__(name)

    return make


def test_what_another_registry_registers_is_listed_there_alone(home):
    package = home(one=PART + "@OTHERS.register('one')\nclass One:\n  'An other.'\n")
    assert list(package.PARTS) == []
    assert [item.summary for item in package.OTHERS.components()] == ["An other."]
    with pytest.raises(RegistryError, match="no part 'one'"):
        package.PARTS["one"]
    assert package.OTHERS["one"].__name__ == "One"


@pytest.mark.parametrize(
    "head",
    [
        "from {home} import PARTS as P, Part\n@P.register('one')\n",
        "from . import PARTS, Part\n@PARTS.register(name='one')\n",
        "import {home}\nfrom . import Part\n@{home}.PARTS.register('one')\n",
        "import {home} as package\nPart = package.Part\n@package.PARTS.register('one')\n",
        "from {home} import PARTS, Part\nMINE = PARTS\nregister = MINE.register\n@register('one')\n",
        "from .again import SAME, Part\n@SAME.register('one')\n",
        "if True:\n from . import PARTS, Part\n@PARTS.register('one')\n",
    ],
    ids=["as", "relative", "attribute", "module-as", "alias", "re-exported", "branch"],
)
def test_a_registry_is_known_however_it_is_written(home, head):
    package = home(one=head + "class One(Part): ...\n", again="from {home} import PARTS as SAME, Part\n")
    assert list(package.PARTS) == ["one"]
    assert list(package.OTHERS) == []
    assert f"{package.__name__}.one" not in sys.modules
    assert issubclass(package.PARTS["one"], package.Part)


@pytest.mark.parametrize(
    "body",
    [
        "NAME = 'one'\n@PARTS.register(NAME)\nclass One(Part): 'It.'\n",
        "HEAD: str = 'o'\nNAME = f'{HEAD}n' + 'e'\n@PARTS.register(NAME)\nclass One(Part): 'It.'\n",
        "class One(Part): 'It.'\nPARTS.register('one')(One)\n",
        "if True:\n  @PARTS.register('one')\n  class One(Part): 'It.'\n",
    ],
    ids=["constant", "f-string", "call", "branch"],
)
def test_a_name_made_of_constants_is_listed(home, body):
    package = home(one=PART + body)
    assert [(item.name, item.summary) for item in package.PARTS.components()] == [("one", "It.")]
    assert package.PARTS["one"].__name__ == "One"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("NAME = str()\n@PARTS.register(NAME)\n", "one.py:3: the name in PARTS.register(NAME) cannot be read"),
        ("NAME = 'a'\nNAME = 'b'\n@PARTS.register(NAME)\n", "one.py:4: the name in PARTS.register(NAME)"),
        ("@PARTS.register(f'{1 + 1}')\n", "write it as a string, or as a constant of this module"),
        ("MINE = vars()['PARTS']\n@MINE.register('one')\n", "one.py:3: cannot tell which registry MINE.register"),
        ("from .two import MINE\n@MINE.register('one')\n", "import PARTS, and @PARTS.register"),
    ],
    ids=["called", "rebound", "computed", "unclear", "unclear-elsewhere"],
)
def test_what_cannot_be_read_is_refused_with_file_line_and_remedy(home, body, wrong):
    package = home(one=PART + body + "class One(Part): ...\n", two="from . import PARTS\nMINE = vars()['PARTS']\n")
    with pytest.raises(RegistryError) as error:
        list(package.PARTS)
    assert wrong in str(error.value)


def test_what_is_written_and_never_registered_is_no_bare_key_error(home):
    package = home(one=PART + "if False:\n  @PARTS.register('one')\n  class One(Part): ...\n")
    with pytest.raises(
        RegistryError, match=r"part 'one' is written in tests_home_\d+\.one, which does not register it"
    ):
        package.PARTS["one"]


def test_a_decoder_in_the_folder_of_attentions_is_no_attention():
    code = (
        "import sys\nfrom pathlib import Path\nimport registry.sources as sources\nfrom zoo.registries import *\n"
        "folder = sources._Folder(Path('zoo/attention'), 'zoo.attention', 'ATTENTIONS')\n"
        "import ast\n"
        "def names(text): return [item.name for item in folder._read(Path('y.py'), ast.parse(text), 'zoo.attention.y')]\n"
        "tail = '.register(\"y\")\\nclass Y: ...'\n"
        "assert names('from zoo.decoders import DECODERS\\n@DECODERS' + tail) == []\n"
        "assert names('from zoo.registries import ATTENTIONS as A\\n@A' + tail) == ['y']\n"
        "assert names('import zoo\\n@zoo.attention.ATTENTIONS' + tail) == ['y']\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
