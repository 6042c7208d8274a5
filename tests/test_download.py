"""COCO from a server: whatever it and the connection do, every file is right or there is one clear line."""

import errno
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import hostile_server as does
import pytest
from folders import coco_folder
from hostile_server import serving

from benchmarks.cli.main import main
from benchmarks.data.coco import Coco
from benchmarks.data.download import archives as known
from benchmarks.data.download import coco as download
from benchmarks.data.download import connection, fetch, manifest, unpack

ROOT = Path(__file__).parents[1]
TRAIN = "/zips/train2017.zip"


def zipped(members, compression=zipfile.ZIP_STORED) -> bytes:
    """An archive of (name or ZipInfo, content) in their order."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def files_of(folder: Path) -> dict[str, bytes]:
    """What users see: no hidden files, and none of the download's own."""
    own = {"manifest.json"}
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if name not in own and "/." not in f"/{name}" and ".zip" not in name and "karpathy." not in name
    }


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """Pictures and captions, as COCO lays them out; noise, so that the archives have a size."""
    folder = coco_folder(tmp_path_factory.mktemp("truth") / "coco")
    noise = random.Random(0)
    for photo in folder.glob("*/*.jpg"):
        photo.write_bytes(photo.read_bytes() + noise.randbytes(3000))
    return files_of(folder)


@pytest.fixture
def server(truth, monkeypatch):
    """COCO's archives on this machine, with their own checksums, and no pauses."""
    chosen = {
        "/annotations/annotations_trainval2017.zip": ["annotations/captions_train2017.json", "annotations/captions_val2017.json"],
        TRAIN: sorted(name for name in truth if name.startswith("train2017/")),
        "/zips/val2017.zip": sorted(name for name in truth if name.startswith("val2017/")),
    }  # fmt: skip
    with serving() as server:
        for path, names in chosen.items():
            folder = names[0].partition("/")[0]
            extra = [("annotations/instances_train2017.json", "{}")] if "ann" in path else [(f"{folder}/", "")]
            server.files[path] = zipped([*extra, *((name, truth[name]) for name in names)])
        server.files["/caption_datasets.zip"] = zipped(
            [("dataset_flickr8k.json", "{}"), ("dataset_coco.json", truth["dataset_coco.json"])]
        )
        checksums = {
            path.rpartition("/")[2]: (len(content), hashlib.sha256(content).hexdigest())
            for path, content in server.files.items()
        }
        monkeypatch.setattr(known, "_KNOWN", {**known._KNOWN, **checksums})
        monkeypatch.setattr(download, "free_bytes", lambda folder: 10**12)
        monkeypatch.setattr(fetch, "_FIRST_PAUSE", 0.0)
        monkeypatch.setattr(fetch, "_LONGEST_PAUSE", 0.0)
        monkeypatch.setattr(fetch, "_ENOUGH", 5000)
        yield server


@pytest.fixture
def unknown(server, monkeypatch):
    """A server of archives whose checksums nobody knows."""
    monkeypatch.setattr(
        known, "_KNOWN", {name: value for name, value in known._KNOWN.items() if name != "train2017.zip"}
    )
    return server


def run(server, folder, *more):
    return main(["data", "coco", str(folder), "--url", server.url, *more])


def one_line(capsys) -> str:
    """What was said on stderr, but for what was tried again."""
    lines = [line for line in capsys.readouterr().err.splitlines() if "fetching it anew" not in line]
    assert len(lines) == 1, lines
    return lines[0]


def test_it_has_the_layout_that_the_data_set_reads(server, truth, tmp_path, capsys):
    folder = tmp_path / "deep" / "coco"
    assert run(server, folder) == 0
    assert f"coco(root={str(folder)!r}, split='2017')" in capsys.readouterr().out
    assert files_of(folder) == {name: content for name, content in truth.items() if name != "dataset_coco.json"}
    assert len(Coco(root=str(folder)).test) == 6
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = manifest["archives"]["train2017.zip"]
    assert (entry["size"], entry["sha256"]) == known._KNOWN["train2017.zip"]
    assert entry["url"] == server.url + TRAIN
    assert len(entry["files"]) == 12
    assert {path.name for path in folder.iterdir()} == {"annotations", "train2017", "val2017", "manifest.json", ".fetching.lock"}  # fmt: skip
    server.asked.clear()
    left = [folder / "train2017.zip", folder / "train2017.zip.part.json"]  # by a process that was killed at its end
    left[0].write_bytes(server.files[TRAIN])
    left[1].touch()
    assert run(server, folder) == 0
    assert server.asked == []
    assert not any(file.exists() for file in left)


