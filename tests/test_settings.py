from dataclasses import dataclass, field

from zoo.settings import LATER, may_be_unsaid, told


@dataclass(frozen=True)
class Settings:
    beams: int = 5
    groups: int = field(default=1, metadata=LATER)


def test_a_setting_that_came_later_is_told_only_where_it_changes_something() -> None:
    assert told(Settings()) == {"beams": 5}
    assert told(Settings(beams=5, groups=2)) == {"beams": 5, "groups": 2}
    assert may_be_unsaid(Settings()) == {"groups"}
