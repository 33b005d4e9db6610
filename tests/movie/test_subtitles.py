"""Spoken lines and their times, from real-world subtitle files."""

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import MovieError
from pipeline.movie.subtitles import (
    Lines,
    SubtitleError,
    movie_subtitles,
    read_subtitles,
    spoken_words,
)
from tests.support.movies import blocks, write_movie
from tests.support.reels import write_texts

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Déjà vu?</i>
- <font color="#ffff00">No.</font>

2
00:00:03,000 --> 00:00:04,000
[door slams]

3
00:00:05,000 --> 00:00:06,000
♪ la la ♪

4
00:00:02,000 --> 00:00:05,500
{\\an8}A long &amp; overlapping line

5
00:00:09,000 --> 00:00:08,000
This ends before it begins.

6
00:00:10,000 --> 00:00:11,000
ANNA: [sighs]

"""
PLAIN = SRT.replace("Déjà", "Deja").partition("\n5\n")[0] + "\n"
"""ASCII, and times that a movie can store."""

VTT = """WEBVTT

intro
00:01.000 --> 00:02.500
<v Anna>Déjà <c.yellow>vu?</c></v>

NOTE a comment

00:03.000 --> 00:04.000 align:start
(laughs)
"""
ASS = r"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\i1}Déjà{\i0}\Nvu?
Comment: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,nobody says this
Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\p1}m 0 0 l 100 0 100 100{\p0}
"""


def _written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_srt(tmp_path: Path) -> None:
    lines = read_subtitles(_written(tmp_path / "a.srt", SRT))

    assert lines.text == ("Déjà vu? - No.", "A long & overlapping line")
    assert lines.begin.tolist() == [1.0, 2.0]
    assert lines.end.tolist() == [2.5, 5.5]
    assert lines.at([2.2, 5.2, 0.5, 10.5]) == [
        "Déjà vu? - No. / A long & overlapping line", "A long & overlapping line", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [("a.vtt", VTT), ("a.ass", ASS)])
def test_other_formats(tmp_path: Path, name: str, text: str) -> None:
    lines = read_subtitles(_written(tmp_path / name, text))

    assert lines.text == ("Déjà vu?",)
    assert (lines.begin.tolist(), lines.end.tolist()) == ([1.0], [2.5])


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_encodings_are_found_out(tmp_path: Path, encoding: str, newline: str) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nDéjà vu, naïve Zoë\n\n".replace("\n", newline)

    lines = read_subtitles(_written(tmp_path / "a.srt", text, encoding))

    assert lines.text == ("Déjà vu, naïve Zoë",)


def test_a_likely_encoding_is_told_and_another_can_be_given(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nПривет, как твои дела?\n\n"
    path = _written(tmp_path / "a.srt", text, "cp1251")

    with caplog.at_level(logging.WARNING):
        assert read_subtitles(path).text == ("Привет, как твои дела?",)
    assert "read as cp1251, the likeliest encoding" in caplog.text
    assert "--subtitle-encoding" in caplog.text
    assert read_subtitles(path, encoding="koi8-r").text == ("оПХБЕР, ЙЮЙ РБНХ ДЕКЮ?",)


TIMED = "{} --> {}\n{}\n\n"
"""A cue."""


def _cues(*words: str, numbers: bool = False) -> str:
    """Cues of one second, at 1 s, 3 s and so on."""
    cues = (
        f"{n}\n" * numbers
        + TIMED.format(f"00:00:{2 * n - 1:02}.000", f"00:00:{2 * n:02}.000", text)
        for n, text in enumerate(words, 1)
    )
    return "".join(cues)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("hello<00:00:01.400><c> there</c>", "hello there", id="times within"),
        pytest.param("hello<00:01.400> there", "hello there", id="short times within"),
        pytest.param("<v.loud Esme Of Rome>hello</v> there", "hello there", id="voice"),
        pytest.param("<c.yellow.bg_blue>hello</c> there", "hello there", id="class"),
        pytest.param("<lang en-GB>hello</lang> <b>there</b>", "hello there", id="language"),
        pytest.param("<ruby>hello<rt>salut</rt></ruby> there", "hello there", id="reading"),
        pytest.param("hello&nbsp;there &lrm;", "hello there", id="entities"),
        pytest.param("1 &lt; 2 &amp; 3", "1 < 2 & 3", id="escaped"),
        pytest.param(" \nhello\nthere", "hello there", id="a line with a space"),
        pytest.param("NOTE to self", "NOTE to self", id="note"),
        pytest.param("STYLE matters", "STYLE matters", id="style"),
        pytest.param("hello\nREGION 2", "hello REGION 2", id="region"),
        pytest.param("42", "42", id="a number"),
    ],
)
def test_words_of_web_captions(text: str, words: str, tmp_path: Path) -> None:
    path = _written(tmp_path / "a.vtt", "WEBVTT - a title\nKind: captions\n\n" + _cues(text, "bye"))

    assert read_subtitles(path).text == (words, "bye")


