"""What a user would install instead, doing the same work; not one of them is needed for anything else."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.speed.sizes import Size

_PAD, _START, _END = 0, 1, 2


def vision_encoder_decoder(size: Size) -> Any:
    """transformers' model with a BERT decoder of the same depth and width; its encoder is never run.

    Raises:
        ImportError: transformers is not installed.
    """
    from transformers import BertConfig, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig

    torch.manual_seed(0)
    width: dict[str, Any] = {"hidden_size": size.dim, "num_attention_heads": size.heads}
    encoder = ViTConfig(**width, num_hidden_layers=1, intermediate_size=size.dim, image_size=32)
    decoder = BertConfig(
        **width,
        vocab_size=size.words,
        num_hidden_layers=size.layers,
        intermediate_size=4 * size.dim,
        is_decoder=True,
        add_cross_attention=True,
        bos_token_id=_START,
        eos_token_id=_END,
        pad_token_id=_PAD,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = _START, _PAD, _END
    return VisionEncoderDecoderModel(config=config).eval()


@torch.inference_mode()
def search(model: Any, features: Tensor, size: Size) -> Tensor:
    """As many words as `size` has steps, START before them: beam search with its cache of keys and values."""
    from transformers.modeling_outputs import BaseModelOutput

    return model.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=features),
        num_beams=size.beams,
        do_sample=False,
        min_new_tokens=size.steps,
        max_new_tokens=size.steps,
        use_cache=True,
        decoder_start_token_id=_START,
        pad_token_id=_PAD,
        eos_token_id=_END,
    )


def steps(model: Any, features: Tensor, size: Size) -> list[tuple[int, ...]]:
    """The tokens (rows, length) that each step of such a search gives the decoder: proof of the work it does."""
    given: list[tuple[int, ...]] = []
    hook = model.decoder.register_forward_pre_hook(
        lambda _, arguments, options: given.append(tuple(options["input_ids"].shape)), with_kwargs=True
    )
    search(model, features, size)
    hook.remove()
    return given


def learner(model: Any, features: Tensor, captions: Tensor) -> Callable[[], object]:
    """One training step on captions (B, K, T + 1); each image's features are repeated for its captions, as it needs."""
    from transformers.modeling_outputs import BaseModelOutput

    tokens = captions.flatten(0, 1)
    model.train()
    optimizer = torch.optim.AdamW(model.decoder.parameters())

    def step() -> None:
        repeated = features.repeat_interleave(captions.shape[1], dim=0)
        outputs = BaseModelOutput(last_hidden_state=repeated)
        loss = model(
            encoder_outputs=outputs, decoder_input_ids=tokens[:, :-1], labels=tokens[:, 1:], use_cache=False
        ).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.decoder.parameters(), 1.0)
        optimizer.step()

    return step


def bare_forward(name: str, pixels: Tensor) -> Callable[[], object]:
    """timm's `forward_features` alone over batches of 32 of `pixels`, which are normalised and channels last."""
    from timm import create_model

    model: Any = create_model(name, num_classes=0).eval().to(memory_format=torch.channels_last)
    batches = pixels.split(32)

    @torch.inference_mode()
    def forward() -> None:
        for batch in batches:
            model.forward_features(batch)

    return forward


def coco_scores(references: Mapping[int, Sequence[str]], candidates: Mapping[int, str]) -> dict[str, float]:
    """pycocoevalcap as shipped, its tokenizer and its scorers one by one, without SPICE."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    tokenizer = PTBTokenizer()
    tokenized_references = tokenizer.tokenize(
        {image: [{"caption": text} for text in texts] for image, texts in references.items()}
    )
    tokenized_candidates = tokenizer.tokenize({image: [{"caption": text}] for image, text in candidates.items()})
    bleu, _ = Bleu(4).compute_score(tokenized_references, tokenized_candidates, verbose=0)
    scores = {f"Bleu_{order}": score for order, score in enumerate(bleu, start=1)}
    for name, scorer in (("METEOR", Meteor()), ("ROUGE_L", Rouge()), ("CIDEr", Cider())):
        scores[name] = float(scorer.compute_score(tokenized_references, tokenized_candidates)[0])
    return scores


def apart(ours: Mapping[str, float], theirs: Mapping[str, float]) -> float:
    """The largest difference between two sets of scores; infinite where one has what the other lacks."""
    if ours.keys() != theirs.keys():
        return math.inf
    return max(abs(ours[name] - theirs[name]) for name in ours)
