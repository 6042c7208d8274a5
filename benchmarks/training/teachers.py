"""Trained models that another one learns from."""

from zoo.captioner import Captioner
from zoo.decoders import Decoder
from zoo.ensemble import EnsembleDecoder, same_backbone
from zoo.pretrained import load_members, locate


def teacher_of(captioner: Captioner, place: str) -> Decoder:
    """The decoder of the run, or of the ensemble, that lies at a place: it reads the features that the captioner does.

    Raises:
        ValueError: there is none, or it has other words, or sees something else than the captioner.
    """
    members = load_members([locate(place)], device=next(captioner.parameters()).device)
    for member in members:
        if member.vocabulary.words != captioner.vocabulary.words:
            raise ValueError(
                f"teacher: {member.source} has another vocabulary: train it on the same data, with the same min_count"
            )
        if captioner.backbone.trainable or not same_backbone(member, captioner):
            raise ValueError(
                f"teacher: {member.source} has another backbone than {captioner.parts.backbone}, or one that is "
                "trained: both read the features of one frozen backbone"
            )
    if len(members) == 1:
        return members[0].decoder
    return EnsembleDecoder([member.decoder for member in members], [0] * len(members)).eval()
