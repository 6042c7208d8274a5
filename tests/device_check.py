"""A program: trains and decodes with every pair of parts on the pretended device, and prints as JSON what was noted.

Of each pair its phases, of each phase an error or None, how many kernels it would launch, how many
steps a search took, whether its captions are the processor's, and all events with their counts.
"""

import copy
import json
import sys
from itertools import product

import cuda_autocast
import pretended_device
import torch
from device_watch import Watch, blocking_copy

from benchmarks.config import Training
from benchmarks.training.batches import Batch
from benchmarks.training.ema import EMA
from benchmarks.training.step import TrainStep
from registry import Spec
from zoo.attention import ScoreAttention
from zoo.captioner import Captioner
from zoo.generate import n_best
from zoo.parts import Parts
from zoo.registries import ATTENTIONS, DECODERS
from zoo.vocabulary import END, PAD, SPECIAL, START, Vocabulary

BACKBONE = "patches(dim=16, patch=8, image_size=24)"
DEVICE = pretended_device.NAME
SIZES = {"dim": 16, "num_layers": 1}
IMAGES, WORDS = 3, ["a", "dog", "runs", "on", "wet", "grass", "here"]
SEARCHES = {
    "greedy": {"num_beams": 1},
    "beam": {"num_beams": 3, "no_repeat_ngram_size": 2},
    "bfloat16 beam": {"num_beams": 2, "precision": "bfloat16"},
    "diverse": {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
    "sampling": {"num_beams": 2, "temperature": 1.0, "top_k": 6, "top_p": 0.9},
}
TRAININGS = {
    "float32 training": {},
    "bfloat16 training": {"precision": "bfloat16"},
    "scheduled sampling": {"objective": Spec("cross_entropy", None, {"scheduled_sampling": 1.0})},
    "self-critical training": {
        "objective": Spec("self_critical", None, {"samples": 2, "baseline": "greedy"}),
        "max_words": 4,
    },
}
OPTIONS = (  # what the defaults leave out
    ("area(score='bahdanau')", "top_down(positions='learned')"),
    ("hard(evaluate='argmax')", "lstm(attend='after', doubly_stochastic=1.0)"),
    ("local(score='luong(score=\"concat\")')", "lstm(beta='vector', deep_output=False)"),
    ("luong(score='dot')", "gru"),
    ("memory_multihead", "transformer(num_layers=2)"),
    ("relu_concat", "adaptive(positions='none')"),
    ("sparse(normaliser='sparsemax')", "att2in"),
)


@ATTENTIONS.register("mixes_devices")
class MixesDevices(ScoreAttention):
    def __init__(self, query_dim, feature_dim):
        super().__init__(feature_dim)

    def keys(self, tokens):
        return tokens

    def score(self, query, keys):
        return query @ keys.mT + torch.arange(keys.shape[1])


@ATTENTIONS.register("copies")
class Copies(MixesDevices):
    def score(self, query, keys):
        return query @ keys.mT * torch.tensor([0.5], device=keys.device)


@ATTENTIONS.register("waits")
class Waits(MixesDevices):
    def score(self, query, keys):
        return query @ keys.mT / query.detach().abs().max().item()


@ATTENTIONS.register("waits_in_backward")
class WaitsInBackward(MixesDevices):
    def keys(self, tokens):
        return tokens.take_along_dim(tokens.new_zeros(tokens.shape, dtype=torch.long), dim=1)

    def score(self, query, keys):
        scores = query @ keys.mT
        return scores[scores.isfinite()].view_as(scores)


def train(captioner, pixels, captions, **settings):
    """One step of training, as the trainer takes it."""
    settings = Training(**settings)
    references = dict.fromkeys(range(IMAGES), ("a dog runs", "wet grass here"))
    step, ema = TrainStep.of(captioner.train(), settings, references), EMA(captioner, settings.ema_decay)
    step(Batch.of(range(IMAGES), captions, rows=pixels, grid=(3, 3)))
    ema.update()


def check(attention, decoder):
    """All phases of one pair; None where the decoder refuses the attention."""
    torch.manual_seed(0)
    try:
        host = Captioner.build(Parts.parse(BACKBONE, attention, _small(decoder)), Vocabulary([*SPECIAL, *WORDS])).eval()
    except ValueError:
        return None
    for parameter in host.parameters():
        parameter.data *= 2  # so that captions differ
    host.decoder.bias.data[END] += 1.5  # and some end early
    pixels = torch.randint(256, (IMAGES, 3, 24, 24), dtype=torch.uint8)
    captions = torch.tensor([[START, 4, 5, END], [START, 7, END, PAD]]).expand(IMAGES, -1, -1)
    with Watch():
        captioner = copy.deepcopy(host).to(DEVICE)
    found = {}
    for name, settings in SEARCHES.items():
        found[name] = _search(host, captioner, pixels, settings, masked=name == "sampling")
    found["weights"] = _noted(lambda: _look(captioner, pixels, captions))
    for name, settings in TRAININGS.items():
        found[name] = _noted(lambda settings=settings: train(captioner, pixels, captions, **settings))
    return found


def _small(decoder):
    spec = DECODERS.check(decoder)
    sizes = {name: size for name, size in SIZES.items() if name in DECODERS.options(spec.name)}
    return Spec(spec.name, spec.variant, {**sizes, **spec.options})


def _features(captioner, pixels, masked=False):
    device = next(captioner.parameters()).device
    features = captioner.encode(captioner.backbone.preprocess.normalize(pixels.to(device, non_blocking=True)))
    keep = torch.arange(9) < 7
    return features._replace(mask=keep.expand(IMAGES, -1).to(device, non_blocking=True)) if masked else features


def _search(host, captioner, pixels, settings, *, masked):
    settings = {"max_length": 4, "length_penalty": 1.0, **settings}
    count = min(2, settings["num_beams"])
    steps, answers = [], []
    hook = captioner.decoder.register_forward_pre_hook(lambda *_: steps.append(1))
    with torch.inference_mode():
        noted = _noted(
            lambda: answers.append(n_best(captioner.decoder, _features(captioner, pixels, masked), count, **settings))
        )
        if answers and "precision" not in settings:
            expected = n_best(host.decoder, _features(host, pixels, masked), count, **settings)
            with Watch():
                noted["same"] = answers[0].tolist() == expected.tolist()
    hook.remove()
    return {**noted, "steps": len(steps)}


def _look(captioner, pixels, captions):
    with torch.inference_mode():
        tokens = captions[..., :-1].to(DEVICE, non_blocking=True)
        captioner.teacher_force(_features(captioner, pixels), tokens, need_weights=True)


def _noted(run):
    with Watch() as watch:
        try:
            run()
            error = None
        except Exception as raised:  # whatever it is, the test names it
            error = f"{type(raised).__name__}: {raised}"
    return {
        "error": error,
        "kernels": watch.kernels,
        "events": [[*event, count] for event, count in watch.events.items()],
    }


def main():
    """Print the report."""
    torch.set_num_threads(1)
    kept = pretended_device.register(blocking_copy), cuda_autocast.register()
    planted = [(attention, "lstm") for attention in ("mixes_devices", "copies", "waits", "waits_in_backward")]
    attentions, decoders = (
        [name for name in parts if parts.origin(name) == "caption-zoo"] for parts in (ATTENTIONS, DECODERS)
    )
    crossed = [*product(attentions, ("lstm", "transformer")), *product(("bahdanau", "multihead"), decoders)]
    pairs = [*dict.fromkeys(crossed), *OPTIONS, *planted]
    report = {f"{attention} + {decoder}": check(attention, decoder) for attention, decoder in pairs}
    json.dump(report, sys.stdout)
    del kept


if __name__ == "__main__":
    main()