RIGHT = {
    "drops, and again": [does.drop(20_000), does.drop(9_000), does.drop(100)],
    "drops at once": [does.drop(0)] * 3,
    "knows no ranges": [does.drop(20_000), does.whole],
    "has no validator": [does.no_validator(20_000), does.honest],
    "sends another range": [does.drop(20_000), does.other_range],
    "sends another range, and then the rest": [does.drop(20_000), does.other_range, does.drop(30_000)],
    "lies about the range": [does.drop(20_000), does.false_range],
    "lies about the total": [does.drop(20_000), does.other_total],
    "sends a range that nobody asked for": [does.unasked_range],
    "has another version by now": [does.drop(20_000), does.other_tag],
    "no such range": [does.drop(20_000), does.status(416)],
    "is overloaded": [does.status(503, Retry_After="0"), does.status(429, Retry_After="7"), does.status(500)],
    "sends in chunks": [does.chunked()],
    "breaks off in chunks": [does.chunked(20_000)],
    "tells no length": [does.no_length],
    "tells no length, and breaks": [lambda h, c: does.no_length(h, c[:20_000])],
    "is a page without a length, once": [lambda h, c: does.no_length(h, b"<html>")],
    "speaks no HTTP": [does.garbage],
    "promises more": [does.whole_until(20_000)] * 2,
    "stops": [does.silent],
    "trickles": [does.trickle],
    "redirects to itself": [does.redirect("/zips/../zips/train2017.zip"), does.honest],
}  # fmt: skip


@pytest.mark.parametrize("behaviour", RIGHT)
def test_what_can_be_mended_is(behaviour, server, truth, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "_TIMEOUT", 0.3)
    monkeypatch.setattr(connection, "_WINDOW", 0.2)
    server.files["/zips/../zips/train2017.zip"] = server.files[TRAIN]
    server.script[TRAIN] = list(RIGHT[behaviour])
    assert run(server, tmp_path, "--splits", "train") == 0
    assert server.script[TRAIN] == []
    assert files_of(tmp_path).keys() == {name for name in truth if name.startswith(("train", "ann"))}
    assert all(truth[name] == content for name, content in files_of(tmp_path).items())
    assert not list(tmp_path.glob("*.part*"))


ONLY_BY_CHECKSUM = {"lies about the range", "tells no length, and breaks", "is a page without a length, once"}


@pytest.mark.parametrize("behaviour", [name for name in RIGHT if name not in ONLY_BY_CHECKSUM])
def test_no_checksum_is_needed_to_tell_what_does_not_fit(behaviour, unknown, truth, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "_TIMEOUT", 0.3)
    monkeypatch.setattr(connection, "_WINDOW", 0.2)
    unknown.files["/zips/../zips/train2017.zip"] = unknown.files[TRAIN]
    unknown.script[TRAIN] = list(RIGHT[behaviour])
    assert run(unknown, tmp_path, "--splits", "train") == 0
    assert all(truth[name] == content for name, content in files_of(tmp_path).items())
    assert sum(name.startswith("train2017/") for name in files_of(tmp_path)) == 12


def test_a_lie_that_only_a_checksum_would_tell_spoils_nothing(unknown, truth, tmp_path, capsys):
    unknown.script[TRAIN] = [does.drop(20_000), does.false_range]
    assert run(unknown, tmp_path) == 2
    assert "train2017.zip cannot be unpacked: " in one_line(capsys)
    assert run(unknown, tmp_path) == 0
    assert all(truth[name] == content for name, content in files_of(tmp_path).items())


