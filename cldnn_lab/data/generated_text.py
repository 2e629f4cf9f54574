"""A small text set of the same form as the DBpedia files, for where they are missing.

Entries are put together from word lists: enough to try a text model on, and nothing to compare results with.
"""

from __future__ import annotations

from random import Random

# For each of the fourteen subjects: what it is called, and words that go with it.
_SUBJECTS = (
    ("company", "founded headquarters products retail brand customers shares manufacturer services market"),
    ("school", "students campus university college teaching grades district education faculty degree"),
    ("singer", "songs band guitar painter recorded voice exhibition jazz tours debut"),
    ("player", "league team season football championship coach scored olympic medal club"),
    ("politician", "elected party senate minister parliament governor district vote council office"),
    ("ship", "engine aircraft locomotive launched navy class speed built hull wheels"),
    ("building", "church house built architect tower historic street brick museum listed"),
    ("river", "lake mountain flows valley tributary peak elevation basin creek water"),
    ("village", "population district province census municipality rural families county commune people"),
    ("animal", "species moth family snail fish habitat genus wingspan beetle found"),
    ("plant", "flowers leaves genus species shrub native tree orchid endemic grows"),
    ("album", "released tracks label studio songs chart records producer band single"),
    ("film", "directed starring drama comedy screenplay cast movie actors premiere produced"),
    ("novel", "book author published journal magazine stories edition writer fiction pages"),
)
_COMMON, _PLACES, _SYLLABLES = (
    words.split()
    for words in (
        "the of a in and was is it by from with for its first known as at on which part",
        "Arvenia Belmora Castrel Dunholt Elsbury Fenwick Galdor Harven Ilmen Jorvik Kessel Lorne",
        "ka lo mi ren tas vel dor an shi bu ger el no pra qui sol",
    )
)


def generate_entries(per_subject: int, seed: int) -> list[tuple[int, str, str]]:
    """Entries (class from 1, title, paragraph), as many of each subject, in random order."""
    rng = Random(seed)
    made = [
        (number, *_generate_entry(rng, kind, words.split()))
        for number, (kind, words) in enumerate(_SUBJECTS, start=1)
        for _ in range(per_subject)
    ]
    rng.shuffle(made)
    return made


def _generate_entry(rng: Random, kind: str, words: list[str]) -> tuple[str, str]:
    name = "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))).capitalize()
    place = rng.choice(_PLACES)
    # Half the titles say what they are about, as in the encyclopedia.
    title = f"{name} {kind}" if rng.random() < 0.5 else f"{name} {place}"
    sentences = [f"{name} is a {kind} in {place}." if rng.random() < 0.5 else f"{name} is in {place}."]
    for _ in range(rng.randint(2, 5)):
        told = rng.choices(words, k=rng.randint(1, 3)) + rng.choices(_COMMON, k=rng.randint(4, 11))
        # A word of another subject now and then, or it would be too easy.
        if rng.random() < 0.5:
            told.append(rng.choice(rng.choice(_SUBJECTS)[1].split()))
        rng.shuffle(told)
        sentences.append(" ".join(told).capitalize() + ".")
    return title, " ".join(sentences)
