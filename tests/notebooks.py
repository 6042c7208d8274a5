"""A notebook without a kernel: cells that run in a `__main__` of their own, and some that make an attention."""

import sys
from types import ModuleType

from zoo.registries import ATTENTIONS

IMPORTS = "import torch\nfrom torch import Tensor, nn\nfrom zoo.attention import ATTENTIONS, ScoreAttention"
WIDTH = "WIDTH = 8"
HELPER = "def negative_square(values):\n    return -values.square()  # far is dark"
PART = '''
@ATTENTIONS.register("noted")
class Noted(ScoreAttention):
    """Scores by distance."""

    def __init__(self, query_dim: int, feature_dim: int, *, dim: int = WIDTH) -> None:
        super().__init__(feature_dim)
        self.query, self.key = nn.Linear(query_dim, dim), nn.Linear(feature_dim, dim)

    def keys(self, tokens):
        return self.key(tokens)

    def score(self, query, keys):
        return negative_square(self.query(query)[:, :, None] - keys[:, None]).mean(dim=-1)
'''


class Notebook:
    """Cells in a `__main__` of their own."""

    def __init__(self, module: ModuleType) -> None:
        self.names, self.cells = vars(module), [""]
        self.names.update(get_ipython=lambda: None, _ih=self.cells)

    def run(self, *cells: str) -> "Notebook":
        for cell in cells:
            self.cells.append(cell)
            exec(compile(cell, f"<cell {len(self.cells)}>", "exec"), self.names)
        return self


def opened(monkeypatch):
    """A notebook, whose attentions are forgotten afterwards."""
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    yield Notebook(module)
    for name in ("noted", "other"):
        ATTENTIONS._factories.pop(name, None)