@pytest.mark.parametrize("moment", range(14))
def test_ended_before_a_name_is_given_the_same_command_goes_on(moment, server, truth, tmp_path, monkeypatch):
    """At each of the renames in turn, of which every file and folder that shows has one."""
    count, real = 0, os.rename

    def crash(*names, **options):
        nonlocal count
        count += 1
        if count == moment + 1:
            raise KeyboardInterrupt
        real(*names, **options)

    monkeypatch.setattr(os, "rename", crash)
    monkeypatch.setattr(os, "replace", crash)
    code = run(server, tmp_path)
    assert (code, count) in ((130, moment + 1), (0, moment))
    assert all(truth[name] == content for name, content in files_of(tmp_path).items())
    assert run(server, tmp_path) == 0
    assert files_of(tmp_path) == {name: content for name, content in truth.items() if name != "dataset_coco.json"}


OTHER = zipped([("train2017/000000000001.jpg", b"another picture")])
WRONG = {
    "is not there": ([does.status(404)], "train2017.zip: 404"),
    "refuses": ([does.status(403)], "train2017.zip: 403"),
    "is a page": ([does.page()], "is a web page"),
    "is a page, and says it is an archive": ([does.page("application/zip")], "has 37 bytes, and should have"),
    "is a page without a length": ([lambda h, c: does.no_length(h, b"<html>")] * 9, "ended after 6 of .* 6 times in a row"),
    "is another file": ([does.instead(OTHER)], "and should have .* it is another file"),
    "is as long": ([lambda h, c: does.honest(h, c[::-1])], "has SHA-256 .* and should have"),
    "is too long": ([does.length(5)], "and should have .* it is another file"),
    "says it is shorter": ([does.length(-5)], "and should have .* it is another file"),
    "has more than it should, and tells no length": ([lambda h, c: does.no_length(h, c + b"x")], "the most that is fetched"),
    "goes on for ever": ([does.endless], "the most that is fetched"),
    "breaks each time": ([does.drop(100)] * 9, r"ended after .* 6 times in a row; the same command tries again"),
    "has another version each time": ([does.drop(20_000), does.other_tag] * 9, "6 times in a row"),
    "knows no ranges, and breaks": ([does.whole_until(20_000), does.whole_until(8_000)] * 9, "6 times in a row"),
    "lies each time": ([does.drop(20_000), does.false_range] * 2, "SHA-256"),
    "stays overloaded": ([does.status(503)] * 9, "503 .* 6 times in a row"),
    "redirects elsewhere": ([does.redirect("http://example.invalid/x")], "redirects to example.invalid: allow that with --allow-host"),
    "redirects to a file": ([does.redirect("file:///etc/passwd")], "Redirection to url 'file:///etc/passwd' is not allowed"),
    "redirects for ever": ([does.redirect(TRAIN)] * 30, "train2017.zip: 302"),
    "sends nothing": ([does.status(204)], "train2017.zip: 204"),
}  # fmt: skip


@pytest.mark.parametrize("behaviour", WRONG)
def test_what_cannot_be_is_one_line(behaviour, server, truth, tmp_path, capsys):
    server.script[TRAIN], said = list(WRONG[behaviour][0]), WRONG[behaviour][1]
    assert run(server, tmp_path) == 2
    assert re.search(said, line := one_line(capsys)), line
    assert files_of(tmp_path).keys() == {name for name in truth if name.startswith("ann")}
    server.script.clear()
    assert run(server, tmp_path) == 0
    assert all(truth[name] == content for name, content in files_of(tmp_path).items())


def test_nobody_there_is_one_line(server, tmp_path, capsys):
    assert main(["data", "coco", str(tmp_path), "--url", "http://127.0.0.1:9"]) == 2
    assert "127.0.0.1:9/annotations/annotations_trainval2017.zip: it cannot be reached" in one_line(capsys)


def test_another_host_has_to_be_allowed(server, tmp_path, capsys):
    server.script[TRAIN] = [does.redirect(server.elsewhere + TRAIN)] * 2
    assert run(server, tmp_path) == 2
    assert "redirects to localhost: allow that with --allow-host localhost" in one_line(capsys)
    assert run(server, tmp_path, "--allow-host", "LOCALHOST") == 0


