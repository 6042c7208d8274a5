"""Words of any script: whole, spelled one way, and the same for the vocabulary as for the scorer."""

import json
import re
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.evaluation.scorer import Scorer
from zoo.vocabulary import Vocabulary, has_word, normalise, tokenize

SHARED = Path(__file__).parents[2] / "shared"
WORDS = {
    "Hindi": ("लड़की पार्क में खेल रही है।", ["लड़की", "पार्क", "में", "खेल", "रही", "है"]),
    "Bengali": ("মেয়েটি পার্কে খেলছে।", ["মেয়েটি", "পার্কে", "খেলছে"]),
    "Tamil": ("குழந்தை விளையாடுகிறது", ["குழந்தை", "விளையாடுகிறது"]),
    "Thai": ("เด็กผู้หญิง กำลังเล่น", ["เด็กผู้หญิง", "กำลังเล่น"]),
    "Hebrew": ("יֶלֶד מְשַׂחֵק", ["יֶלֶד", "מְשַׂחֵק"]),
    "Arabic": ("بِنْتٌ تَلْعَبُ، هنا", ["بِنْتٌ", "تَلْعَبُ", "هنا"]),
    "French": ("Une élégante fenêtre.", ["une", "élégante", "fenêtre"]),
    "Vietnamese": ("Cô gái đẹp", ["cô", "gái", "đẹp"]),
    "Turkish": ("İki köpek IŞIK", ["i̇ki", "köpek", "işik"]),
    "Chinese": ("一个男人。", ["一", "个", "男", "人"]),
    "Japanese": ("女の子が走る、ガ", ["女", "の", "子", "が", "走", "る", "ガ"]),
    "Korean": ("두 마리의 개", ["두", "마리의", "개"]),
}
# What cut words before there were others than English ones, which they left as they are now.
ENGLISH = re.compile(r"n't|'\w+|\w+(?:-\w+)*")
CLITIC = re.compile(r"(?<=\w)(n't|'s|'re|'ve|'ll|'d|'m)\b")


def english(caption):
    return ENGLISH.findall(CLITIC.sub(r" \1", caption.lower().replace("\u2019", "'")))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("language", WORDS)
def test_words_stay_whole_however_their_letters_are_spelled(language, form):
    caption, words = WORDS[language]
    assert tokenize(normalize(form, caption)) == [normalize("NFC", word) for word in words]


@pytest.mark.parametrize("language", WORDS)
def test_a_vocabulary_gives_back_what_it_learned(language):
    caption, _ = WORDS[language]
    vocabulary = Vocabulary.of([caption], min_count=1)
    assert vocabulary.decode(vocabulary.encode(normalize("NFD", caption), max_length=20)) == tokenize(caption)


def test_references_spelled_with_our_words_score_as_their_own_captions():
    """CIDEr against the originals, at whose own score there is no more to have; all scripts in one go."""
    captions = [text for language, (first, _) in WORDS.items() for text in (first, *_of(language))]
    scorer = Scorer({number: [text] for number, text in enumerate(captions)}, ["cider"])
    most = scorer.score(dict(enumerate(captions))).per_image["CIDEr"]
    spelled = scorer.score({number: " ".join(tokenize(text)) for number, text in enumerate(captions)})
    assert min(most.values()) > 2
    assert spelled.per_image["CIDEr"] == pytest.approx(most)


def _of(language):
    words = WORDS[language][1]
    return [" ".join(words[place:] + words[:place] + ["x" * (place + 1)]) for place in range(1, 4)]


@given(st.text(alphabet=st.characters(max_codepoint=0x24F, exclude_characters="İ")))
def test_what_latin_letters_make_is_cut_as_before(caption):
    assert tokenize(caption) == english(normalize("NFC", caption))


@given(st.text(alphabet="a'n t\u2019.\u0301-\u200d\u72ac1_ \u3000\u3002\u0e01\u0e33\u0130", max_size=6))
def test_a_caption_has_a_word_where_it_is_cut_into_some(caption):
    assert has_word(caption) == bool(tokenize(caption))


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_english_reaches_the_scorer_unchanged(caption):
    assert normalise(caption) is caption


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")
def test_every_caption_of_coco_is_cut_as_before():
    captions = [
        entry["caption"]
        for file in (SHARED / "coco-sample" / "annotations").glob("captions_*.json")
        for entry in json.loads(file.read_text(encoding="utf-8"))["annotations"]
    ]
    assert len(captions) > 10_000
    assert [caption for caption in captions if tokenize(caption) != english(caption)] == []
    assert [caption for caption in captions if normalise(caption) != caption] == []
