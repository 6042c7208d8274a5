"""Shards: every sample is found and read by its place, from anywhere; what is wrong is counted, named or refused."""

import io
import json
import os
import pickle
import random
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pytest
from folders import COLOURS, drawn, shard_folder, tar
from fsspec.asyn import AsyncFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.cli.main import main
from benchmarks.data import UnreadableImage
from benchmarks.data.formats.splits import numbers
from benchmarks.data.shards import index, storage
from benchmarks.data.shards.samples import read_samples
from benchmarks.data.shards.storage import Storage, _expanded
from benchmarks.data.shards.tar import read_members
from benchmarks.data.webdataset import WebDataset

PATTERNS = {"train": "train-*.tar", "validation": "val-*.tar", "test": "test-*.tar"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "caption-zoo" / "shards"


@pytest.fixture
def shards(tmp_path):
    return shard_folder(tmp_path / "shards")


def one_shard(folder, *members, more=30):
    """A folder with a shard of these members, and of other samples, enough for three splits."""
    folder.mkdir(exist_ok=True)
    others = [each for n in range(more) for each in ((f"{n:03}.png", drawn("red")), (f"{n:03}.txt", b"a red square"))]
    (folder / "a.tar").write_bytes(tar([*members, *others]))
    return str(folder)


def held(data):
    """Captions by the name of the image's member."""
    return {image.sample.name: image.captions for part in (data.train, data.validation, data.test) for image in part}


def test_splits_by_pattern_hold_every_sample(shards):
    data = WebDataset(root=str(shards), **PATTERNS)
    assert [[image.sample.key for image in part] for part in (data.train, data.validation, data.test)] == [
        [f"{number:06}" for number in numbers] for numbers in (range(16), range(16, 20), range(20, 24))
    ]
    assert (data.split, data.notes) == ("test", ())
    for image in (*data.train, *data.test):
        colour = COLOURS[int(image.sample.key) % len(COLOURS)]
        assert image.captions == (f"A {colour} square on black.", f"A {colour} square alone.")
        assert data.load(image).tobytes() == Image.open(io.BytesIO(drawn(colour))).convert("RGB").tobytes()
    assert data.train[9].source == "train-001.tar/000009.png"


def test_many_threads_read_what_one_reads(shards):
    data = WebDataset(root=str(shards), **PATTERNS)
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(data.load, data.train * 8))
    assert all(picture == data.load(image) for picture, image in zip(pictures, data.train * 8, strict=True))


def test_where_it_lies_is_no_part_of_what_it_is(shards, tmp_path):
    moved = shards.rename(tmp_path / "moved")
    again = shard_folder(tmp_path / "shards")
    one, other = (WebDataset(root=str(root), **PATTERNS) for root in (moved, again))
    assert (one.fingerprint, one.files()) == (other.fingerprint, other.files())
    filesystem = fsspec.filesystem("memory")
    for file in again.iterdir():
        filesystem.pipe(f"/bucket/coco/{file.name}", file.read_bytes())
    afar = WebDataset(
        root="memory://bucket/coco", train="train-{000..001}.tar", validation="val-*.tar", test="test-000.tar"
    )
    assert (afar.fingerprint, afar.files()) == (one.fingerprint, one.files())
    assert all(afar.load(image) == one.load(same) for image, same in zip(afar.train, one.train, strict=True))


@pytest.mark.parametrize(
    ("members", "captions"),
    [
        ({"txt": b" a cat \r\n\n on a mat \n"}, ("a cat", "on a mat")),
        ({"txt": "a cat\u2028is here\ron a mat".encode()}, ("a cat is here", "on a mat")),
        ({"caption": b"a cat"}, ("a cat",)),
        ({"txt": b"a cat", "ocr.txt": b"STOP"}, ("a cat",)),
        ({"txt": b"a cat", "ocr.json": b'{"text": "EXIT"}'}, ("a cat",)),
        ({"txt": b"a cat", "mask.png": b"x", "seg.jpg": b"x"}, ("a cat",)),
        ({"json": b'{"caption": "a cat"}'}, ("a cat",)),
        ({"json": b'\xef\xbb\xbf{"captions": ["a cat", "a dog", " . "]}'}, ("a cat", "a dog")),
        ({"json": b'{"caption1": "a cat", "caption2": "a dog", "text": "no"}'}, ("a cat", "a dog")),
        ({"json": b'{"text": "a cat", "width": 7, "key": "0", "url": null, "nested": {"caption": "no"}}'}, ("a cat",)),
        ({"json": b'{"caption": "a cat", "caption": "a dog"}'}, ("a cat", "a dog")),
        ({"txt": b"a cat", "json": b'{"caption": "the same cat", "sha256": "0"}'}, ("the same cat",)),
        ({"txt": b"a cat", "json": b'{"width": 7}', "cls": b"3", "__meta__": b"x"}, ("a cat",)),
        ({"TXT": b"a cat"}, ("a cat",)),
    ],
)  # fmt: skip
def test_captions_are_where_others_write_them(tmp_path, members, captions):
    root = one_shard(
        tmp_path / "s", ("x/cat.png", drawn("blue")), *((f"x/cat.{end}", text) for end, text in members.items())
    )
    data = WebDataset(root=root)
    assert held(data)["x/cat.png"] == captions
    assert data.notes == ()


