"""What a language code says: `zh-Hant`, `zho_Hans` and `cmn` are all Chinese, which is written without spaces."""

import re
from typing import NamedTuple

# ISO 639-3 and 639-2/B to ISO 639-1, for the languages that have both; and common wrong codes.
_PAIRS = """
aar:aa abk:ab afr:af aka:ak amh:am ara:ar arb:ar arg:an asm:as ava:av aym:ay aze:az azj:az bak:ba bam:bm bel:be ben:bn
bih:bh bis:bi bod:bo tib:bo bos:bs bre:br bul:bg cat:ca ces:cs cze:cs cha:ch che:ce chv:cv cor:kw cos:co cre:cr cym:cy
wel:cy dan:da deu:de ger:de div:dv dzo:dz ell:el gre:el eng:en epo:eo est:et ekk:et eus:eu baq:eu ewe:ee fao:fo fas:fa
per:fa pes:fa fij:fj fin:fi fra:fr fre:fr fry:fy ful:ff gla:gd gle:ga glg:gl glv:gv grn:gn guj:gu hat:ht hau:ha heb:he
iw:he her:hz hin:hi hmo:ho hrv:hr hun:hu hye:hy arm:hy ibo:ig ido:io iii:ii iku:iu ile:ie ina:ia ind:id in:id ipk:ik
isl:is ice:is ita:it jav:jv jpn:ja jp:ja kal:kl kan:kn kas:ks kat:ka geo:ka kau:kr kaz:kk khm:km kik:ki kin:rw kir:ky
kom:kv kon:kg kor:ko kua:kj kur:ku kmr:ku lao:lo lat:la lav:lv lvs:lv lim:li lin:ln lit:lt ltz:lb lub:lu lug:lg mah:mh
mal:ml mar:mr mkd:mk mac:mk mlg:mg plt:mg mlt:mt mon:mn khk:mn mri:mi mao:mi msa:ms may:ms zsm:ms mya:my bur:my nau:na
nav:nv nbl:nr nde:nd ndo:ng nep:ne npi:ne nld:nl dut:nl nno:nn nob:nb nor:no nya:ny oci:oc oji:oj ori:or ory:or orm:om
gaz:om oss:os pan:pa pli:pi pol:pl por:pt pus:ps pbt:ps que:qu roh:rm ron:ro rum:ro run:rn rus:ru sag:sg san:sa sin:si
slk:sk slo:sk slv:sl sme:se smo:sm sna:sn snd:sd som:so sot:st spa:es sqi:sq alb:sq als:sq srd:sc srp:sr ssw:ss sun:su
swa:sw swh:sw swe:sv tah:ty tam:ta tat:tt tel:te tgk:tg tgl:tl tha:th tir:ti ton:to tsn:tn tso:ts tuk:tk tur:tr twi:tw
uig:ug ukr:uk urd:ur uzb:uz uzn:uz ven:ve vie:vi vol:vo wln:wa wol:wo xho:xh yid:yi ydd:yi yor:yo zha:za zho:zh chi:zh
cmn:zh cn:zh zhs:zh zht:zh zul:zu
"""
_NAMES = """
af Afrikaans, am Amharic, ar Arabic, az Azerbaijani, be Belarusian, bg Bulgarian, bn Bengali, bo Tibetan, bs Bosnian,
ca Catalan, cs Czech, cy Welsh, da Danish, de German, el Greek, en English, eo Esperanto, es Spanish, et Estonian,
eu Basque, fa Persian, fi Finnish, fo Faroese, fr French, fy Western Frisian, ga Irish, gd Scottish Gaelic,
gl Galician, gu Gujarati, ha Hausa, he Hebrew, hi Hindi, hr Croatian, ht Haitian Creole, hu Hungarian, hy Armenian,
id Indonesian, ig Igbo, is Icelandic, it Italian, ja Japanese, jv Javanese, ka Georgian, kk Kazakh, km Khmer,
kn Kannada, ko Korean, kr Kanuri, ku Kurdish, ky Kyrgyz, la Latin, lb Luxembourgish, lo Lao, lt Lithuanian, lv Latvian,
mg Malagasy, mi Maori, mk Macedonian, ml Malayalam, mn Mongolian, mr Marathi, ms Malay, mt Maltese, my Burmese,
nb Norwegian Bokmål, ne Nepali, nl Dutch, nn Norwegian Nynorsk, no Norwegian, oc Occitan, or Odia, pa Punjabi,
pl Polish, ps Pashto, pt Portuguese, ro Romanian, ru Russian, rw Kinyarwanda, sd Sindhi, si Sinhala, sk Slovak,
sl Slovenian, so Somali, sq Albanian, sr Serbian, su Sundanese, sv Swedish, sw Swahili, ta Tamil, te Telugu, tg Tajik,
th Thai, tk Turkmen, tl Tagalog, tr Turkish, tt Tatar, ug Uyghur, uk Ukrainian, ur Urdu, uz Uzbek, vi Vietnamese,
xh Xhosa, yi Yiddish, yo Yoruba, yue Cantonese, zh Chinese, zu Zulu
"""
_ENGLISH_NAMES = dict(pair.strip().split(" ", 1) for pair in _NAMES.split(","))
_TO_ISO_639_1 = dict(pair.split(":") for pair in _PAIRS.split())
_NAMED = {name.lower(): code for code, name in _ENGLISH_NAMES.items()}
# Mandarin, Cantonese, Wu, Min, Hakka, Gan, Xiang, Jin, Pinghua, and the classical language.
_CHINESE = {
    "zh", "yue", "wuu", "nan", "cdo", "mnp", "cpx", "czo", "hnm", "luh", "sjc", "hak", "gan", "hsn", "cjy", "cnp",
    "csp", "lzh",
}  # fmt: skip
# Japanese and Okinawan; Thai, of the north, northeast and south too, and Lü; Lao; Khmer; Burmese, Rakhine, Mon, Shan;
# Tibetan, of Amdo and Kham too, and Dzongkha.
_NO_SPACES = _CHINESE | {
    "ja", "ryu", "th", "nod", "tts", "sou", "khb", "lo", "km", "my", "rki", "mnw", "shn", "bo", "adx", "khg", "dz",
}  # fmt: skip
# By ISO 15924; the last four are those of Lanna, Lü, Dehong and Vietnam's Tai.
_CHINESE_SCRIPTS = {"hani", "hans", "hant", "hanb", "bopo"}
_SCRIPTS_WITHOUT_SPACES = _CHINESE_SCRIPTS | {
    "jpan", "hira", "kana", "hrkt", "thai", "laoo", "khmr", "mymr", "tibt", "lana", "talu", "tale", "tavt",
}  # fmt: skip


