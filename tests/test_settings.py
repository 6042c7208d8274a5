from dataclasses import dataclass, field

from zoo.settings import OMIT_DEFAULT, omittable, to_request


@dataclass(frozen=True)
class Settings:
    beams: int = 5
    groups: int = field(default=1, metadata=OMIT_DEFAULT)


def test_a_setting_that_came_later_is_told_only_where_it_changes_something() -> None:
    assert to_request(Settings()) == {"beams": 5}
    assert to_request(Settings(beams=5, groups=2)) == {"beams": 5, "groups": 2}
    assert omittable(Settings()) == {"groups"}