def test_what_has_no_checksum_comes_encrypted(server, tmp_path, capsys):
    assert (
        main(["data", "coco", str(tmp_path), "--year", "karpathy", "--karpathy", "http://example.invalid/a.json"]) == 2
    )
    assert "is not encrypted, and its file has no known checksum: use https" in one_line(capsys)
    assert main(["data", "coco", str(tmp_path), "--url", "file:///etc"]) == 2
    assert "is no https URL" in one_line(capsys)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://user:SECRET@127.0.0.1:9", "127.0.0.1:9/annotations.* would need the user or password in its address"),
        ("http://127.0.0.1:x/?SECRET", "'http://127.0.0.1:x/', or where it redirects to, is no URL"),
        ("http://127.0.0.1:9/?SECRET\N{SNOWMAN}", "'http://127.0.0.1:9/', or where it redirects to, is no URL"),
    ],
)
def test_an_address_that_cannot_be_asked_is_not_tried_again_or_shown(server, tmp_path, capsys, url, said):
    assert main(["data", "coco", str(tmp_path), "--url", url]) == 2
    assert re.search(said, line := one_line(capsys)), line
    assert "SECRET" not in line


def test_secrets_of_a_url_are_neither_shown_nor_kept(server, tmp_path, capsys):
    server.files["/a.json?key=SECRET"] = server.files["/caption_datasets.zip"]
    server.script["/a.json?key=SECRET"] = [does.status(404)]
    options = ["--year", "karpathy", "--splits", "val", "--karpathy", f"{server.url}/a.json?key=SECRET"]
    assert run(server, tmp_path, *options) == 2
    assert "SECRET" not in one_line(capsys)
    assert run(server, tmp_path, *options) == 2  # there are no images of 2014 on this server
    assert "SECRET" not in (tmp_path / "manifest.json").read_text() + one_line(capsys)


def test_a_part_that_was_damaged_meanwhile_is_fetched_anew(server, truth, tmp_path):
    server.script[TRAIN] = [does.drop(20_000), *[does.status(503)] * 6]
    assert run(server, tmp_path) == 2
    part = tmp_path / "train2017.zip.part"
    part.write_bytes(bytes(part.stat().st_size))  # what a power cut can leave
    assert run(server, tmp_path) == 0
    assert [span for path, span in server.asked if path == TRAIN][-2:] == ["bytes=20000-", None]
    assert all(truth[name] == content for name, content in files_of(tmp_path).items())


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b'["x", "y"]', b"[" * 9999, None])
def test_what_is_not_known_of_a_part_is_no_reason_to_trust_it(server, tmp_path, left):
    (tmp_path / "train2017.zip.part").write_bytes(b"x" * 20_000)
    if left is not None:
        (tmp_path / "train2017.zip.part.json").write_bytes(left)
    assert run(server, tmp_path) == 0


def test_an_archive_that_lies_there_is_used_where_it_is_the_right_one(server, tmp_path, capsys):
    (tmp_path / "train2017.zip").write_bytes(OTHER)
    assert run(server, tmp_path) == 2
    assert "train2017.zip is another file" in one_line(capsys)
    (tmp_path / "train2017.zip").write_bytes(server.files[TRAIN])
    server.asked.clear()
    assert run(server, tmp_path) == 0
    assert TRAIN not in dict(server.asked)


def test_what_others_have_put_there_is_left_alone(server, tmp_path, capsys):
    (tmp_path / "val2017").mkdir()
    assert run(server, tmp_path) == 0  # it was empty
    shutil.rmtree(tmp_path / "train2017")
    assert run(server, tmp_path) == 0
    (tmp_path / "val2017" / "000000001001.jpg").unlink()
    assert run(server, tmp_path) == 2
    assert "val2017 lacks 1 of its files: move it away" in one_line(capsys)
    other = tmp_path / "other" / "train2017"
    other.mkdir(parents=True)
    (other / "mine.jpg").touch()
    assert run(server, other.parent) == 2
    assert "train2017 is there, and no manifest tells what it is" in one_line(capsys)
    assert [path.name for path in other.iterdir()] == ["mine.jpg"]