@pytest.mark.parametrize(
    "block",
    [
        "NOTE\nnothing --- is said\nhere",
        "NOTE a comment",
        "STYLE\n::cue { color: red }",
        "REGION\nid:fred\nwidth:40%",
        "intro",
        "2",
        "a comment of nobody's kind",
    ],
)
def test_what_stands_between_web_captions_is_not_spoken(block: str, tmp_path: Path) -> None:
    cues = f"WEBVTT\n\n{_cues('hello')}{block}\n\n{_cues('', 'bye')}{block}\n"

    assert read_subtitles(_written(tmp_path / "a.vtt", cues)).text == ("hello", "bye")


@pytest.mark.parametrize(
    ("first", "last", "begin", "end"),
    [
        ("00:00:01,500", "00:00:02,250", 1.5, 2.25),
        ("00:00:01.500", "00:00:02.250", 1.5, 2.25),
        ("0:0:1,5", "0:0:2,25", 1.5, 2.25),
        ("00:01,500", "00:02,250", 1.5, 2.25),
        ("00:00:01", "00:00:02", 1.0, 2.0),
        ("00:00:01:500", "00:00:02:250", 1.5, 2.25),
        ("00: 00: 01, 500", "00: 00: 02, 250", 1.5, 2.25),
        ("-00:00:01,500", "00:00:02,250", -1.5, 2.25),
        ("100:00:01.500", "100:00:02.250", 360001.5, 360002.25),
        ("  00:00:01,500", "00:00:02,250  X1:1 X2:2 Y1:3 Y2:4", 1.5, 2.25),
        ("00:00:01,500", "00:00:02,250 align:start position:0% line:-1", 1.5, 2.25),
    ],
)
@pytest.mark.parametrize("head", ["", "WEBVTT\n\n"], ids=["srt", "vtt"])
def test_times(first: str, last: str, begin: float, end: float, head: str, tmp_path: Path) -> None:
    lines = read_subtitles(
        _written(tmp_path / "a.srt", head + TIMED.format(first, last, "hello 12:30 - 13:00"))
    )

    assert lines.text == ("hello 12:30 - 13:00",)
    assert (lines.begin.tolist(), lines.end.tolist()) == ([begin], [end])


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("head", ["", "WEBVTT\n\n"], ids=["srt", "vtt"])
def test_ends_of_lines(newline: str, head: str, tmp_path: Path) -> None:
    text = (head + _cues("hello\nthere", "bye", numbers=True)).replace("\n", newline)
    path = tmp_path / "a.srt"
    path.write_bytes(text.encode())

    assert read_subtitles(path).text == ("hello there", "bye")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(_cues("hello", "bye").replace("\n\n", "\n"), ("hello", "bye"), id="dense"),
        pytest.param(
            _cues("hello", "bye", numbers=True).replace("\n\n", "\n"), ("hello", "bye"),
            id="dense, with numbers",
        ),
        pytest.param(_cues("", "bye", numbers=True), ("bye",), id="an empty one"),
        pytest.param(_cues("How many?\n42", "42", numbers=True), ("How many? 42", "42"), id="42"),
        pytest.param(_cues("hello\n\nthere", "bye"), ("hello  there", "bye"), id="blank line"),
        pytest.param(_cues("{\\an8}hello {\\pos(1,2)}there"), ("hello there",), id="ASS tags"),
        pytest.param(_cues("NOTE it", "STYLE"), ("NOTE it", "STYLE"), id="note"),
        pytest.param(_cues("a < b, <b>c</b> > d"), ("a < b, c > d",), id="less"),
        pytest.param("\ufeff\n\n" + _cues("hello"), ("hello",), id="blank lines first"),
        pytest.param(_cues("hello").rstrip(), ("hello",), id="no end of line"),
        pytest.param(_cues("hello").replace("-->", "->"), ("hello",), id="short arrow"),
    ],
)  # fmt: skip
def test_srt_of_many_programs(text: str, words: tuple[str, ...], tmp_path: Path) -> None:
    assert read_subtitles(_written(tmp_path / "a.srt", text)).text == words