def test_an_image_may_have_more_in_its_ending_where_it_is_the_only_one(tmp_path):
    members = [("cat.left.png", drawn("blue")), ("cat.txt", b"a cat")]
    members += [("v1.2_0.png", drawn("red")), ("v1.2_0.txt", b"a red cat"), ("v1.ocr.txt", b"STOP")]
    found = held(WebDataset(root=one_shard(tmp_path / "s", *members)))
    assert (found["cat.left.png"], found["v1.2_0.png"]) == (("a cat",), ("a red cat",))


def test_the_real_package_writes_what_is_read(tmp_path):
    web = pytest.importorskip("webdataset")
    with web.ShardWriter(f"{tmp_path}/w-%06d.tar", maxcount=9, verbose=0) as writer:
        for number in range(40):
            picture = Image.new("RGB", (20, 20), (number, 0, 0))
            sample = {"__key__": f"sample/{number:05}", "png": picture, "json": {"captions": [f"picture {number}"]}}
            writer.write(sample | {"cls": number, "pyd": {"pickled": number}})
    with web.TarWriter(f"{tmp_path}/w-one.tar", mtime=0.5, format="PAX_FORMAT") as writer:
        writer.write({"__key__": "o" * 120, "png": Image.new("RGB", (20, 20), (200, 0, 0)), "txt": "picture 200"})
    data = WebDataset(root=str(tmp_path))
    everything = [*data.train, *data.validation, *data.test]
    assert len(everything) == 41
    for image in everything:
        number = int(image.captions[0].removeprefix("picture "))
        assert data.load(image).getpixel((3, 3)) == (number, 0, 0)
        assert image.sample.key == (f"sample/{number:05}" if number < 200 else "o" * 120)


def test_a_field_says_the_split(tmp_path):
    members = []
    for number, split in enumerate(["train", "val", "Test", "train"]):
        members += [
            (f"k{number}.png", drawn("red")),
            (f"k{number}.json", json.dumps({"caption": "a", "split": split}).encode()),
        ]
    data = WebDataset(root=one_shard(tmp_path / "s", *members, more=0))
    assert [[image.sample.key for image in part] for part in (data.train, data.validation, data.test)] == [
        ["k0", "k3"], ["k1"], ["k2"],
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"a.tar/000: '000' has no split, and others have"):
        WebDataset(root=one_shard(tmp_path / "s", *members))


