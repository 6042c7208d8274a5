"""Searches written as plainly as possible: one image, one caption, one word at a time, in lists.

The decoder reads each caption anew for each word, so no state is kept that could be mixed up.
"""

import torch

from zoo.decoders import Decoder
from zoo.types import Features
from zoo.vocabulary import END, PAD, START, UNKNOWN


def searched(decoder: Decoder, features: Features, decoding) -> list[list[list[int]]]:
    """All captions that end in the search of each image, with END, the best first."""
    rows = range(features.tokens.shape[0])
    ones = (Features(features.tokens[row : row + 1], features.grid) for row in rows)
    return [_search(decoder, one, decoding) for one in ones]


def _search(decoder, features, decoding):
    width = decoding.num_beams // decoding.num_beam_groups
    open_ = [[([], 0.0)] for _ in range(decoding.num_beam_groups)]
    room, ended = [width] * decoding.num_beam_groups, []
    for length in range(1, decoding.max_length + 2):
        used: dict[int, int] = {}
        for group, captions in enumerate(open_):
            candidates = []
            for words, total in captions:
                for word, score in enumerate(_scores(decoder, features, words)):
                    if _allowed(words, word, decoding):
                        penalty = decoding.diversity_penalty * used.get(word, 0)
                        candidates.append((total + score - penalty, total + score, [*words, word]))
            candidates.sort(key=lambda candidate: -candidate[0])
            taken = candidates[: room[group]]
            open_[group] = []
            for _, total, words in taken:
                used[words[-1]] = used.get(words[-1], 0) + 1
                if words[-1] != END:
                    open_[group].append((words, total))
                    continue
                room[group] -= 1
                ended.append((total / length**decoding.length_penalty, words))
        if not any(open_):
            break
    return [words for _, words in sorted(ended, key=lambda caption: -caption[0])]


def _scores(decoder, features, words):
    tokens = torch.tensor([[[START, *words]]])
    memory, state = decoder.init_state(features)
    return decoder.logits(decoder(tokens, memory, state).hidden[0, 0, -1]).log_softmax(dim=-1).tolist()


def _allowed(words, word, decoding):
    if len(words) == decoding.max_length:
        return word == END
    return word not in (PAD, START, UNKNOWN) and not (
        decoding.no_repeat_ngram_size and _repeats(words, word, decoding.no_repeat_ngram_size)
    )


def _repeats(words, word, length):
    run = [*words, word][-length:]
    return len(run) == length and any(words[at : at + length] == run for at in range(len(words) - length + 1))
