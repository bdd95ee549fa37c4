"""The charsets that texts from others are decoded from: Python knows more, and some of those take quadratic time. Pure."""

import codecs
import encodings

UNICODE = {"utf-8", "utf-16-le", "utf-16-be"}
ASIAN = {"big5", "big5hkscs", "gb2312", "gbk", "gb18030", "euc_jp", "shift_jis", "cp932", "iso2022_jp", "euc_kr", "cp949"}
ONE_BYTE = {"ascii", "cp437", "cp850", "cp852", "cp866", "cp874", "tis-620", "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic"}
ONE_BYTE |= {f"iso8859-{part}" for part in range(1, 17) if part != 12} | {f"cp{page}" for page in range(1250, 1259)}
READ = UNICODE | ASIAN | ONE_BYTE
# Those of domain names. A child process can be asked for any other, for example by an e-mail, and has a limit of CPU time.
SLOW = {"punycode", "idna"}


def codec_of(label: str) -> str:
    """Returns the name of the codec for a charset that someone else declares; empty if it is unknown or not one of `READ`."""
    try:
        name = codecs.lookup(label).name if label else ""
    except (LookupError, ValueError):
        return ""
    # Without a byte order mark, as on the Web.
    name = "utf-16-le" if name == "utf-16" else name
    return name if name in READ else ""


def refuse_slow() -> None:
    """Makes the slow codecs unknown to this process and all of its libraries."""
    codecs.unregister(encodings.search_function)
    codecs.register(_fast)


def _fast(label: str) -> codecs.CodecInfo | None:
    codec_info = encodings.search_function(label)
    return codec_info if codec_info and codec_info.name not in SLOW else None
