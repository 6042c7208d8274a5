"""What a worker keeps between cells: one of each, named by all that it is made of, and closed with it."""

from benchmarks.cell.context import Context
from benchmarks.evaluation.scorer import Scorer
from benchmarks.runtime.latest import Latest
from registry import Spec

SCENES, OTHERS = (Spec.parse(f"scenes(train={train}, validation=1, test=1)") for train in (3, 4))


def test_latest_holds_the_last_value_alone():
    made, closed = [], []
    latest = Latest(closed.append)

    def make(key):
        return lambda: made.append(key) or [key]

    first = latest.get("a", make("a"))
    assert latest.get("a", make("a")) is first
    assert latest.get("b", make("b")) == ["b"]
    assert latest.get("a", make("a")) is not first
    assert made == ["a", "b", "a"]
    latest.drop()
    latest.drop()
    assert closed == [["a"], ["b"], ["a"]]


def test_a_value_that_cannot_be_made_leaves_none():
    latest = Latest()
    latest.get("a", lambda: 1)
    for _ in range(2):
        try:
            latest.get("b", lambda: 1 / 0)
        except ZeroDivisionError:
            continue
        raise AssertionError("it was made")
    assert latest.get("a", lambda: 2) == 2


def test_cells_of_one_data_set_share_it_and_what_is_made_of_it(tmp_path):
    context = Context(tmp_path)
    shared = (
        lambda: context.dataset(SCENES),
        lambda: context.vocabulary(SCENES, 1),
        lambda: context.validation(SCENES),
    )
    for get in shared:
        assert get() is get()
    words = context.vocabulary(SCENES, 1)
    assert context.vocabulary(SCENES, 2) is not words
    assert context.scorer(SCENES, (Spec("bleu"),)) is not context.scorer(SCENES, (Spec("rouge"),))
    assert len(context.dataset(OTHERS).train) == 4


def test_two_contexts_share_nothing(tmp_path):
    one, other = Context(tmp_path), Context(tmp_path)
    assert one.dataset(SCENES) is not other.dataset(SCENES)


def test_closing_ends_what_the_scorer_started(tmp_path, monkeypatch):
    closed = []
    monkeypatch.setattr(Scorer, "close", closed.append)
    with Context(tmp_path) as context:
        first, second = (context.scorer(SCENES, (Spec(name),)) for name in ("bleu", "rouge"))
        assert closed == [first]
    with Context(tmp_path):
        pass
    assert closed == [first, second]