def test_a_full_disk_is_told_before(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(download, "free_bytes", lambda folder: 10**8)
    assert run(server, tmp_path) == 2
    assert "0.1 GB free: an archive takes 0.0 GB, and what is unpacked 0.2 GB: free some" in one_line(capsys)
    assert server.asked == []


def test_what_takes_long_after_unpacking_is_told(server, tmp_path, monkeypatch):
    told, real = [], unpack.bar

    def bar(*words):
        shown = real(*words)
        shown.set_description = told.append
        return shown

    monkeypatch.setattr(unpack, "bar", bar)
    assert run(server, tmp_path, "--splits", "val") == 0
    assert told == ["syncing annotations_trainval2017.zip", "syncing val2017.zip"]


@pytest.mark.parametrize("when", ["fetching", "unpacking"])
def test_a_disk_that_is_full_later_is_one_line_and_leaves_nothing_torn(server, tmp_path, when):
    """In a process that may write no file beyond a size, as on a disk that is full."""
    limit = 15_000 if when == "fetching" else 300
    server.files[TRAIN] = server.files[TRAIN]
    code = f"import resource, signal, sys; sys.dont_write_bytecode = True; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    if when == "unpacking":
        (tmp_path / "annotations_trainval2017.zip").write_bytes(
            server.files["/annotations/annotations_trainval2017.zip"]
        )
    done = Child(server, tmp_path, code).wait()
    assert done.returncode == 2, done.said
    assert done.said.count("\n") == 1
    assert "File too large" in done.said
    assert not (tmp_path / "train2017").exists()
    assert (
        not (tmp_path / "annotations").exists() or not list((tmp_path / "annotations").iterdir()) or when == "fetching"
    )
    assert run(server, tmp_path) == 0


class Child:
    """The command in a process of its own, with the same checksums and no pauses."""

    def __init__(self, server, folder, first="", splits="train,val"):
        code = (
            f"{first}\nimport sys\nfrom benchmarks.data.download import archives, fetch\n"
            f"archives._KNOWN = {known._KNOWN!r}\nfetch._FIRST_PAUSE = 0.0\n"
            "from benchmarks.cli.main import main\n"
            f"sys.exit(main(['data', 'coco', {str(folder)!r}, '--url', {server.url!r}, '--splits', {splits!r}]))"
        )
        self.process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)

    def wait(self):
        self.said = self.process.communicate()[1]
        self.returncode = self.process.returncode
        return self


def test_control_c_keeps_what_came_and_the_same_command_resumes(server, truth, tmp_path):
    server.script[TRAIN] = [does.steady(0.05)]
    running = Child(server, tmp_path)
    part = tmp_path / "train2017.zip.part"
    while not (part.exists() and part.stat().st_size > 5000):
        assert running.process.poll() is None
        time.sleep(0.01)
    running.process.send_signal(signal.SIGINT)
    assert running.wait().returncode == 130
    assert running.said == "caption-zoo: interrupted; run the same command again to resume\n"
    assert part.stat().st_size > 5000
    kept = part.stat().st_size
    assert run(server, tmp_path) == 0
    assert (TRAIN, f"bytes={kept}-") in server.asked
    assert all(truth[name] == content for name, content in files_of(tmp_path).items())


def test_killed_at_any_moment_nothing_is_torn(server, truth, tmp_path):
    server.usual, dice = does.steady(0.005), random.Random(1)
    for _ in range(8):
        running = Child(server, tmp_path)
        while not list(tmp_path.iterdir()) and running.process.poll() is None:
            time.sleep(0.01)
        time.sleep(dice.random() * 0.4)
        running.process.kill()
        running.wait()
        assert all(truth[name] == content for name, content in files_of(tmp_path).items())
    assert run(server, tmp_path) == 0
    assert files_of(tmp_path) == {name: content for name, content in truth.items() if name != "dataset_coco.json"}
    assert main(["data", "coco", str(tmp_path), "--check"]) == 0
    assert not list(tmp_path.rglob("*.part*"))


def test_a_file_of_somebody_s_own_under_the_name_of_an_archive_stays(server, truth, tmp_path):
    assert run(server, tmp_path) == 0
    own = tmp_path / TRAIN.rpartition("/")[2]
    own.write_bytes(b"somebody's own")
    assert run(server, tmp_path) == 0
    assert own.read_bytes() == b"somebody's own"