def test_patterns_without_test_or_validation(shards):
    data = WebDataset(root=str(shards), train="train-*.tar", validation="{val,test}-*.tar")
    assert (data.split, len(data.test), len(data.train) + len(data.validation)) == ("validation", 8, 16)
    data = WebDataset(root=str(shards), train="{train,val}-*.tar", test="test-*.tar")
    assert (data.split, len(data.test), len(data.train) + len(data.validation)) == ("test", 4, 20)
    drawn_lots = WebDataset(root=str(shards), train="*")
    assert sum(map(len, (drawn_lots.train, drawn_lots.validation, drawn_lots.test))) == 24


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"train": "no-*.tar"}, r"no shard 'no-\*.tar' in"),
        ({"train": "train-{000..003}.tar"}, "no shard 'train-002.tar' in"),
        ({"validation": "val-*.tar"}, "shard val-000.tar in .* is in train and in validation: give train"),
        ({"train": "../shards/*.tar"}, "leads out of .*: patterns are relative to root"),
        ({"train": "/etc/*"}, "leads out of"),
        ({"train": "http://example.org/a.tar"}, "leads out of"),
        ({"train": "{0..99999999999}.tar"}, "stands for more than 100,000 names"),
        ({"train": "{0..999}{0..999}{0..999}.tar"}, "stands for more than 100,000 names"),
        ({"train": "{a,b}" * 21}, "has more than 20 braces"),
        ({"train": "train-{3..1}.tar"}, r"pattern 'train-\{3..1\}.tar' stands for no name: write \{1..3\}"),
        ({"train": "dangling*"}, "cannot list 'dangling\\*' in .*dangling"),
        ({"train": "folder.tar"}, "is no file"),
        ({"train": "empty.tar"}, "shard empty.tar in .*: truncated: ends at byte 0 without the empty blocks"),
        ({"train": "text.tar"}, "shard text.tar in .*: no tar header at byte 0"),
        ({"train": "packed.tar"}, "shard packed.tar in .*: compressed: unpack it to a plain .tar"),
        ({"train": "train-*.tar", "test": "bare.tar"}, "none is in test"),
        ({"root": "pipe:cat /etc/passwd"}, "would run a program"),
        ({"root": "nonsense://x"}, "cannot read 'nonsense://x': Protocol not known"),
        ({"root": "none"}, "no folder 'none': say where the shards lie"),
        ({"root": "\0"}, "no folder"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(shards, options, said):
    (shards / "folder.tar").mkdir()
    (shards / "dangling").symlink_to("nowhere")
    (shards / "empty.tar").touch()
    (shards / "text.tar").write_text("x" * 2000)
    (shards / "bare.tar").write_bytes(tar([("a.txt", b"a cat")]))
    with tarfile.open(shards / "packed.tar", "w:gz") as packed:
        packed.add(shards / "text.tar", "a.png")
    with pytest.raises(ValueError, match=said) as error:
        WebDataset(**{"root": str(shards), **options})
    assert "\n" not in str(error.value)


def test_what_an_url_needs_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ValueError, match=r"cannot read 's3://bucket/coco': .*s3fs"):
        WebDataset(root="s3://bucket/coco")


