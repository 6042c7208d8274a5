"""What a cell imports and looks up, whichever it is: a server that has imported this forks processes that have it."""

import timm
import torchvision

import benchmarks.cell.prepare
import benchmarks.cell.run
import benchmarks.data.scenes
import benchmarks.metrics.bleu
import benchmarks.metrics.cider
import benchmarks.metrics.meteor
import benchmarks.metrics.rouge
import benchmarks.plan.compatibility
from benchmarks.runtime.revision import commit

READY = (timm, torchvision, benchmarks)
commit()  # what runs is what was imported, whatever is checked out later
