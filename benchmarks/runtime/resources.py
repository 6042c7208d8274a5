"""What a cell may use of a machine, and of how many: all that changes its time and memory, and not its result."""

from dataclasses import dataclass, field

from benchmarks.runtime.launch import Launch


@dataclass(frozen=True)
class Resources:
    """How a cell is trained on what there is.

    launch: its processes, each with a device of its own.
    micro_batch: images of a part of a training step on one device; 0 has no parts, until memory runs out.
    grad_checkpointing: whether a trainable backbone computes again in the backward pass what would be
        kept for it, which takes time and saves memory.
    workers: cells that run on this machine at once, this one among them.
    cores: numbers of the cores that are this cell's; all of them where there are none.
    gpus: what CUDA_VISIBLE_DEVICES lets this cell see; empty leaves it as it is.
    """

    launch: Launch = field(default_factory=Launch)
    micro_batch: int = 0
    grad_checkpointing: bool = False
    workers: int = 1
    cores: tuple[int, ...] = ()
    gpus: str = ""

    def __post_init__(self) -> None:
        if self.micro_batch < 0:
            raise ValueError(f"--micro-batch {self.micro_batch} should not be negative")

    def environment(self) -> dict[str, str]:
        """What its processes get beside their parent's."""
        return {"CUDA_VISIBLE_DEVICES": self.gpus} if self.gpus else {}