def test_braces():
    assert _expanded("a-{08..11}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]
    assert _expanded("{x,y}{0..1}") == ["x0", "x1", "y0", "y1"]
    assert _expanded("{x}{") == ["{x}{"]


def special(name, kind, link="", size=0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def test_what_cannot_be_used_is_counted_and_named(tmp_path):
    root = one_shard(
        tmp_path / "s",
        (special("link.png", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (special("hard.png", tarfile.LNKTYPE, "000.png"), b""),
        (special("device", tarfile.CHRTYPE), b""),
        (special("pipe.txt", tarfile.FIFOTYPE), b""),
        (special("folder/", tarfile.DIRTYPE), b""),
        ("one.png", drawn("red")), ("one.json", b"{"),
        ("two.png", drawn("red")), ("two.txt", b"caf\xe9"),
        ("three.png", drawn("red")), ("three.json", b"[" * 100_000),
        ("four.png", drawn("red")), ("four.json", b'{"captions": ["a cat", 3]}'),
        ("five.png", drawn("red")), ("five.txt", b"x" * (2**20 + 1)),
        ("six.png", drawn("red")), ("six.jpg", drawn("red")), ("six.txt", b"two images"),
        ("seven.txt", b"no image"),
        ("eight.png", drawn("red")),
        ("nine.png", drawn("red")), ("nine.txt", b" . "),
        ("n" * 2000 + ".png", drawn("red")),
        ("odd\udcff.png", drawn("red")), (special("odd\udcff.jpg", tarfile.SYMTYPE, "x"), b""),
        ("pickle.pyd", pickle.dumps(print)), ("pickle.pth", b"x"), ("README", b"x"), (".hidden", b"x"),
        ("ten.png", drawn("red")), ("ten.json", b'{"caption": "a", "split": "somewhere"}'),
    )  # fmt: skip
    data = WebDataset(root=root)
    assert len(held(data)) == 30
    assert data.notes == (
        "4 members that are links or devices left out, such as link.png in a.tar",
        "6 members whose captions cannot be read left out, such as one.json: no JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)) in a.tar",
        f"3 members whose names are longer than 1,024 letters, or no UTF-8 left out, such as {'n' * 80!r} in a.tar",
        "8 images without a caption left out, such as one.png in a.tar",
        "1 samples with several images left out, such as six in a.tar",
        "2 samples with captions and no image left out, such as seven in a.tar",
    )  # fmt: skip


def test_an_image_that_cannot_be_read_is_named_without_its_place(tmp_path):
    whole = drawn("red")
    bad = [("cut.png", whole[:60]), ("text.png", b"no image"), ("none.png", b"")]
    root = one_shard(tmp_path / "s", *bad, *((name.replace("png", "txt"), b"a cat") for name, _ in bad))
    data = WebDataset(root=root)
    images = {image.sample.name: image for part in (data.train, data.validation, data.test) for image in part}
    for name, _ in bad:
        with pytest.raises(UnreadableImage, match=rf"^a.tar/{name}: ") as error:
            data.load(images[name])
        assert str(tmp_path) not in str(error.value)
    (tmp_path / "s" / "a.tar").unlink()
    with pytest.raises(UnreadableImage, match=r"^a.tar/000.png: No such file or directory$"):
        data.load(images["000.png"])


def test_a_shard_that_changed_since_is_told_and_indexed_again(shards):
    data = WebDataset(root=str(shards), **PATTERNS)
    file = shards / "train-000.tar"
    file.write_bytes(tar([("new.png", drawn("white")), ("new.txt", b"a new one")]))
    for image in data.train[:8]:
        with pytest.raises(UnreadableImage, match=r"changed since it was indexed|bytes came|no tar header"):
            data.load(image)
    again = WebDataset(root=str(shards), **PATTERNS)
    assert [image.sample.key for image in again.train][-1:] == ["new"]
    assert again.fingerprint != data.fingerprint


def test_a_shard_is_indexed_once(shards, cache, monkeypatch):
    read = []
    monkeypatch.setattr(index, "read_samples", lambda file, size: read.append(size) or read_samples(file, size))
    first = WebDataset(root=str(shards), **PATTERNS)
    assert len(read) == len(list(cache.iterdir())) == 4
    assert held(WebDataset(root=str(shards), **PATTERNS)) == held(first)
    assert len(read) == 4
    dice = random.Random(0)
    for file in cache.iterdir():  # a bit that flipped, an end that is missing, another content
        content = bytearray(file.read_bytes())
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        file.write_bytes(dice.choice([bytes(content), bytes(content[:-9]), b"", b"\n", b"{}"]))
    assert held(WebDataset(root=str(shards), **PATTERNS)) == held(first)
    assert len(read) == 8


def test_without_a_cache_it_is_indexed_each_time(shards, cache, monkeypatch):
    cache.parent.mkdir(parents=True)
    cache.write_text("no folder")
    assert len(WebDataset(root=str(shards), **PATTERNS).train) == 16
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert len(WebDataset(root=str(shards), **PATTERNS).train) == 16


def test_a_name_in_several_shards_stands_for_several_images(tmp_path):
    root = one_shard(tmp_path / "s")
    before = {image.image_id: image.source for image in WebDataset(root=root).train}
    (tmp_path / "s" / "b.tar").write_bytes(tar([("007.jpg", drawn("red")), ("007.txt", b"a cat")]))
    data = WebDataset(root=root)
    after = {image.image_id: image.source for part in (data.train, data.validation, data.test) for image in part}
    assert len(after) == 31
    assert before.items() - after.items() <= {(numbers("007")[0], "a.tar/007.png")}
    assert after[numbers("b.tar/007")[0]] == "b.tar/007.jpg"
    assert data.notes == ("1 names of samples in several shards, each for another image, such as 007",)
    with pytest.raises(ValueError, match=r"shard a.tar in .*: has '007.txt' twice"):
        WebDataset(root=one_shard(tmp_path / "t", ("007.txt", b"one")))


def test_two_names_of_one_id_are_refused(shards, monkeypatch):
    monkeypatch.setattr("benchmarks.data.webdataset.numbers", lambda name: (7, 0.5))
    with pytest.raises(ValueError, match=r"'train-000.tar/000000' and 'train-000.tar/000001' get one id"):
        WebDataset(root=str(shards), **PATTERNS)


def test_a_connection_that_breaks_is_tried_again(shards, monkeypatch):
    filesystem = fsspec.filesystem("memory")
    for file in shards.iterdir():
        filesystem.pipe(f"/weak/{file.name}", file.read_bytes())
    data = WebDataset(root="memory://weak", **PATTERNS)
    monkeypatch.setattr(storage, "_PAUSES", (0.0, 0.0))
    errors, real = [], type(filesystem).cat_file

    def breaking(self, path, **span):
        if errors:
            raise errors.pop()
        return real(self, path, **span)

    monkeypatch.setattr(type(filesystem), "cat_file", breaking)
    errors += [RuntimeError("reset"), TimeoutError("slow")]
    assert data.load(data.train[0]).size == (80, 60)
    errors += [RuntimeError("reset")] * 3
    with pytest.raises(UnreadableImage, match=r"train-000.tar/000000.png: reset"):
        data.load(data.train[0])
    monkeypatch.setattr(type(filesystem), "cat_file", lambda self, path, **span: real(self, path))  # knows no ranges
    with pytest.raises(UnreadableImage, match="bytes came, and not"):
        data.load(data.train[0])


class Afar(AsyncFileSystem):
    """A server: its listings tell no sizes, its files no versions, and what talks to it does not survive a fork."""

    protocol = "afar"
    files, errors = {}, []

    async def _ls(self, path, detail=True, **_):
        return [{"name": name, "size": None, "type": "file"} for name in self.files]

    async def _info(self, path, **_):
        if path not in self.files:
            return {"name": path, "size": 0, "type": "directory"}
        return {"name": path, "size": len(self.files[path]), "type": "file"}

    async def _cat_file(self, path, start=None, end=None, **_):
        if self.errors:
            raise self.errors.pop()
        return self.files[path][start:end]

    def _open(self, path, *_, **__):
        return io.BytesIO(self.cat_file(path))


@pytest.fixture
def afar(shards, monkeypatch):
    fsspec.register_implementation("afar", Afar, clobber=True)
    monkeypatch.setattr(Afar, "files", {f"bucket/{file.name}": file.read_bytes() for file in shards.iterdir()})
    monkeypatch.setattr(storage, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(Afar, "errors", [])
    return Afar


def test_a_server_may_list_no_sizes_and_fail_now_and_then(shards, afar):
    afar.errors += [RuntimeError("503")] * 2
    data = WebDataset(root="afar://bucket/", **PATTERNS)
    assert data.fingerprint == WebDataset(root=str(shards), **PATTERNS).fingerprint
    assert data.notes == (
        "4 shards without time or entity tag, which each run indexes anew, such as train-000.tar",
    )  # fmt: skip
    afar.errors += [RuntimeError("503")] * 30
    with pytest.raises(ValueError, match=r"cannot read shard \S+ in afar://bucket: 503"):
        WebDataset(root="afar://bucket", **PATTERNS)


def test_a_forked_process_opens_connections_of_its_own(afar):
    data = WebDataset(root="afar://bucket", **PATTERNS)
    if not (child := os.fork()):
        try:
            os._exit(data.load(data.train[0]).size != (80, 60))
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


def test_links_are_shards_and_hidden_files_are_none(shards, tmp_path):
    """Hugging Face's cache has links, and an archive of a Mac its own notes beside each file."""
    (tmp_path / "links").mkdir()
    for file in shards.iterdir():
        (tmp_path / "links" / file.name).symlink_to(file)
        (tmp_path / "links" / f"._{file.name}").write_bytes(b"note")
    data, same = (WebDataset(root=str(root)) for root in (tmp_path / "links", shards))
    assert data.fingerprint == same.fingerprint


def test_what_tells_a_version(shards):
    files = Storage(str(shards))
    for key in ("ETag", "blob_id", "xet_hash", "last_modified", "modify"):
        assert files._shard("x.tar", {"type": "file", "size": 1, key: "v"}).version == "v"


def raw(name=b"a.png", size=b"%011o\0" % 0, kind=b"0", content=b""):
    """A header with what it should not say, and a checksum that is right."""
    block = bytearray(512)
    block[: len(name)], block[124 : 124 + len(size)], block[156:157], block[257:265] = name, size, kind, b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + content


def field(key, value):
    length = len(key) + len(value) + 3
    return b"%d %s=%s\n" % (length + len(str(length + len(str(length)))), key, value)


END = bytes(1024)
LIES = {
    "a size below nothing": (raw(size=b"\xff" * 11 + b"\x00"), "says that 'a.png' has -256 bytes"),
    "a size beyond the end": (raw(size=b"%011o\0" % 10**6) + END, "truncated: 'a.png' should end at byte 1,000,512"),
    "a huge size": (raw(size=b"\x80" + b"\xff" * 11) + END, "truncated"),
    "a size that is no number": (raw(size=b"abc") + END, "no tar header at byte 0"),
    "a name of gigabytes": (raw(kind=b"L", size=b"\x80\0\0\0\0\0\0\1\0\0\0\0") + END, "4,294,967,296 bytes of a name"),
    "fields of gigabytes": (raw(kind=b"x", size=b"\x80\0\0\0\0\0\0\1\0\0\0\0") + END, "4,294,967,296 bytes of a name"),
    "fields that are none": (raw(kind=b"x", size=b"%011o\0" % 512, content=b"x" * 512) + END, "fields that cannot be read"),
    "a field that ends elsewhere": (raw(kind=b"x", size=b"%011o\0" % 512, content=b"999 a=b\n" + bytes(504)) + END, "fields that cannot be read"),
    "a size in its fields": (raw(kind=b"x", size=b"%011o\0" % 512, content=field(b"size", b"9" * 12).ljust(512, b"\0")) + raw() + END, "truncated"),
    "a sparse file": (raw(kind=b"S") + END, "is a sparse file"),
    "a sparse file in fields": (raw(kind=b"x", size=b"%011o\0" % 512, content=field(b"GNU.sparse.major", b"1").ljust(512, b"\0")) + raw() + END, "is a sparse file"),
    "a checksum of another": (raw().replace(b"a.png", b"b.png") + END, "no tar header at byte 0"),
    "no end": (raw(), "truncated: ends at byte 512 without"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_headers_that_lie_are_refused(lie):
    content, said = LIES[lie]
    with pytest.raises(ValueError, match=said):
        read_samples(io.BytesIO(content), len(content))


def test_too_many_members_are_refused(monkeypatch):
    monkeypatch.setattr("benchmarks.data.shards.tar._MEMBERS", 5)
    content = tar([(f"{number}", b"") for number in range(9)])
    with pytest.raises(ValueError, match="more than 5 members"):
        read_samples(io.BytesIO(content), len(content))


SAMPLE = tar(
    [
        ("x/" + "k" * 120 + ".png", drawn("red")),
        ("x/" + "k" * 120 + ".json", b'{"caption": "a cat"}'),
        ("b.txt", b"a dog"),
        ("b.jpg", b"x"),
    ]
)


def test_a_truncated_shard_is_refused_wherever_it_ends():
    end = SAMPLE.rstrip(b"\0")
    for length in range(0, len(end), 64):
        with pytest.raises(ValueError, match=r"truncated|no tar header"):
            read_samples(io.BytesIO(SAMPLE[:length]), length)
    with pytest.raises(ValueError, match="truncated"):  # it was longer when it was listed
        read_samples(io.BytesIO(SAMPLE[:3000]), len(SAMPLE))


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.binary(min_size=1, max_size=12)), min_size=1, max_size=4))
@settings(max_examples=300, derandomize=True)
def test_no_bytes_break_the_reader(changes):
    content = bytearray(SAMPLE)
    for place, other in changes:
        content[place : place + len(other)] = other
    try:
        samples, _ = read_samples(io.BytesIO(content), len(content))
    except ValueError:
        return
    assert all(
        sample.captions and 512 <= sample.place <= sample.place + sample.size <= len(content) for sample in samples
    )


def test_what_tarfile_reads_is_what_is_read_here():
    """In each of the formats that Python writes."""
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form, pax_headers={"comment": "c"}) as opened:
            for name in ("a.png", "d" * 90 + "/" + "n" * 90 + ".png", "\u72d7.png"):
                info = tarfile.TarInfo(name)
                info.size, info.mtime = 700, 1.5
                opened.addfile(info, io.BytesIO(name.encode()[:1] * 700))
                opened.addfile(special("link", tarfile.LNKTYPE, "a.png", size=700))  # of which nothing follows
        with tarfile.open(fileobj=io.BytesIO(file.getvalue())) as opened:
            expected = [(member.name, member.offset_data, member.size) for member in opened if member.isreg()]
        found = list(read_members(io.BytesIO(file.getvalue()), len(file.getvalue())))
        assert [(member.name, member.place, member.size) for member in found if member.kind == "file"] == expected


def test_it_is_checked_like_any_other(shards, capsys):
    spec = f"webdataset(root={str(shards)!r}, train='train-*.tar', validation='val-*.tar', test='test-*.tar')"
    assert main(["check", "dataset", spec]) == 0
    assert "BROKEN" not in capsys.readouterr().out


def test_a_root_with_signs_of_patterns(tmp_path):
    assert len(WebDataset(root=str(shard_folder(tmp_path / "a[1] *{x,y}?")), **PATTERNS).train) == 16


def test_its_options_say_where_shards_are_and_not_what_storage_is(shards):
    assert Storage(str(shards)).shards("train-*.tar") == Storage(f"file://{shards}").shards("train-*.tar")
