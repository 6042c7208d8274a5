"""Pictures with words below them, as HTML that holds all it shows: what notebooks display inline."""

import base64
import io
from collections.abc import Sequence

from PIL import Image

from zoo.drawing import Tile, scale_text
from zoo.markup import html

_QUALITY = 80  # of JPEG, which takes a fifth of PNG's bytes for a photograph under a smooth map


def gallery(title: str, tiles: Sequence[Tile], *, peak: float) -> str:
    """The tiles side by side under a title, as `drawing.sheet` draws them; what they say stays text."""
    figures = "".join(map(_figure, tiles))
    return (
        f"<div><p><b>{html(title)}</b></p>"
        f'<div style="display:flex;flex-wrap:wrap;gap:12px">{figures}</div>'
        f"<p><small>Bright: {html(scale_text(peak))}. Dim: none.</small></p></div>"
    )


def _figure(tile: Tile) -> str:
    share = "" if tile.share is None else f"<br><small>{html(tile.share_name)} {tile.share:.0%}</small>"
    alt = f"Where the model attended for {tile.label}" if tile.label else "The picture"
    return (
        f'<figure style="margin:0;text-align:center"><img src="{_data_uri(tile.picture)}" alt="{html(alt)}">'
        f"<figcaption>{html(tile.label)}{share}</figcaption></figure>"
    )


def _data_uri(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
