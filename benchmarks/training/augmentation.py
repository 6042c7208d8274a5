"""Augmentation of pixels: random crops and colours, others for each image and each step.

Random numbers are drawn on the CPU, so that none has to be waited for on another device.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from benchmarks.config import Training
from benchmarks.features.views import crop_box


def refuse_augmentation(settings: Training, *, pixels: bool) -> None:
    """Raise a ValueError where `settings` do not go with what is stored of images: `pixels`, or what layers gave."""
    if settings.cached_crops and pixels:
        raise ValueError(
            f"cached_crops={settings.cached_crops} is for what frozen layers give, and this backbone gets pixels, of "
            "which each step draws other crops: leave it out, as crop_scale does it alone"
        )
    crops_pixels = settings.crop_scale < 1 and not settings.cached_crops
    if (crops_pixels or settings.color_jitter) and not pixels:
        raise ValueError(
            f"crop_scale={settings.crop_scale} and color_jitter={settings.color_jitter} change pixels, and what is "
            "stored is what frozen layers gave: train all of the backbone by trainable=True, or set them to 1 and 0; "
            "crops can be stored by cached_crops"
        )


def augment(pixels: UInt8[Tensor, "B 3 H W"], *, crop_scale: float, color_jitter: float) -> UInt8[Tensor, "B 3 H W"]:
    """Each image cropped at random and brought back to its size, then changed in colour.

    A crop is that of `crop_box`, with at least `crop_scale` of the area. Brightness, contrast and saturation change in
    this order, each by a factor of 1 - `color_jitter` to 1 + `color_jitter`; never the hue, since captions name
    colours. Without change nothing is drawn.
    """
    if crop_scale < 1:
        pixels = _crop(pixels, crop_scale)
    return _jitter(pixels, color_jitter) if color_jitter else pixels


def _crop(pixels: UInt8[Tensor, "B 3 H W"], least: float) -> UInt8[Tensor, "B 3 H W"]:
    size = pixels.shape[2], pixels.shape[3]
    cropped = []
    for image, drawn in zip(pixels, torch.rand(len(pixels), 4, device="cpu").tolist(), strict=True):
        cropped.append(transforms.resized_crop(image, *crop_box(size, drawn, least), size))
    return torch.stack(cropped)


def _jitter(pixels: UInt8[Tensor, "B 3 H W"], most: float) -> UInt8[Tensor, "B 3 H W"]:
    factors = 1 + most * (2 * torch.rand(3, len(pixels), 1, 1, 1, device="cpu") - 1)
    brightness, contrast, saturation = factors.to(pixels.device, non_blocking=True)
    images = (pixels * brightness).clamp_(max=255)
    images = _blend(transforms.rgb_to_grayscale(images).mean((1, 2, 3), keepdim=True), images, contrast)
    return _blend(transforms.rgb_to_grayscale(images), images, saturation).round_().to(torch.uint8)


def _blend(
    grey: Float[Tensor, "B 1 _ _"], images: Float[Tensor, "B 3 H W"], factor: Float[Tensor, "B 1 1 1"]
) -> Float[Tensor, "B 3 H W"]:
    return torch.lerp(grey, images, factor).clamp_(0, 255)
