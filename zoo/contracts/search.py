"""What greedy and beam search promise with every decoder."""

import itertools

import torch
from torch import Tensor

from registry import Spec
from zoo.contracts.common import IMAGES, check, some_features
from zoo.contracts.decoder import build
from zoo.decoders import Decoder
from zoo.generate import generate
from zoo.types import Features, expand_state
from zoo.vocabulary import END, PAD, SPECIAL, START, UNKNOWN

_LONGEST = 4
_POWERS = (0.7, 3.0)  # the second one makes long captions win, which try the decoder more


def _likelihood(decoder: Decoder, features: Features, captions: list[tuple[int, ...]]) -> Tensor:
    """Log-likelihood of captions of one length for one image."""
    tokens = torch.tensor([[(START, *words) for words in captions]])
    memory, state = decoder.init_state(features)
    state = expand_state(state, len(captions))
    scores = decoder.logits(decoder(tokens[..., :-1], memory, state).hidden).log_softmax(dim=-1)
    return scores.gather(-1, tokens[..., 1:, None]).sum(dim=(2, 3))[0]


@torch.no_grad()
def exhaustive_beam_search_is_exact(spec: Spec) -> None:
    """Search with as many beams as there are captions finds what trying each one finds."""
    first = len(SPECIAL)
    decoder, features = build(spec, words=first + 2), some_features()
    for power in _POWERS:
        found = generate(decoder, features, num_beams=2 ** (_LONGEST + 2), max_length=_LONGEST, length_penalty=power)
        for image, caption in enumerate(found.tolist()):
            one = Features(features.tokens[image : image + 1], features.grid)
            scores: dict[tuple[int, ...], float] = {}
            for count in range(_LONGEST + 1):
                captions = [(*words, END) for words in itertools.product((first, first + 1), repeat=count)]
                each = _likelihood(decoder, one, captions) / (count + 1) ** power
                scores |= dict(zip(captions, each.tolist(), strict=True))
            caption_ = tuple(word for word in caption if word != PAD)
            check(scores.get(caption_, -torch.inf) > max(scores.values()) - 1e-4, f"{caption_} is not the best caption")


@torch.no_grad()
def beam_search_of_width_one_is_greedy(spec: Spec) -> None:
    """With one beam each word is the likeliest next one."""
    words, longest = 40, 8
    decoder, features = build(spec, words=words), some_features()
    memory, state = decoder.init_state(features)
    token, caption_, ended = torch.full((IMAGES, 1, 1), START), [], torch.zeros(IMAGES, dtype=torch.bool)
    for step in range(longest + 1):
        output = decoder(token, memory, state)
        scores = decoder.logits(output.hidden)[:, 0, 0].index_fill(1, torch.tensor([PAD, START, UNKNOWN]), -torch.inf)
        word = torch.full((IMAGES,), END) if step == longest else scores.argmax(dim=-1)
        caption_.append(word.masked_fill(ended, PAD))
        ended |= word == END
        token, memory, state = word[:, None, None], output.memory or memory, output.state
    found = generate(decoder, features, num_beams=1, max_length=longest)
    check(
        bool((found == torch.stack(caption_, dim=1)).all()), "one beam differs from taking the likeliest word each time"
    )


@torch.no_grad()
def decoding_does_not_depend_on_the_batch(spec: Spec) -> None:
    """Neither other images nor their ending early changes a caption."""
    decoder, features = build(spec, words=40), some_features()
    together = generate(decoder, features, num_beams=3, max_length=8)
    for image in range(IMAGES):
        one = Features(features.tokens[image : image + 1], features.grid)
        alone = generate(decoder, one, num_beams=3, max_length=8)[0]
        check(bool((alone == together[image]).all()), "other images change a caption")
