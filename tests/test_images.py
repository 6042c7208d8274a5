"""The store of encoded images: whole or not at all, checked when read, small in memory, made once."""

import errno
import io
import json
import os
import shutil
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import numpy as np
import pytest
import torch
from folders import coco_folder

from benchmarks.config import Training
from benchmarks.data.coco import Coco
from benchmarks.features import cache as images
from benchmarks.features.cache import FeatureCache, compute_features, stored
from benchmarks.features.encode import _workers
from benchmarks.features.files import Writer, listed, open_store
from benchmarks.features.store import DamagedStore
from benchmarks.runtime.device import free_memory
from benchmarks.training.batches import Batch
from benchmarks.training.step import TrainStep
from zoo.captioner import Captioner
from zoo.partial import partial_path
from zoo.parts import Parts
from zoo.registries import BACKBONES
from zoo.vocabulary import Vocabulary

CPU = torch.device("cpu")
RESNET = "timm/test_resnet(pretrained=False)"
LAST = "timm/test_resnet(pretrained=False, trainable=1)"


@pytest.fixture
def data(tmp_path):
    return Coco(root=str(coco_folder(tmp_path / "coco")))


@pytest.fixture
def written(tmp_path):
    """A store of 10 images and 30 in two views, and its values, of which 10 are not stored."""
    values = np.random.default_rng(0).standard_normal((40, 2, 5, 8)).astype(np.float16)
    folder = tmp_path / "store"
    folder.mkdir()
    with Writer(folder, 90, "store") as writer:
        writer.add(range(100, 110), values[:10, :1])
        writer.add(range(110, 132), values[10:32])
        writer.add(range(132, 140), values[32:])
        writer.finish(grid=None, skipped=["a.jpg: damaged"], seconds=1.5)
    return folder, values


def build(spec):
    torch.manual_seed(0)
    backbone = BACKBONES.build(spec).eval()
    return backbone if backbone.trainable else backbone.requires_grad_(False)


def made(data, backbone, cache, *, device=CPU, **options):
    """As by a process of its own."""
    return again(FeatureCache(cache, device), data, backbone, **options)


def again(cache, data, backbone, **options):
    """As by a process that may have asked before."""
    return cache.store(data, backbone, **{"named": "it", "hflip": True, **options})


def test_what_was_written_is_read(written):
    folder, values = written
    store = open_store(folder, "store")
    ids, views = [139, 100, 131, 132], [1, 0, 1, 0]
    expected = torch.from_numpy(values[[39, 0, 31, 32], views])
    for source in (store, store, store.on(CPU)):
        assert torch.equal(source.batch(ids, views), expected)
        assert torch.equal(source.batch(ids), torch.from_numpy(values[[39, 0, 31, 32], 0]))
    assert (store.views, store.grid, store.skipped, store.seconds) == (2, None, ["a.jpg: damaged"], 1.5)
    rows = np.concatenate([values[:10, 0], values[10:].reshape(-1, 5, 8)])
    assert np.array_equal(np.load(folder / "rows.npy", mmap_mode="r"), rows)  # 90 were announced, 70 came


def test_a_view_that_is_not_stored_is_no_other_images(written):
    store = open_store(written[0], "store")
    for source in (store, store.on(CPU)):
        assert source.batch([109], [0]).shape == (1, 5, 8)
        with pytest.raises(IndexError):
            source.batch([109], [1])


def test_a_batch_is_the_readers_own(written):
    store = open_store(written[0], "store")
    store.batch([100]).zero_()
    assert store.batch([100]).any()


def test_a_block_that_a_disk_lost_is_no_feature(written):
    folder, _ = written
    with (folder / "rows.npy").open("r+b") as file:
        file.seek(-2 * 80, os.SEEK_END)
        file.write(bytes(80))  # the plain view of the last image
    store = open_store(folder, "store")
    assert store.batch([100, 139], [0, 1]).shape == (2, 5, 8)
    for read in (lambda: store.batch([100, 139]), lambda: store.on(CPU)):
        with pytest.raises(
            DamagedStore, match=r"store: row 68 of rows.npy is damaged; it is made again .* delete this folder"
        ):
            read()


def test_a_row_that_is_cut_off_later_is_no_feature(written):
    store = open_store(written[0], "store")
    store.batch([139])
    os.truncate(written[0] / "rows.npy", 4096)
    with pytest.raises(DamagedStore, match="row 68"):
        store.batch([139])


