"""Captions as people would write them, drawn from a grammar: for scoring without anybody's data."""

import random


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_WHO = _words("""
man woman boy girl child dog cat horse bird cow sheep bear elephant giraffe zebra skier surfer skateboarder cyclist
cook farmer waiter player pitcher batter rider tourist family couple crowd group toddler officer student teenager
baby kitten puppy goat duck pigeon squirrel musician
""")
_LIKE = _words("""
young old small large brown white black gray happy tired wet spotted striped colorful blue red green yellow tall
little fluffy wooden busy quiet hungry playful shiny dirty orange purple thin bearded
""")
_DOING = _words("""
standing sitting lying walking running playing looking eating jumping sleeping waiting resting riding posing leaning
working talking smiling reaching drinking swimming climbing turning crossing grazing
""")
_NEAR = ("near", "beside", "behind", "on", "under", "by", "next to", "in front of", "on top of", "close to")
_THING = _words("""
table bench car bus train truck motorcycle bicycle boat kite umbrella couch bed laptop television book clock vase
pizza sandwich cake banana apple bowl plate cup bottle fork refrigerator oven sink toilet mirror window door fence
wall tree bush flower rock bridge tower building sign hydrant meter skateboard surfboard snowboard ball racket bat
glove frisbee suitcase backpack handbag tie hat phone keyboard mouse remote chair lamp pillow blanket towel
""")
_SCENE = _words("""
kitchen bathroom park street beach field road city forest mountain river lake station airport garden yard restaurant
office room bedroom market zoo stadium court slope harbor playground hillside meadow
""")
_ENDS = ["", "", " during the day", " at night", " in the background", " on a sunny day", " in the rain", "."]


def references(images: int, seed: int = 0) -> dict[int, list[str]]:
    """Five captions of each image, by its number: the same scene in different words."""
    return {image: _wordings(image, seed, "reference", 5) for image in range(images)}


def candidates(images: int, turn: int, seed: int = 0) -> dict[int, str]:
    """One caption of each image; each turn words them anew."""
    return {image: _wordings(image, seed, f"candidate {turn}", 1)[0] for image in range(images)}


def _wordings(image: int, seed: int, role: str, count: int) -> list[str]:
    scene = random.Random(f"{seed} {image}")
    who, thing, place = scene.sample(_WHO, 2), scene.sample(_THING, 2), scene.sample(_SCENE, 2)
    like, doing = scene.sample(_LIKE, 3), scene.sample(_DOING, 2)
    words = random.Random(f"{seed} {image} {role}")
    return [_caption(words, who, like, doing, thing, place) for _ in range(count)]


def _caption(
    words: random.Random, who: list[str], like: list[str], doing: list[str], thing: list[str], place: list[str]
) -> str:
    """One of four forms, each with words that are mostly the scene's first."""
    someone, something, somewhere = (words.choices(pair, (4, 1))[0] for pair in (who, thing, place))
    act, adjective, near = words.choices(doing, (3, 1))[0], words.choice(like), words.choice(_NEAR)
    form = words.randrange(4)
    if form == 0:
        text = f"a {adjective} {someone} {act} {near} a {something} in the {somewhere}"
    elif form == 1:
        text = f"there is a {someone} {act} {near} the {adjective} {something}"
    elif form == 2:
        text = f"the {someone} is {act} in a {somewhere} with a {something}"
    else:
        text = f"a {something} and a {adjective} {someone} {near} a {somewhere}"
    end = words.choice(_ENDS)
    return text[0].upper() + text[1:] + end
