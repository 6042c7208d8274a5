"""A local page for a trained model: drop an image on it, see its caption and attention maps."""

from math import inf

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.place import add_place, resolve_model


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The model, and where the page is to be."""
    add_place(parser, default=True, nargs="?")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: this machine alone)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen at; 0 is any free one (default: 7860)")
    parser.add_argument("--plugin", action="append", metavar="FILE", default=[], help="Python file with components")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print the page's address and answer there until interrupted."""
    from benchmarks.features.runtime import encoding_fast
    from benchmarks.inference import demo
    from benchmarks.inference.caption_files import decoding_of
    from benchmarks.runtime.device import device
    from registry import load_plugin
    from zoo.pretrained import load

    demo.require()
    for plugin in options.plugin:
        load_plugin(plugin)
    with demo.listen(options.host, options.port) as at:  # an error of the port comes before a model is fetched
        found = resolve_model(options.model, options.revision)
        decoding = decoding_of(found.folder)
        model = load([found], device=device())
        with encoding_fast(model, inf):
            host, port = at.getsockname()[:2]
            print(f"http://{f'[{host}]' if ':' in host else host}:{port} (stop it with Ctrl-C)", flush=True)
            demo.serve(model, decoding, at)
    return 0
