import inspect
import re
from dataclasses import dataclass, field

import pytest
from sandbox import calls_here

from benchmarks.cli.main import main
from benchmarks.config import Training
from zoo.decoding import Decoding
from zoo.settings import OMIT_DEFAULT, RENAMED, omittable, settings_of, to_request


@dataclass(frozen=True)
class Settings:
    beams: int = 5
    groups: int = field(default=1, metadata=OMIT_DEFAULT)


@pytest.fixture(scope="module", autouse=True)
def _calls_here():
    with calls_here():
        yield


def test_a_setting_that_came_later_is_told_only_where_it_changes_something() -> None:
    assert to_request(Settings()) == {"beams": 5}
    assert to_request(Settings(beams=5, groups=2)) == {"beams": 5, "groups": 2}
    assert omittable(Settings()) == {"groups"}


@pytest.mark.parametrize("kind", [Training, Decoding])
def test_every_setting_has_a_line_of_help(kind) -> None:
    text = (inspect.getdoc(kind) or "").partition("Raises:")[0]
    documented = re.findall(r"^ +(\w+): ", text, re.MULTILINE)
    assert documented == list(vars(kind()))


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_answered_with_the_new_one(old, new) -> None:
    kind = Decoding if new in vars(Decoding()) else Training
    with pytest.raises(ValueError, match=f"has no '{old}'. It is called '{new}' now"):
        settings_of(kind, {old: 1})


@pytest.mark.parametrize(
    ("words", "now"),
    [
        (["caption", "runs/ID", "photo.jpg", "--beams", "3"], "num_beams"),
        (["run", "{config}", "--decoding.beams", "3"], "decoding.num_beams"),
        (["check", "{config}", "--training.clip_norm", "3"], "training.max_grad_norm"),
        (["check", "{old}"], "training.ema_decay"),
    ],
)
def test_the_command_line_and_configs_tell_it_too(words, now, tmp_path, capsys) -> None:
    text = "dataset: scenes\nmatrix: {backbone: [patches], attention: [mean]}\n"
    for name, more in (("config", ""), ("old", "training: {average: 0.5}\n")):
        (tmp_path / f"{name}.yaml").write_text(text + more)
    files = {name: tmp_path / f"{name}.yaml" for name in ("config", "old")}
    assert main([word.format(**files) for word in words]) == 2
    assert f"It is called '{now}' now" in capsys.readouterr().err
