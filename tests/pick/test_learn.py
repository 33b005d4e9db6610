"""Learning from reviewed faces."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.faces import EMOTIONS, Flags, Numbers
from pipeline.pick.learn import (
    NONE,
    PERSON_LABELS,
    PRIOR,
    Taught,
    Teaching,
    corrected_looks,
    correction_of,
    held_out_gain,
    learnt,
)
from tests.support.examples import examples

HAPPY, SAD, NEUTRAL = (EMOTIONS.index(name) for name in ("happy", "sad", "neutral"))


def _film(count: int, truth: list[int], seen: list[int], person: str = "anna") -> pd.DataFrame:
    """Rows of which the network is .5 sure, of what the face shows .3, whatever else is equal."""
    looks = np.full((count, len(EMOTIONS)), 0.04, np.float32)
    rows = np.arange(count)
    looks[rows, truth] = 0.3
    looks[rows, seen] = 0.5
    looks /= looks.sum(axis=1, keepdims=True)
    return pd.DataFrame(looks, columns=list(EMOTIONS)).assign(person=person)


def _taught(truth: list[int], seen: list[int], stretches: list[int] | None = None) -> Taught:
    count = len(truth)
    looks: Flags = np.eye(len(EMOTIONS), dtype=bool)[truth]
    stretch = np.arange(count) if stretches is None else np.array(stretches)
    return Taught(np.arange(count), looks, np.array(truth) != np.array(seen), stretch)


MISREAD = ([NEUTRAL, SAD] * 30, [HAPPY, SAD] * 30)
"""What faces show, and what the network sees: neutral ones are called happy."""


def test_a_face_that_is_misread_all_the_time_is_read_right() -> None:
    rows = _film(60, *MISREAD)
    corrected, (lesson, own) = learnt(rows, _taught(*MISREAD))
    assert (lesson.person, lesson.labels, lesson.stretches) == ("", 60, 60)
    assert (own.person, own.labels) == ("anna", 60)
    assert lesson.used
    assert lesson.gain > 0.1
    looks = corrected[list(EMOTIONS)].to_numpy()
    assert (looks.argmax(axis=1) == MISREAD[0]).all()
    assert looks.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (rows[list(EMOTIONS)].to_numpy().argmax(axis=1) == MISREAD[1]).all(), "input untouched"


def test_what_is_gained_is_measured_on_each_stretch_without_it() -> None:
    rows, taught = (
        _film(60, *MISREAD),
        _taught(*MISREAD, np.repeat([0, 1, 2], [10, 20, 30]).tolist()),
    )
    looks = rows[list(EMOTIONS)].to_numpy(np.float32)
    gains = []
    for stretch in range(3):
        correction = correction_of(looks, taught.of(taught.stretch != stretch), NONE)
        held = taught.of(taught.stretch == stretch)
        after = corrected_looks(looks[held.row], correction)[held.looks]
        gains.append(np.log(after / looks[held.row][held.looks]).mean())
    assert held_out_gain(looks, taught, NONE) == pytest.approx(np.mean(gains), rel=1e-4)


def test_a_rejection_without_another_look_teaches_too() -> None:
    taught = _taught(*MISREAD)
    taught.looks[::2] = np.arange(len(EMOTIONS)) != HAPPY
    corrected, (lesson, _) = learnt(_film(60, *MISREAD), taught)
    assert lesson.used
    assert (corrected[list(EMOTIONS)].to_numpy()[::2].argmax(axis=1) == NEUTRAL).all()


@pytest.mark.parametrize(
    ("taught", "words"),
    [
        pytest.param(_taught([HAPPY] * 30, [HAPPY] * 30), "nothing to learn", id="all accepted"),
        pytest.param(_taught(*MISREAD, [0] * 60), "nothing to learn", id="one moment"),
        pytest.param(_taught([], []), "0 labels of this film: nothing to learn", id="no labels"),
    ],
)
def test_where_there_is_nothing_to_learn_nothing_changes(taught: Taught, words: str) -> None:
    rows = _film(60, *MISREAD)
    corrected, lessons = learnt(rows, taught)
    pd.testing.assert_frame_equal(corrected, rows)
    assert not any(lesson.used for lesson in lessons)
    assert words in str(lessons[0])


def test_what_does_not_gain_is_not_used() -> None:
    """Errors without a pattern: what one label teaches is wrong of the next."""
    random = np.random.default_rng(0)
    seen = [HAPPY] * 40
    truth = random.integers(0, len(EMOTIONS), 40).tolist()
    even = np.full((40, len(EMOTIONS)), 1 / len(EMOTIONS), np.float32)
    rows = pd.DataFrame(even, columns=list(EMOTIONS)).assign(person="")
    corrected, (lesson,) = learnt(rows, _taught(truth, seen))
    assert not lesson.used
    assert str(lesson) == "40 labels of this film: no gain on those held out; not used"
    pd.testing.assert_frame_equal(corrected, rows)


@pytest.mark.parametrize(("labels", "lessons"), [(PERSON_LABELS - 1, 1), (PERSON_LABELS, 2)])
def test_people_with_many_labels_have_a_correction_of_their_own(labels: int, lessons: int) -> None:
    """Anna's neutral faces are called happy, ben's happy ones neutral."""
    anna, ben = _film(40, [NEUTRAL] * 40, [HAPPY] * 40), _film(40, [HAPPY] * 40, [NEUTRAL] * 40)
    rows = pd.concat([anna, ben.assign(person="ben")], ignore_index=True)
    chosen = np.arange(80) < labels
    taught = _taught([NEUTRAL] * 40 + [HAPPY] * 40, [HAPPY] * 40 + [NEUTRAL] * 40).of(chosen)
    corrected, found = learnt(rows, taught)
    assert [lesson.person for lesson in found] == ["", "anna"][:lessons]
    assert (corrected[list(EMOTIONS)].to_numpy()[:40].argmax(axis=1) == NEUTRAL).all()


def test_few_labels_change_little_and_more_change_more() -> None:
    rows = _film(60, *MISREAD)[list(EMOTIONS)].to_numpy(np.float32)
    changes = [
        float(
            np.abs(correction_of(rows, _taught(*MISREAD).of(np.arange(60) < n), NONE) - NONE).max()
        )
        for n in (2, 10, 60)
    ]
    assert changes == sorted(changes)
    assert changes[0] < 0.1 < changes[-1]


def test_the_labels_of_a_stretch_are_one_witness() -> None:
    rows = _film(60, *MISREAD)[list(EMOTIONS)].to_numpy(np.float32)
    once = correction_of(rows, _taught(*MISREAD).of(np.arange(60) < 2), NONE)
    many = correction_of(rows, _taught(*MISREAD, [n % 2 for n in range(60)]), NONE)
    assert many == pytest.approx(once, abs=1e-3)


@given(st.integers(0, 1 << 30))
@settings(max_examples=examples(30))
def test_corrected_rows_sum_to_one_and_none_changes_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    looks = random.dirichlet(np.full(len(EMOTIONS), 0.2), 9).astype(np.float32)
    assert (corrected_looks(looks, NONE) == looks).all()
    corrected = corrected_looks(looks, random.normal(size=len(EMOTIONS)) + NONE)
    assert corrected.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_lesson_says_what_it_is_worth() -> None:
    lesson = Teaching("anna", 1, 1, float(np.log(1.5)))
    assert str(lesson) == "1 label of anna: those held out become 1.50 times as probable; used"


@settings(max_examples=examples(60))
@given(st.integers(0, 60), st.integers(1, 9), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_from_a_correction_no_way_leads_down(
    count: int, stretches: int, rejected: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    looks = random.dirichlet(np.full(7, 0.3), max(count, 1)).astype(np.float32)
    allowed = np.eye(7, dtype=bool)[random.integers(0, 7, count)]
    allowed ^= (random.uniform(size=count) < rejected)[:, None]  # All but one look.
    taught = Taught(
        np.arange(count), allowed, np.ones(count, bool), random.integers(0, stretches, count)
    )
    start = random.normal(size=7)

    def loss(correction: Numbers) -> float:
        """By the definition: each stretch weighs 1, and each label in it the same."""
        right = (corrected_looks(looks, correction)[:count] * allowed).sum(axis=1)
        right = np.maximum(right, 1e-12)
        shares = [np.log(right[taught.stretch == s]).mean() for s in np.unique(taught.stretch)]
        return PRIOR / 2 * float(((correction - start) ** 2).sum()) - float(np.sum(shares))

    found = correction_of(looks, taught, start)
    slope = [(loss(found + way) - loss(found - way)) / 0.02 for way in 0.01 * np.eye(7)]
    assert slope == pytest.approx([0] * 7, abs=0.002)
    assert loss(found) <= loss(start) + 1e-6  # Probabilities are rounded to float32.