def linked(name, kind):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return info


PHOTO = "train2017/000000000001.jpg"
HOSTILE = {
    "climbs": ([("../../x.jpg", b"x"), (PHOTO, b"x")], "'../../x.jpg' would lie outside"),
    "climbs inside": ([("train2017/../../x.jpg", b"x"), (PHOTO, b"x")], "would lie outside"),
    "is absolute": ([("/etc/x", b"x"), (PHOTO, b"x")], "would lie outside"),
    "has backslashes": ([(r"..\x.jpg", b"x"), (PHOTO, b"x")], "would lie outside"),
    "has a drive": ([("C:/x.jpg", b"x"), (PHOTO, b"x")], "would lie outside"),
    "links": ([(linked(PHOTO, stat.S_IFLNK), b"/etc/passwd")], "is a link or a device"),
    "has a device": ([(linked(PHOTO, stat.S_IFCHR), b"")], "is a link or a device"),
    "has a pipe": ([(linked("other", stat.S_IFIFO), b""), (PHOTO, b"x")], "is a link or a device"),
    "has a file twice": ([(PHOTO, b"one"), (PHOTO, b"two")], "twice"),
    "has none of ours": ([("train2017/cat.jpg", b"x"), ("val2017/000000000001.jpg", b"x")], "does not hold train2017/"),
    "is empty": ([], "does not hold train2017/"),
    "is a bomb": ([(PHOTO, bytes(2**23))], "8,388,608 bytes out of 8,"),
}  # fmt: skip


def refused(server, tmp_path, capsys, content) -> str:
    server.files[TRAIN] = content
    folder = tmp_path / "inside" / "coco"
    assert run(server, folder) == 2
    line = one_line(capsys)
    assert "train2017.zip cannot be unpacked: " in line
    assert {path.name for path in folder.iterdir()} == {"annotations", "manifest.json", ".fetching.lock", "train2017.zip.part.json"}  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]
    return line


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("archive", HOSTILE)
def test_an_archive_unpacks_its_own_files_and_nowhere_else(archive, unknown, tmp_path, capsys):
    members, said = HOSTILE[archive]
    assert said in refused(unknown, tmp_path, capsys, zipped(members, zipfile.ZIP_DEFLATED))


def test_too_many_members_are_refused(unknown, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(unpack, "_MEMBERS", 5)
    assert "has 12 members, and 5" in refused(unknown, tmp_path, capsys, zipped([(f"{n}", b"") for n in range(12)]))


def test_too_much_in_all_is_refused(unknown, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(unpack, "_SUM", 50_000)
    assert "more than 50,000 bytes" in refused(unknown, tmp_path, capsys, zipped([(PHOTO, b"x" * 50_001)]))


def test_other_ways_to_compress_and_passwords_are_refused(unknown, tmp_path, capsys):
    content = zipped([(PHOTO, b"x" * 100)], zipfile.ZIP_LZMA)
    assert "compressed in a way" in refused(unknown, tmp_path, capsys, content)


@pytest.mark.parametrize("place", range(0, 500, 7))
def test_flipped_bits_and_cut_ends_are_one_line_or_no_harm(place, unknown, tmp_path, truth):
    whole = zipped([(PHOTO, truth[PHOTO][:100]), ("train2017/000000000002.jpg", b"y" * 50)])
    place %= len(whole)
    for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]):
        file, folder = tmp_path / "a.zip", tmp_path / "coco"
        file.write_bytes(content)
        (archive,) = (each for each in known.archives("2017", ["train"]) if each.name == "train2017.zip")
        try:
            unpack.unpack(file, archive, folder, lambda members: None)
        except ValueError:
            assert not (folder / "train2017").exists()
        else:
            right = {PHOTO: truth[PHOTO][:100], "train2017/000000000002.jpg": b"y" * 50}  # of other names none is kept
            assert all(right[name] == unpacked for name, unpacked in files_of(folder).items())
            shutil.rmtree(folder)