@pytest.mark.parametrize("name", ["rows.npy", "sums.npy", "manifest.json"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES])
def test_a_store_that_cannot_be_read_now_is_left_alone(data, tmp_path, monkeypatch, name, number):
    backbone, open_ = build(RESNET), io.open
    before = made(data, backbone, tmp_path).seconds

    def refuse(file, *arguments, **options):
        if str(file).endswith(name):
            raise OSError(number, os.strerror(number), str(file))
        return open_(file, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(io, "open", refuse)
        patch.setattr("builtins.open", refuse)
        with pytest.raises(OSError, match=os.strerror(number)) as caught:
            made(data, backbone, tmp_path)
    assert not isinstance(caught.value, DamagedStore)
    assert made(data, backbone, tmp_path).seconds == before


@pytest.mark.parametrize("name", ["rows.npy", "sums.npy", "manifest.json"])
@pytest.mark.parametrize("damage", ["gone", "short", "empty", "changed"])
def test_a_damaged_store_is_not_opened(written, name, damage):
    file = written[0] / name
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "changed":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    else:
        os.truncate(file, file.stat().st_size - 3 if damage == "short" else 0)
    with pytest.raises(DamagedStore, match="it is made again when it is next asked for"):
        open_store(written[0], "store").on(CPU)  # only a row that has changed is found as late as this


def test_a_damaged_store_is_made_again(data, tmp_path):
    backbone = build(RESNET)
    before = made(data, backbone, tmp_path)
    (folder,) = [path for path in (tmp_path / "images").iterdir() if path.is_dir()]
    os.truncate(folder / "rows.npy", 4096)
    after = made(data, backbone, tmp_path)
    assert after.seconds != before.seconds
    assert torch.equal(after.batch([1001]), made(data, backbone, tmp_path).batch([1001]))


def test_a_store_with_a_damaged_row_is_made_again(data, tmp_path):
    backbone, cache = build(RESNET), FeatureCache(tmp_path, CPU)
    before = again(cache, data, backbone)
    (file,) = tmp_path.glob("images/*/rows.npy")
    with file.open("r+b") as opened:
        opened.seek(-1, os.SEEK_END)
        (last,) = opened.read()
        opened.seek(-1, os.SEEK_END)
        opened.write(bytes([last ^ 1]))
    with pytest.raises(DamagedStore):
        before.batch([list(before.rows)[-1]], 1)
    for asked in (cache, FeatureCache(tmp_path, CPU)):  # by the process that found it, and by another
        after = again(asked, data, backbone)
        assert after.seconds != before.seconds
        assert after.batch([example.image_id for example in data.train], 1).isfinite().all()


def test_a_process_opens_and_checks_a_store_once(data, tmp_path, monkeypatch):
    backbone, other = build(RESNET), build("patches(trainable=False)")
    cache, read = FeatureCache(tmp_path, CPU), []
    first = again(cache, data, backbone)
    monkeypatch.setattr(Coco, "files", lambda self: pytest.fail("every image is looked at again"))
    assert again(cache, data, build(RESNET)) is first
    ours = first.batch([1001])
    checked = zlib.crc32
    monkeypatch.setattr("zlib.crc32", lambda *arguments: read.append(arguments) or checked(*arguments))
    assert torch.equal(again(cache, data, backbone).batch([1001]), ours)
    assert read == []
    assert again(cache, data, other, named="other").batch([1001]).shape != ours.shape
    assert again(cache, data, backbone) is not first  # one is kept, not all
    shutil.rmtree(next(tmp_path.glob("images/*/")))
    shutil.rmtree(next(tmp_path.glob("images/*/")))
    assert torch.equal(again(cache, data, backbone).batch([1001]), ours)


def test_the_versions_that_read_and_resize_count_but_for_what_is_mended(data, tmp_path, monkeypatch):
    backbone = build(RESNET)
    before = made(data, backbone, tmp_path).seconds
    theirs = images.version
    for package in ("pillow", "torchvision"):
        found = theirs(package).split(".")
        mended, newer = ".".join([*found[:2], "99"]), ".".join([found[0], "999", "0"])
        for number, same in ((mended, True), (newer, False)):
            monkeypatch.setattr(
                images,
                "version",
                lambda name, package=package, number=number: number if name == package else theirs(name),
            )
            assert (made(data, backbone, tmp_path).seconds == before) == same


def test_who_is_interrupted_leaves_no_store(data, tmp_path, monkeypatch):
    def killed(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            made(data, build(RESNET), tmp_path)
    left = {path.suffix for path in (tmp_path / "images").iterdir()}
    assert left == {".lock"}
    assert len(made(data, build(RESNET), tmp_path).rows) == 18
    assert {path.suffix for path in (tmp_path / "images").iterdir()} == {".lock", ""}


def test_two_that_ask_at_once_make_it_once(data, tmp_path, monkeypatch):
    starts, waiting = [], Event()
    make = images._make

    def slowly(*args):
        starts.append(args)
        waiting.wait(0.2)
        make(*args)

    monkeypatch.setattr(images, "_make", slowly)
    backbones = [build(RESNET) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        stores = list(pool.map(lambda backbone: made(data, backbone, tmp_path), backbones))
    assert len(starts) == 1
    assert torch.equal(stores[0].batch([1001]), stores[1].batch([1001]))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells what memory holds")
def test_an_epoch_holds_no_more_memory_than_a_batch(tmp_path):
    values = np.random.default_rng(0).integers(256, size=(32, 1, 2**18), dtype=np.uint8)
    with Writer(tmp_path, 256, "it") as writer:
        for start in range(0, 256, 32):
            writer.add(range(start, start + 32), values)
        writer.finish(grid=None, skipped=[], seconds=0)

    def resident():
        lines = Path("/proc/self/status").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssFile"))) / 1024

    store = open_store(tmp_path, "it")
    store.batch(range(16))
    start = resident()
    for place in range(0, 256, 16):
        batch = store.batch(range(place, place + 16))
    assert resident() - start < 24  # of 64 MB; a map would hold all of them
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert np.array_equal(mapped[240:], batch.numpy())


def test_rows_move_to_a_device_with_room_for_them(data, tmp_path, monkeypatch):
    backbone = build(RESNET)
    on_disk = made(data, backbone, tmp_path)
    room = 4 * on_disk.source.nbytes
    for free, there in ((room, True), (room - 4, False)):
        monkeypatch.setattr(images, "free_memory", lambda device, free=free: free)
        store = made(data, backbone, tmp_path)
        assert (type(store.source) is not type(on_disk.source)) == there
        assert torch.equal(store.batch([3, 1001], [1, 0]), on_disk.batch([3, 1001], [1, 0]))
    assert free_memory(CPU) == 0


def test_what_torch_holds_and_does_not_use_is_free(monkeypatch):
    for name, value in (("mem_get_info", (100, 1000)), ("memory_reserved", 500), ("memory_allocated", 200)):
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert free_memory(torch.device("cuda")) == 400


def test_beside_a_device_readers_are_those_cores_that_there_are_up_to_a_limit(monkeypatch):
    for allowed, lanes in ((3, 3), (500, 32)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process, allowed=allowed: range(allowed), raising=False)
        with _workers(torch.device("cuda")) as (_, workers):
            assert workers == lanes


def test_without_views_no_image_is_mirrored(data, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "flip", lambda *_: pytest.fail("an image is mirrored"))
    assert made(data, build(RESNET), tmp_path, hflip=False).views == 1


def test_rows_do_not_depend_on_threads(data, tmp_path):
    threads = torch.get_num_threads()
    try:
        stores = []
        for number in (1, 3):
            torch.set_num_threads(number)
            stores.append(made(data, build(RESNET), tmp_path / str(number)))
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(threads)
    assert (
        list(stores[0].rows)
        == list(stores[1].rows)
        == [e.image_id for e in (*data.test, *data.validation, *data.train)]
    )
    for examples, view in ((data.test, 0), (data.train, 1)):
        ids = [example.image_id for example in examples]
        torch.testing.assert_close(stores[0].batch(ids, view), stores[1].batch(ids, view))


def test_numbers_that_float16_cannot_hold_are_refused(data, tmp_path):
    backbone = build(RESNET)
    backbone.model.layer4[-1].bn2.bias.fill_(1e6)
    with pytest.raises(ValueError, match="float16 cannot hold"):
        made(data, backbone, tmp_path)


def test_of_a_backbone_that_learns_in_part_the_frozen_part_is_stored(data, tmp_path):
    backbone = build(LAST)
    store = made(data, backbone, tmp_path)
    rows = store.batch([1001, 3], [0, 1])
    assert (rows.dtype, rows.shape) == (torch.float16, (2, 10, 10, 192))
    pixels = torch.stack([backbone.preprocess.to_tensor(data.load(e)) for e in data.test if e.image_id == 1001])
    features = compute_features(backbone, rows, store.grid)
    whole = compute_features(backbone, pixels, None)
    assert features.grid == whole.grid == (5, 5)
    torch.testing.assert_close(features.tokens[:1], whole.tokens, atol=5e-3, rtol=5e-3)
    torch.testing.assert_close(stored(backbone, pixels)[0], rows[:1], atol=5e-3, rtol=5e-3)
    backbone.model.layer3[0].conv2.weight.data.mul_(2)  # it is frozen, so what is kept of it is other
    assert made(data, backbone, tmp_path).seconds != store.seconds


def test_a_step_learns_the_same_from_what_is_stored_as_from_pixels():
    words = Vocabulary.of(["a cat sits", "a dog runs"], min_count=1)
    gradients = []
    for frozen in (False, True):
        torch.manual_seed(0)
        model = Captioner.build(Parts.parse(LAST, "mean", "lstm(dim=8, dropout=0.0)"), words).train()
        pixels = torch.randint(256, (4, 3, *model.backbone.preprocess.size), dtype=torch.uint8)
        captions = torch.tensor([words.encode("a cat sits", max_length=5)]).expand(4, -1)[:, None]
        rows = stored(model.backbone, pixels)[0] if frozen else pixels
        settings = Training(max_grad_norm=0)
        TrainStep.of(model, settings, {})(Batch.of(range(4), captions, rows=rows))
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    for name, gradient in gradients[0].items():
        other = gradients[1][name]
        assert (gradient is None) == (other is None), name
        assert gradient is None or (gradient - other).norm() <= 2e-2 * gradient.norm() + 1e-6, name


def test_a_frozen_part_that_is_larger_than_its_pixels_is_not_stored(data, tmp_path, capsys):
    backbone = build("timm/resnet50(pretrained=False, trainable=2, image_size=64)")
    store = made(data, backbone, tmp_path, named="timm/resnet50(trainable=2)")
    assert store.batch([1001]).dtype == torch.uint8
    said = "timm/resnet50(trainable=2): its frozen part runs in each step: what it gives takes 5.3 times the room"
    assert said in capsys.readouterr().err
    made(data, backbone, tmp_path, named="timm/resnet50(trainable=2)")
    assert capsys.readouterr().err == ""


def test_the_manifest_names_no_place(data, tmp_path):
    made(data, build(RESNET), tmp_path)
    (manifest,) = tmp_path.glob("images/*/manifest.json")
    text = manifest.read_text()
    assert str(tmp_path) not in text
    assert set(json.loads(text.splitlines()[0])) == {"store", "views", "grid", "skipped", "seconds", "runtime", "sums"}


def no_lock(*_):
    """As on a file system that is mounted without locks, and says nothing of it."""


def refused(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def unknown(*_):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


@pytest.mark.parametrize("flock", [no_lock, refused, unknown])
def test_without_locks_two_that_ask_at_once_use_what_is_made_first(data, tmp_path, monkeypatch, flock, capsys):
    monkeypatch.setattr("fcntl.flock", flock)
    both, make = Barrier(2), images._make

    def together(*args):
        both.wait(30)
        make(*args)
        both.wait(30)  # both are whole before the first has its name

    monkeypatch.setattr(images, "_make", together)
    backbones = [build(RESNET) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        stores = list(pool.map(lambda backbone: made(data, backbone, tmp_path), backbones))
    assert stores[0].seconds == stores[1].seconds
    assert torch.equal(stores[0].batch([1001]), stores[1].batch([1001]))
    assert len([path for path in (tmp_path / "images").iterdir() if path.is_dir()]) == 1
    assert capsys.readouterr().out.count("takes no locks") == (flock is not no_lock)


def test_what_another_has_made_is_not_removed_for_the_damage_of_what_it_replaced(data, tmp_path, monkeypatch):
    backbone = build(RESNET)
    made(data, backbone, tmp_path)
    (folder,) = tmp_path.glob("images/*/")
    other = shutil.copytree(folder, tmp_path / "other")
    os.truncate(folder / "rows.npy", 4096)
    rename = Path.rename

    def late(path, target):  # between the look and the removal another process replaces it
        if path == folder and other.exists():
            shutil.rmtree(folder)
            rename(other, folder)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", late)
    monkeypatch.setattr(images, "_make", lambda *_: pytest.fail("it is made again"))
    assert made(data, backbone, tmp_path).batch([1001]).isfinite().all()
    assert listed(folder)
    assert [path.name for path in (tmp_path / "images").iterdir() if path.is_dir()] == [folder.name]


def test_a_damaged_row_of_what_was_replaced_marks_nothing_else(data, tmp_path):
    backbone, cache = build(RESNET), FeatureCache(tmp_path, CPU)
    before = again(cache, data, backbone)
    (folder,) = tmp_path.glob("images/*/")
    sound = shutil.copytree(folder, tmp_path / "sound")
    os.truncate(folder / "rows.npy", 4096)
    shutil.move(folder, tmp_path / "away")
    sound.rename(folder)
    with pytest.raises(DamagedStore, match=r"rows\.npy is damaged"):
        before.batch([1001])
    assert listed(folder)
    after = again(cache, data, backbone)  # and not the one that is open
    assert after is not before
    assert after.batch([1001]).isfinite().all()


def test_stores_that_were_swapped_are_made_again(data, tmp_path):
    backbones = [build("patches(dim=8, trainable=False)"), build("patches(dim=8, trainable=False)").double().float()]
    with torch.no_grad():
        for parameter in backbones[1].parameters():
            parameter.mul_(2)
    rows = [made(data, backbone, tmp_path).batch([1001]) for backbone in backbones]
    one, other = tmp_path.glob("images/*/")
    one.rename(tmp_path / "one")
    other.rename(one)
    (tmp_path / "one").rename(other)
    for backbone, expected in zip(backbones, rows, strict=True):
        assert torch.equal(made(data, backbone, tmp_path).batch([1001]), expected)


def test_a_read_that_gives_less_is_read_on(written, monkeypatch):
    folder, values = written
    read = os.preadv
    monkeypatch.setattr(os, "preadv", lambda handle, parts, place: read(handle, [parts[0][:7]], place))
    assert torch.equal(open_store(folder, "store").batch([100, 139], [0, 1]), torch.from_numpy(values[[0, 39], [0, 1]]))


def test_a_disk_that_gives_nothing_is_named_and_no_damage(written, monkeypatch):
    store = open_store(written[0], "store")
    monkeypatch.setattr(os, "preadv", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, os.strerror(errno.EIO))))
    with pytest.raises(OSError, match="Input/output error") as caught:
        store.batch([100])
    assert caught.value.filename == str(written[0] / "rows.npy")
    assert listed(written[0])


def test_what_a_killed_process_left_goes_when_a_store_is_made(data, tmp_path):
    (tmp_path / "images").mkdir()
    left = (
        tmp_path
        / "images"
        / partial_path(tmp_path / "images" / "key").name.replace(f"-{os.getpid()}-", f"-{2**22 + 1}-")
    )
    left.mkdir()
    made(data, build("patches(dim=8, trainable=False)"), tmp_path)
    assert not left.exists()


def test_a_lost_row_is_found_wherever_it_lies(written):
    """A flipped bit, a page of zeros, and two rows that have changed places."""
    folder, _ = written
    content, manifest = (folder / "rows.npy").read_bytes(), (folder / "manifest.json").read_bytes()
    size, start = 80, len(content) - 70 * 80  # of a view of an image
    for damage in range(70):
        place = start + damage * size
        flipped = bytearray(content)
        flipped[place + damage] ^= 1 << damage % 8
        zeros = content[:place] + bytes(size) + content[place + size :]
        after = start + (damage + 1) % 70 * size
        swapped = bytearray(content)
        swapped[place : place + size], swapped[after : after + size] = (
            content[after : after + size],
            content[place : place + size],
        )
        for changed in (flipped, zeros, swapped):
            (folder / "rows.npy").write_bytes(changed)
            with pytest.raises(DamagedStore):
                open_store(folder, "store").on(CPU)
            (folder / "manifest.json").write_bytes(manifest)


def test_a_store_of_a_version_that_kept_no_key_is_made_again(data, tmp_path):
    backbone = build("patches(dim=8, trainable=False)")
    before = made(data, backbone, tmp_path / "cache")
    (manifest,) = tmp_path.glob("cache/images/*/manifest.json")
    content = json.loads(manifest.read_text().splitlines()[0])
    text = json.dumps({name: value for name, value in content.items() if name != "store"})
    manifest.write_text(f"{text}\n{zlib.crc32(text.encode())}\n")
    after = made(data, backbone, tmp_path / "cache")
    assert torch.equal(before.batch([1001]), after.batch([1001]))
    assert "store" in json.loads(manifest.read_text().splitlines()[0])
