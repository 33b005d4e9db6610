"""Texts of users in any encoding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.encodings import decode_text

SPOKEN = {
    "French": "Tu es où? Ça va très bien, merci. C'est déjà l'été, et Noël est passé, bien sûr.",
    "German": "Über die Brücke fährt ein großer Zug. Schön, nicht wahr? Natürlich, für später.",
    "Spanish": "¿Dónde estás? Mañana será otro día, señor. ¡Qué corazón! No lo sé, quizás así.",
    "Portuguese": "Não sei, mas amanhã será melhor. Você é o coração da questão, João, três vezes.",
    "Swedish": "Var är du? Jag förstår inte, men det går så bra. Hör på, vi åker över ån igen.",
    "Polish": "Cześć, jak się masz? Dziękuję bardzo, proszę. Wszystko będzie dobrze, żółw śpi.",
    "Czech": "Dobrý den, jak se máte? Příliš žluťoučký kůň úpěl ďábelské ódy, řekl táta.",
    "Hungarian": "Jó napot, hogy van? Őszintén szólva nem tudom, később jövök, kérem szépen.",
    "Turkish": "Merhaba, nasılsın? Çok güzel şeyler görüyorum, değil mi? Işık söndü, gidiyoruz.",
    "Russian": "Привет, как дела? Я не знаю, что тебе сказать. Завтра всё будет хорошо.",
    "Greek": "Καλημέρα, τι κάνεις; Δεν ξέρω τι να πω σήμερα. Ίσως αύριο να είναι καλύτερα.",
    "Hebrew": "שלום, מה שלומך היום? אני לא יודע מה לומר. אולי מחר יהיה יותר טוב, תודה רבה.",
    "Arabic": "مرحبا كيف حالك اليوم؟ لا أعرف ماذا أقول. ربما غدا سيكون أفضل، شكرا جزيلا لك.",
    "Japanese": "こんにちは、お元気ですか。今日は天気がいいですね。どこへ行きますか。"
    "わかりません。明日はもっと良くなるでしょう。来てくれてありがとうございます。",
    "Chinese": "你好，今天天气怎么样？我不知道该说什么。也许明天会更好，谢谢你们来看我。",
    "Korean": "안녕하세요, 오늘 날씨가 어떻습니까? 무슨 말을 해야 할지 모르겠어요. 감사합니다.",
    "Thai": "สวัสดีครับ วันนี้เป็นอย่างไรบ้าง ผมไม่รู้จะพูดอะไรดี พรุ่งนี้อาจจะดีกว่านี้",
}
LEGACY = [
    *((language, "cp1252") for language in list(SPOKEN)[:5]),
    *((language, "cp1250") for language in ("Polish", "Czech", "Hungarian")),
    *((language, "iso8859_2") for language in ("Polish", "Czech")),
    ("Turkish", "cp1254"), ("Russian", "cp1251"), ("Russian", "koi8_r"), ("Russian", "cp866"),
    ("Greek", "cp1253"), ("Hebrew", "cp1255"), ("Arabic", "cp1256"), ("Japanese", "cp932"),
    ("Japanese", "iso2022_jp"), ("Chinese", "gb18030"),
    ("Korean", "cp949"), ("Thai", "cp874"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "encoding"), LEGACY)
def test_the_likeliest_encoding(language: str, encoding: str) -> None:
    decoded = decode_text(SPOKEN[language].encode(encoding))
    assert decoded.text == SPOKEN[language]
    assert not decoded.sure


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_no_guess(language: str, encoding: str) -> None:
    decoded = decode_text(SPOKEN[language].encode(encoding))
    assert (decoded.text, decoded.sure) == (SPOKEN[language], True)


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(language: str, encoding: str) -> None:
    text = f"1\n00:00:01,000\n{SPOKEN[language]}"
    assert decode_text(text.encode(encoding)).text == text


@pytest.mark.parametrize("language", ["French", "Russian", "Japanese"])
def test_utf_8_with_a_little_damage_stays_utf_8(language: str) -> None:
    text = SPOKEN[language] * 8
    decoded = decode_text(text.encode() + "é".encode()[:1])
    assert decoded.text == text + "\ufffd"
    assert (decoded.encoding, decoded.sure) == ("utf-8", False)


def test_bytes_that_break_their_own_mark_are_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        decode_text(b"\xff\xfea\x00b")


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        assert isinstance(decode_text(data).text, str)
    except UnicodeDecodeError:
        assert data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data or data[:1] in b"\xef\x00"