def test_an_archive_nobody_knows_the_checksum_of_stays_the_same_file(unknown, tmp_path, capsys):
    assert run(unknown, tmp_path) == 0
    shutil.rmtree(tmp_path / "train2017")
    good, unknown.files[TRAIN] = unknown.files[TRAIN], zipped([(PHOTO, b"another")])
    assert run(unknown, tmp_path) == 2
    assert "is another file: it has SHA-256" in one_line(capsys)
    unknown.files[TRAIN] = good
    assert run(unknown, tmp_path) == 0


def test_a_folder_that_cannot_be_read_yet_is_not_called_ready(server, tmp_path, capsys):
    assert run(server, tmp_path, "--splits", "val") == 0
    said = f"{tmp_path} lacks train2017.zip, which the data set coco reads too: run again without --splits\n"
    assert capsys.readouterr().out == said
    assert run(server, tmp_path, "--splits", "val", "--check") == 0
    assert run(server, tmp_path, "--check") == 1
    assert f"train2017.zip was never fetched into {tmp_path}: run again without --check" in one_line(capsys)
    assert run(server, tmp_path, "--splits", "train") == 0
    assert "is ready: --dataset" in capsys.readouterr().out


KARPATHY = {"images": [{"split": "test", "filename": "a.jpg", "cocoid": 1, "sentences": [{"raw": "a cat"}]}]}


@pytest.mark.parametrize("kind", ["zip", "json", "zip in a folder"])
def test_karpathys_splits_come_from_any_url(server, tmp_path, capsys, kind):
    content = json.dumps(KARPATHY).encode()
    inside = "deep/er/dataset_coco.json" if kind == "zip in a folder" else "dataset_coco.json"
    server.files["/k"] = content if kind == "json" else zipped([("dataset_flickr30k.json", b"[]"), (inside, content)])
    assert run(server, tmp_path, "--year", "karpathy", "--karpathy", f"{server.url}/k", "--splits", "val") == 2
    assert "val2014.zip: 404" in one_line(capsys)
    assert (tmp_path / "dataset_coco.json").read_bytes() == content
    assert run(server, tmp_path, "--year", "karpathy", "--karpathy", f"{server.url}/k", "--check") == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in said] == ["train2014.zip", "val2014.zip"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no splits as Karpathy"),
        (b"<!DOCTYPE html>", "no splits as Karpathy .* in b'<!DOCTYPE html>'"),
        (b'{"images": []}', "have no image"),
        (b"[" * 99_999, "no splits as Karpathy"),
        (json.dumps({"images": [{"id": 1}], "annotations": []}).encode(), "no splits as Karpathy"),
        (zipped([("dataset_flickr8k.json", json.dumps(KARPATHY))]), "does not hold dataset_coco.json"),
        (zipped([("dataset_coco.json", "{}")]), "no splits as Karpathy"),
        (zipped([("a/dataset_coco.json", json.dumps(KARPATHY)), ("b/dataset_coco.json", "{}")]), "twice"),
        (zipped([("dataset_coco.json", json.dumps(KARPATHY))])[:-30], "no splits as Karpathy"),
    ],
    ids=[
        "empty", "page", "no image", "deep", "other annotations", "zip of flickr8k", "zip of nothing", "zip of two",
        "torn zip",
    ],  # an archive has the time in it, so would a name made of it
)  # fmt: skip
def test_what_are_no_splits_of_his_is_told(server, tmp_path, capsys, content, said):
    server.files["/k"] = content
    assert run(server, tmp_path, "--year", "karpathy", "--karpathy", f"{server.url}/k") == 2
    assert re.search(said, line := one_line(capsys)), line
    assert not (tmp_path / "dataset_coco.json").exists()
    server.files["/k"] = json.dumps(KARPATHY).encode()  # mended, it is fetched anew
    run(server, tmp_path, "--year", "karpathy", "--karpathy", f"{server.url}/k", "--splits", "val")
    assert (tmp_path / "dataset_coco.json").exists()