class LanguagePair(NamedTuple):
    """The codes of the languages of a parallel corpus."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source}-{self.target}"


def primary(code: str) -> str:
    """The language of a code, without script and region, in ISO 639-1 if it has a code there: `pt-BR` is `pt`.

    An English name stands for its code. What is unknown is returned in lower case, up to its first hyphen or
    underscore.
    """
    language = _subtags(code)[0]
    return _TO_ISO_639_1.get(language) or _NAMED.get(language, language)


def script(code: str) -> str:
    """The script that a code names, by ISO 15924 in lower case: `zho_Hans` has `hans`; "" for none."""
    return next((subtag for subtag in _subtags(code)[1:] if re.fullmatch("[a-z]{4}", subtag)), "")


def normalized(code: str) -> str:
    """A code as codes are compared: in lower case, with hyphens."""
    return code.strip().lower().replace("_", "-")


def tag_of(language: str) -> str:
    """The subword that asks a model of several target languages for one of them."""
    return f"<2{language}>"


def english_name(code: str) -> str:
    """What a language is called in English, with script or region as the code has them; the code if that is unknown."""
    name = _ENGLISH_NAMES.get(primary(code))
    more = code.strip().replace("_", "-").split("-")[1:]
    return code if name is None else f"{name} ({', '.join(more)})" if more else name


def is_chinese(code: str) -> bool:
    """Whether the language is Mandarin, Cantonese or another Chinese language, in its own script."""
    return primary(code) in _CHINESE and script(code) in {"", *_CHINESE_SCRIPTS}


def writes_no_spaces(code: str) -> bool:
    """Whether words are written without spaces, as in Chinese, Japanese, Thai, Lao, Khmer, Burmese and Tibetan.

    The script that the code names decides, in whatever language: `ryu_Jpan` has none and `nan_Latn` has them.
    """
    if named := script(code):
        return named in _SCRIPTS_WITHOUT_SPACES
    return primary(code) in _NO_SPACES


def _subtags(code: str) -> list[str]:
    return normalized(code).split("-")