def test_a_hostile_file_is_read_in_no_time(tmp_path: Path) -> None:
    filler = "\r" * 100_000 + "\n1" * 100_000 + " " * 100_000 + "9" * 100_000 + "<rt" * 100_000
    path = tmp_path / "a.srt"
    path.write_bytes((filler + "\n\n" + _cues("hello") + filler).encode())

    assert read_subtitles(path).text[0].startswith("hello")


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (b"", None, "contains no readable subtitles"),
        (b"\x00\x01\x02" * 100, None, "contains no readable subtitles"),
        (b"{25}{50}Hello|there\n", None, r"counts frames.* for example \{1\}\{1\}25"),
        (b"Dear all,\nthis is a letter.\n", None, "contains no readable subtitles"),
        ("Привет".encode("cp1251"), "utf-8", "not in utf-8"),
        (b"x", "klingon", "no such encoding"),
    ],
    ids=["empty", "binary", "no rate", "letter", "wrong", "unknown"],
)
def test_what_is_none_is_told(
    tmp_path: Path, data: bytes, encoding: str | None, message: str
) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(data)

    with pytest.raises(SubtitleError, match=message):
        read_subtitles(path, encoding=encoding)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SubtitleError, match=r"no\.srt: cannot be read"):
        read_subtitles(tmp_path / "no.srt")


def test_a_file_without_words_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = _written(tmp_path / "a.srt", "1\n00:00:01,000 --> 00:00:02,000\n[thunder]\n\n")

    assert len(read_subtitles(path)) == 0
    assert "no spoken words in them" in caplog.text


@pytest.mark.parametrize("offset", [-1.5, 0.0, 2.25])
def test_offset(tmp_path: Path, offset: float) -> None:
    lines = read_subtitles(_written(tmp_path / "a.srt", SRT), offset=offset)

    assert lines.begin.tolist() == [1.0 + offset, 2.0 + offset]


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_the_movies_own_track(tmp_path: Path, name: str) -> None:
    path = write_texts(tmp_path / name, PLAIN)

    lines = movie_subtitles(path, offset=0.5)

    assert lines.text == ("Deja vu? - No.", "A long & overlapping line")
    assert lines.begin == pytest.approx([1.5, 2.5])


def test_a_movie_without_one(tmp_path: Path) -> None:
    with pytest.raises(MovieError, match="no text subtitles"):
        movie_subtitles(write_movie(tmp_path / "a.mkv", blocks(2)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- Hi.\\N- [laughs] Who?", "Hi. - Who?"),
        ("[door\\Nslams]", ""),
        ("♪ a song\\Nthat goes on", ""),
        ("MAN 2: (coughs)", ""),
        ("Time: 10:30", "Time: 10:30"),
        ("...", ""),
        ("=HYPERLINK(1)", "HYPERLINK"),
        ("\u202bשלום\u202c", "שלום"),
        ("# not a song", "# not a song"),
    ],
)
def test_what_is_spoken(text: str, words: str) -> None:
    assert spoken_words(text) == words


SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda p: (p[0], p[0] + p[1])), max_size=8
)


@given(SPANS, st.integers(0, 50), st.integers(1, 10))
def test_spoken_is_as_reckoned_one_by_one(
    spans: list[tuple[int, int]], begin: int, length: int
) -> None:
    spans = sorted(spans)
    lines = Lines(
        np.array([a for a, _ in spans], np.float64),
        np.array([b for _, b in spans], np.float64),
        ("x",) * len(spans),
    )

    found = lines.spoken(np.array([begin], np.float64), np.array([begin + length], np.float64))

    assert found.tolist() == [any(a < begin + length and b > begin for a, b in spans)]
    assert lines.at([begin]) == [" / ".join("x" for a, b in spans if a <= begin < b)]
