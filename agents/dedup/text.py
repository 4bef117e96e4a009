"""Text as suppliers send it, made canonical: whitespace, e-mail addresses, web addresses, closed word lists.

Every parser of this package takes a value as `clean` returns it, not empty, and returns its canonical string or
raises `Wrong`. A `Wrong` never quotes the value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from config.plan.values import spelled
from schemas.reasons import Reason

Parse = Callable[[str], str]

#: RFC 5321, 4.5.3.1: the longest forward path, and the longest local part, in octets.
_EMAIL_MAX = 254
_LOCAL_MAX = 64

#: Atoms of RFC 5322 without quoted strings at a host name of at least two labels. In the second form letters and
#: digits are of any script, as RFC 6531 allows.
_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9]+(?:-+[a-z0-9]+)*\.)+[a-z][a-z0-9-]*[a-z0-9]"
)
_EMAIL_OF_ANY_SCRIPT = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*"
    r"@(?:[^\W_]+(?:-+[^\W_]+)*\.)+[^\W\d_](?:[^\W_]|-)*[^\W_]"
)
#: RFC 1035, 2.3.4.
_LABEL_MAX = 63

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)"
    r"(?P<rest>(?::\d{1,5})?(?:[/?#][!-~]*)?)",
    re.ASCII | re.IGNORECASE,
)

_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "y", "t", "1", "on"), "true"),
    **dict.fromkeys(("false", "no", "n", "f", "0", "off"), "false"),
}

_BREAKS = "\t\n\r\v\f"
_FORBIDDEN = {"Cc", "Cs", "Cn", "Co"}


class Wrong(Exception):
    """A value does not fit its field: `code` from the closed list, `detail` in words that never quote the value."""

    def __init__(self, code: Reason, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def wrong_type(detail: str) -> Wrong:
    """Return the fault of a value that is not of its field's type."""
    return Wrong(Reason.VALIDATION_TYPE, detail)


def clean(value: str) -> str:
    """Trim, and make each run of white space one space; raises Wrong for control characters.

    Beyond ASCII the value is composed (NFC) and characters that cannot be seen (zero-width, direction marks, soft
    hyphens) are dropped: they make two equal names look different, or a name look like another.
    """
    if value.isascii() and value.isprintable():
        value = value.strip()
        return " ".join(value.split()) if "  " in value else value
    return clean_unicode(value)


def clean_unicode(value: str) -> str:
    """Do what `clean` does for any value."""
    if any(unicodedata.category(character) in _FORBIDDEN and character not in _BREAKS for character in value):
        raise wrong_type("holds a control character")
    return spelled(value)


def email(value: str) -> str:
    """Return the address in lower case and compatibility form (NFKC), as it is compared and delivered.

    Not done, because it is true of some providers only: dots and `+tags` of the local part stay, and no look-up
    says whether the address exists. Comments and quoted local parts are refused.
    """
    if value.isascii():
        folded, form = value.lower(), _EMAIL
    else:
        folded, form = unicodedata.normalize("NFKC", value).lower(), _EMAIL_OF_ANY_SCRIPT
    if not form.fullmatch(folded) or (len(folded) > _LABEL_MAX and _is_too_long(folded)):
        raise wrong_type("is not an e-mail address")
    return folded


def _is_too_long(address: str) -> bool:
    """Whether the address or a part of it is; none of them is in one that is no longer than a label may be."""
    local, _, host = address.partition("@")
    labels = host.split(".")
    return len(address) > _EMAIL_MAX or len(local) > _LOCAL_MAX or any(len(label) > _LABEL_MAX for label in labels)


def url(value: str) -> str:
    """Return a web address (http or https, host by name or IPv4, no user) with scheme and host in lower case."""
    match = _URL.fullmatch(value)
    if match is None:
        raise wrong_type("is not a web address that starts with http:// or https://")
    return f"{match['scheme'].lower()}://{match['host'].lower()}{match['rest']}"


def boolean(value: str) -> str:
    """Return `true` or `false` for true/false, yes/no, y/n, t/f, 1/0, on/off in any case."""
    canonical = _BOOLEANS.get(value.lower())
    if canonical is None:
        raise wrong_type("is not yes or no (true, false, yes, no, y, n, t, f, 1, 0, on, off)")
    return canonical


def one_of(values: Mapping[str, str]) -> Parse:
    """Return a parser for a closed list; `values` maps the case-folded word to the word as the plan spells it."""

    def parse(value: str) -> str:
        canonical = values.get(value.casefold())
        if canonical is None:
            raise Wrong(Reason.VALIDATION_ALLOWED_VALUES, "is none of the allowed values")
        return canonical

    return parse
