"""A local page that captions the image that is dropped on it, and shows the attention maps."""

import contextlib
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from benchmarks.config import Decoding
from zoo.caption_model import CaptionModel
from zoo.explain import NoGrid

if TYPE_CHECKING:
    from gradio import Blocks

_LARGEST = 640  # pixels of the longer side of what the page shows, at most
_FONTS = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}  # none that is fetched
_GALLERY: dict[str, Any] = {
    "format": "png",
    "interactive": False,
    "object_fit": "contain",
    "buttons": ["download", "fullscreen"],  # none that shares
}
_POLICY = b"default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'"  # the browser asks no other address


def require() -> None:
    """Load what the page is made with, without telemetry.

    Raises:
        ValueError: it is not installed.
    """
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1")
    try:
        import gradio  # noqa: F401  only to see whether it is there
    except ImportError as error:
        raise ValueError(f"the demo needs gradio ({error}): pip install 'caption-zoo[demo]'") from error


def listen(host: str, port: int) -> socket.socket:
    """The address that the page will be at; port 0 is any that is free.

    Raises:
        ValueError: it cannot be had.
    """
    if not 0 <= port < 2**16:
        raise ValueError(f"cannot listen at {host}, port {port}: ports end at {2**16 - 1}")
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ValueError(f"cannot listen at {host}, port {port}: {error}: choose another --host or --port") from None


def serve(model: CaptionModel, decoding: Decoding, at: socket.socket) -> None:
    """Answer at this address until interrupted."""
    import uvicorn

    app = _Closed(_app(_page(model, decoding)))
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[at])


def _page(model: CaptionModel, decoding: Decoding) -> "Blocks":
    import gradio as gr

    def caption(image: Image.Image | None, beams: float) -> tuple[Any, ...]:
        if image is None:
            return "", None, None, gr.update(value=None, visible=False)
        *rest, heads = _outputs(model, image, replace(decoding, num_beams=int(beams)))
        return *rest, gr.update(value=heads, visible=bool(heads))

    with gr.Blocks(analytics_enabled=False, title="caption-zoo", delete_cache=(600, 3600)) as page:
        gr.Markdown(f"# caption-zoo\n\n`{model.title}`")
        with gr.Row():
            with gr.Column(scale=1):
                image = gr.Image(type="pil", label="An image", sources=["upload", "clipboard"], height=360, buttons=[])
                least, most = decoding.num_beam_groups, max(10, decoding.num_beams)
                beams = gr.Slider(least, most, decoding.num_beams, step=least, label="Beam size")
                button = gr.Button("Caption it", variant="primary")
            with gr.Column(scale=2):
                text = gr.Textbox(label="Caption", interactive=False)
                words = gr.Gallery(label="Attention map of each word", columns=4, **_GALLERY)
        sheet = gr.Image(label="All words", format="png", interactive=False, buttons=["download", "fullscreen"])
        heads = gr.Gallery(label="Attention maps of layers and heads", columns=2, visible=False, **_GALLERY)
        outputs = [text, words, sheet, heads]
        button.click(caption, [image, beams], outputs, api_name="caption")
        image.upload(caption, [image, beams], outputs, api_visibility="private")
    return page


def _outputs(model: CaptionModel, image: Image.Image, decoding: Decoding) -> tuple[Any, ...]:
    """The caption, a picture for each word, one of all, and those of layers and heads; no picture without a grid."""
    try:
        explanation = model.explain(image, **vars(decoding))
    except NoGrid:
        return model.caption([image], **vars(decoding))[0], [], None, []
    explanation = explanation.fitted(min(_LARGEST, max(explanation.picture.size)))
    words = [(explanation.overlay(place), word) for place, word in enumerate(explanation.words)]
    by_word = [] if explanation.heads is None else enumerate(explanation.words)
    heads = [(explanation.head_sheet(place), word) for place, word in by_word]
    return explanation.caption, words, explanation.sheet(), heads


def _app(page: "Blocks") -> Any:
    from fastapi import FastAPI
    from gradio import mount_gradio_app
    from gradio.themes import Base

    return mount_gradio_app(
        FastAPI(), page, path="/", footer_links=[], theme=Base(**_FONTS), show_error=True, ssr_mode=False
    )


class _Closed:
    """An application whose pages may load nothing from elsewhere."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"content-security-policy", _POLICY)]
            await send(message)

        await self.app(scope, receive, answer)