def test_splits_from_one_address_are_not_taken_for_those_of_another(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(known, "KARPATHY", f"{server.url}/caption_datasets.zip")
    content = json.dumps(KARPATHY).encode()
    server.files |= {"/one": content, "/two": content.replace(b"a cat", b"a dog")}
    file = tmp_path / "dataset_coco.json"

    def splits(*more):
        assert run(server, tmp_path, "--year", "karpathy", "--splits", "val", *more) == 2
        return one_line(capsys)

    splits()
    file.unlink()
    splits("--karpathy", f"{server.url}/one")
    said = splits("--karpathy", f"{server.url}/two")
    assert f"is from {server.url}/one, not from {server.url}/two: move it away, or" in said
    assert file.read_bytes() == server.files["/one"]
    file.unlink()
    splits("--karpathy", f"{server.url}/two")
    assert file.read_bytes() == server.files["/two"]
    listed = json.loads((tmp_path / "manifest.json").read_text())["archives"]
    assert [entry["url"] for entry in listed.values()] == [f"{server.url}/two"]


def test_check_finds_what_changed(server, tmp_path, capsys):
    check = ["data", "coco", str(tmp_path), "--check"]
    assert main(check) == 2
    assert "no manifest.json" in one_line(capsys)
    assert run(server, tmp_path) == 0
    assert main(check) == 0
    assert "20 files of annotations_trainval2017.zip, train2017.zip, val2017.zip are as they" in capsys.readouterr().out
    photo = tmp_path / "train2017" / "000000000003.jpg"
    photo.write_bytes(photo.read_bytes()[:-1] + b"\0")
    (tmp_path / "val2017" / "000000001001.jpg").unlink()
    (tmp_path / "annotations" / "captions_val2017.json").write_text("{}")
    assert main(check) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    place = f"{tmp_path / 'train2017'}"
    assert f"1 of 12 files are damaged, such as {photo}: move {place} away, and run again without --check" in said[1]
    assert "1 of 6 files are missing, such as" in said[2]


def test_check_names_a_file_that_cannot_be_read_and_goes_on(server, tmp_path, capsys, monkeypatch):
    assert run(server, tmp_path) == 0
    bad, real = tmp_path / "train2017" / "000000000003.jpg", manifest.crc32

    def breaking(file):
        if file == bad:
            raise OSError(errno.EIO, "Input/output error", str(file))
        return real(file)

    monkeypatch.setattr(manifest, "crc32", breaking)
    assert run(server, tmp_path, "--check") == 1
    assert f"1 of 12 files cannot be read (Input/output error), such as {bad}: move" in one_line(capsys)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 2}', '{"schema": 1, "archives": {"a": 1}}', "[" * 99_999])
def test_a_manifest_that_is_none_is_told(server, tmp_path, capsys, text):
    (tmp_path / "manifest.json").write_text(text)
    assert run(server, tmp_path) == 2
    assert "manifest.json" in one_line(capsys)


def test_a_dry_run_asks_nobody_and_writes_nothing(server, tmp_path, capsys):
    assert run(server, tmp_path / "coco", "--dry-run") == 0
    said = capsys.readouterr().out
    assert f"{len(server.files[TRAIN]):,} bytes  {server.url}{TRAIN}" in said
    assert "needs 0.2 GB: 0.2 GB unpacked" in said
    assert not (tmp_path / "coco").exists()
    assert server.asked == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["coco", "x", "--splits", "test"], "COCO has no splits test: choose among train, val"),
        (["coco", "x", "--karpathy", "https://example.org/a"], "--karpathy is for --year karpathy"),
        (["coco", "x", "--year", "2015"], "2015"),
        (["flickr", "x"], "flickr"),
    ],
)
def test_mistakes_are_one_line(arguments, said, capsys):
    assert main(["data", *arguments]) == 2
    assert said in one_line(capsys)


def test_the_real_archives_are_known(monkeypatch):
    """By size and checksum, at the addresses that COCO and Karpathy publish."""
    everything = [each for layout in ("2017", "2014", "karpathy") for each in known.archives(layout)]
    assert {each.name for each in everything} == set(known._KNOWN)
    assert all(
        each.size and each.sha256 and len(each.sha256) == 64 and each.url.startswith("https://") for each in everything
    )
    assert [each.target("train2014/COCO_train2014_000000000009.jpg") for each in known.archives("2014", ["train"])][1]
    assert [each.name for each in known.archives("karpathy")] == [
        "caption_datasets.zip",
        "train2014.zip",
        "val2014.zip",
    ]
