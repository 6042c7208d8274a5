"""Names and models from Python. What needs torch is imported on first use."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import models
from zoo.parts import Parts
from zoo.registries import ATTENTIONS, BACKBONES, DECODERS
from zoo.vocabulary import SPECIAL, Vocabulary

if TYPE_CHECKING:
    import zoo.captioner
    import zoo.ensemble


def list_backbones(pattern: str = "*") -> list[str]:
    """Every backbone, timm's as ``timm/NAME``; with a shell's glob those like it: ``"*lite*"``."""
    return BACKBONES.names(pattern)


def list_attentions(pattern: str = "*") -> list[str]:
    """Every attention, or those like `pattern`."""
    return ATTENTIONS.names(pattern)


def list_decoders(pattern: str = "*") -> list[str]:
    """Every decoder, or those like `pattern`."""
    return DECODERS.names(pattern)


def list_pretrained(pattern: str = "*") -> list[str]:
    """Every pretrained captioner that `from_pretrained` has by name, or those like `pattern`."""
    return models.names(pattern)


def create_model(
    backbone: str, attention: str = "bahdanau", decoder: str = "lstm", *, vocabulary: Vocabulary | Iterable[str]
) -> "zoo.captioner.Captioner":
    """A captioner of these parts, in evaluation mode; only its backbone has been trained, if its Spec says so.

    Args:
        backbone: a Spec, as the other two: ``"timm/resnet50(trainable=True)"``.
        attention: how the decoder attends to the image.
        decoder: the language model.
        vocabulary: the words it can generate; to a plain list of words, the special tokens are added.

    Raises:
        ValueError: there is no such part or option, the parts do not fit, the backbone's
            weights cannot be had here, or a word comes twice.
    """
    from zoo.captioner import Captioner

    if isinstance(vocabulary, str):
        raise ValueError(f"a vocabulary is many words, not the one string {vocabulary!r}")
    if not isinstance(vocabulary, Vocabulary):
        vocabulary = Vocabulary([*SPECIAL, *vocabulary])
    captioner = Captioner.build(Parts.parse(backbone, attention, decoder), vocabulary)
    captioner.backbone_weights = captioner.backbone.load_pretrained().source
    return captioner.eval()


def from_pretrained(
    place: str | Path | Sequence[str | Path],
    device: str = "cpu",
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    token: str | None = None,
) -> "zoo.captioner.Captioner | zoo.ensemble.Ensemble":
    """A trained captioner, in evaluation mode: from a folder, by the name of a pretrained one, or from the Hub.

    From the Hub come JSON and safetensors alone, and nothing of them runs.

    Args:
        place: a path: the folder of a run or of `save_pretrained`. Where there is no such path, a name of
            `list_pretrained`, or ``"org/name"`` of the Hugging Face Hub, ``"org/name@revision"`` for another than its
            newest. Of several in a list the models decode as one, an ensemble; so do the members of an ensemble's run.
        device: where it is put.
        revision: a branch, a tag or a commit; the newest commit of ``main`` without one. `source` of the captioner says
            which it is, as ``org/name@commit``.
        cache_dir: for what is fetched of `place`; without one, the cache that other programs use too (``HF_HOME``).
        local_files_only: no request for `place` goes to the Hub. ``HF_HUB_OFFLINE=1`` is for all: a run's folder
            may lack a frozen backbone's weights, which come from their own source.
        token: for what is private; without one, that of ``hf auth login`` or ``HF_TOKEN``.

    Raises:
        ValueError: there is none, or it cannot be fetched, or its parts are not registered; or of several the
            vocabularies differ, or one is there twice.
    """
    from zoo.pretrained import load, locate

    places = [place] if isinstance(place, str | Path) else place
    options = {"cache_dir": cache_dir, "local_files_only": local_files_only, "token": token}
    return load([locate(each, revision=revision, **options) for each in places], device=device)
