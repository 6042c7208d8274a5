"""One update of the weights."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from benchmarks.config import Training
from benchmarks.runtime.device import release_memory
from benchmarks.runtime.process_group import ProcessGroup
from benchmarks.runtime.progress import write
from benchmarks.training import OBJECTIVES
from benchmarks.training.augmentation import augment
from benchmarks.training.objectives import Batch, Loss, Objective
from benchmarks.training.optim import make_optimizer
from zoo.captioner import Captioner
from zoo.losses import auxiliary_losses


class TrainStep:
    """Updates the weights of an objective's model, batch by batch.

    A batch may be cut, over the processes of a `group` and into parts of `micro_batch` images one
    after another (0: all at once): its gradient is the sum over all words, divided by the words of
    the whole batch, however it is cut. Where the memory of a device runs out, the parts are
    halved, and the step is done again.
    """

    def __init__(
        self, objective: Objective, settings: Training, *, group: ProcessGroup | None = None, micro_batch: int = 0
    ) -> None:
        captioner = objective.captioner
        self.objective, self.group, self.micro_batch = objective, group or ProcessGroup(), micro_batch
        self.max_grad_norm = settings.max_grad_norm
        self.augmentation = {"crop_scale": settings.crop_scale, "color_jitter": settings.color_jitter}
        self.optimizer = make_optimizer(captioner, settings)
        self.peaks = [group["lr"] for group in self.optimizer.param_groups]
        self.parameters = [parameter for parameter in captioner.parameters() if parameter.requires_grad]
        self.device = self.parameters[0].device
        self.auxiliary = auxiliary_losses(captioner.decoder)
        # Statistics of normalisation, which a forward pass moves. Those of a part that is frozen stand still.
        self.buffers = list(captioner.backbone.buffers()) if captioner.backbone.trainable else []
        self.reports = (*objective.reports, "grad_norm", "words", "finite")

    @classmethod
    def of(
        cls, captioner: Captioner, settings: Training, references: Mapping[int, Sequence[str]], **options: Any
    ) -> "TrainStep":
        """One for the objective that `settings` name; `references` are the training captions by image id."""
        return cls(OBJECTIVES.build(settings.objective, captioner, settings, references), settings, **options)

    def __call__(self, batch: Batch) -> Tensor:
        """One update from this process's part of a batch.

        A gradient or a loss that is not finite leaves the weights as they are.

        Returns:
            The figures that `reports` names, on the device: those of the objective, the norm of the
            gradient before it is clipped, the words, and whether all of it was finite.
        """
        before = [buffer.clone() for buffer in self.buffers]
        sums = self._gradients(batch, before)
        if self.group.size > 1:  # a part may leave out what another one uses
            used = self.group.any(*(parameter.grad is not None for parameter in self.parameters))
            for parameter, elsewhere in zip(self.parameters, used, strict=True):
                if elsewhere and parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        self.group.sum([*gradients, *self._statistics(), sums])
        self.group.average(self.buffers)
        words, totals, counts = sums[0], sums[1::2], sums[2::2]
        # 1 where the words are those of the captions; exactly, which a number over a tensor is not.
        scale = torch.full_like(words, batch.words) / words
        norm = get_total_norm(gradients) * scale
        finite = norm.isfinite() & totals.isfinite().all()
        clip = (self.max_grad_norm / (norm + 1e-6)).clamp(max=1.0) if self.max_grad_norm else torch.ones_like(norm)
        torch._foreach_mul_(gradients, clip * scale)
        self._update(finite)
        for buffer, earlier in zip(self.buffers, before, strict=True):
            buffer.copy_(torch.where(finite, buffer, earlier))
        for part in self.auxiliary:
            part.update()
        return torch.cat([totals / counts, torch.stack([norm, words, finite.to(norm.dtype)])])

    def load_optimizer(self, state: dict[str, Any]) -> None:
        """Go on from a state of the optimizer, which may have been on another kind of device."""
        groups = [{**group, "fused": self.optimizer.defaults["fused"]} for group in state["param_groups"]]
        self.optimizer.load_state_dict({**state, "param_groups": groups})

    def set_learning_rate(self, factor: float) -> None:
        """Have the next updates take so large a share of the learning rates of the settings."""
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor

    @property
    def learning_rate(self) -> float:
        """The decoder's, of the last update."""
        rate: float = self.optimizer.param_groups[0]["lr"]
        return rate

    def _gradients(self, batch: Batch, before: Sequence[Tensor]) -> Tensor:
        """Leave the part's gradients in the parameters; words, and total and count of what is reported."""
        while True:
            sums = self._attempt(batch)
            (failed,) = self.group.any(sums is None)
            if sums is not None and not failed:
                return sums
            self._halve(max(self.group.gather(len(batch))))
            for buffer, earlier in zip(self.buffers, before, strict=True):
                buffer.copy_(earlier)

    def _attempt(self, batch: Batch) -> Tensor | None:
        """As `_gradients`; None where the memory ran out."""
        self.optimizer.zero_grad(set_to_none=True)
        size = self.micro_batch or max(1, len(batch))
        sums = torch.zeros(1 + 2 * len(self.objective.reports), device=self.device)
        try:
            for start in range(0, len(batch), size):
                part = batch if size >= len(batch) else batch.part(start, start + size)
                loss: Loss = self.objective(self._augmented(part.to(self.device)))
                (loss.total / batch.words).backward()
                sums += _in_a_row(loss, self.objective.reports)
        except torch.OutOfMemoryError:
            return None  # and no more is done here, since the error holds on to what was computed
        return sums

    def _augmented(self, batch: Batch) -> Batch:
        if batch.rows is None or batch.rows.dtype != torch.uint8:
            return batch
        return replace(batch, rows=augment(batch.rows, **self.augmentation))

    def _halve(self, images: int) -> None:
        """Halve the parts of a step in which a process has so many images at most; all processes do."""
        size = min(self.micro_batch or images, images)
        if size <= 1:
            raise torch.OutOfMemoryError(
                f"the memory of {self.device} does not hold a step with one image: "
                "lower captions_per_image, or take a smaller model"
            )
        self.micro_batch = size - size // 2
        self.optimizer.zero_grad(set_to_none=True)
        for statistic in self._statistics():
            statistic.zero_()
        release_memory(self.device)
        write(f"caption-zoo: note: out of memory: from here on a step has parts of {self.micro_batch} images")

    def _update(self, finite: Tensor) -> None:
        optimizer: Any = self.optimizer
        if optimizer.defaults["fused"]:  # looks itself, so that nobody waits for the device
            optimizer.found_inf = 1 - finite.float()
            optimizer.step()
        elif finite:
            optimizer.step()

    def _statistics(self) -> list[Tensor]:
        return [tensor for part in self.auxiliary for tensor in part.statistics()]


def _in_a_row(loss: Loss, names: tuple[str, ...]) -> Tensor:
    """The words, then total and count of each name."""
    reported: Mapping[str, tuple[Tensor, Tensor]] = loss.reported
    return torch.stack([loss.words, *(value for name in names for value in reported[name])]).float()
