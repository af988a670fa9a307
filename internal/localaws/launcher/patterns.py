"""The regular expressions of AWS's models, which are Java's, as Python's.

What Java writes in another way: Unicode and POSIX classes (\\p{L}), characters beyond 16 bits, a bracket or a dash that
stands for itself inside a class. A pattern that Python still cannot read is not checked: TestEveryPatternIsChecked.
"""

import functools
import re
import sys
import unicodedata

ASCII = 0x80
POSIX = {
    "ASCII": r"\x00-\x7f",
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "Cntrl": r"\x00-\x1f\x7f",
    "Digit": "0-9",
    "Graph": "!-~",
    "Lower": "a-z",
    "Print": " -~",
    "Upper": "A-Z",
}
PAIR = re.compile(r"\\u(D[89AB]..)\\u(D[C-F]..)", re.IGNORECASE)  # of UTF-16, for one character
TOKEN = re.compile(r"\\[pP]\{\w+\}|\\.|\[\^?|\]|.", re.DOTALL)
SETS = frozenset(["\\d", "\\w", "\\s", "\\D", "\\W", "\\S"])


@functools.cache
def category(name, inside, end):
    """The characters below end that are of a Unicode category, or are not, as the inside of a class."""
    ranges, first = [], None
    for code in range(end + 1):
        if code < end and unicodedata.category(chr(code)).startswith(name) == inside:
            first = code if first is None else first
        elif first is not None:
            ranges.append(f"\\U{first:08x}-\\U{code - 1:08x}")
            first = None
    return "".join(ranges) or r"\U0010ffff"  # a class must not be empty; no text below end has this character


def one(pair):
    return f"\\U{0x10000 + (int(pair[1], 16) - 0xD800) * 0x400 + int(pair[2], 16) - 0xDC00:08x}"


def named(token, end):
    name, inside = token[3:-1], token[1] == "p"
    if name in POSIX:
        if not inside:
            raise re.error(f"the opposite of {name} is not known")
        return POSIX[name]
    return category(name, inside, end)


def translated(pattern, end):
    out, in_class, before = [], False, ""
    for token in TOKEN.findall(PAIR.sub(one, pattern)):
        is_named = token[:2] in ("\\p", "\\P")
        if is_named:
            out.append(named(token, end) if in_class else f"[{named(token, end)}]")
        elif in_class and token.startswith("["):
            out.append("\\" + token)  # a bracket inside a class stands for itself
        elif in_class and token == "-" and (before in SETS or before[:2] == "\\p"):
            out.append("\\-")  # no range begins with a set
        else:
            out.append(token)
            if token.startswith("["):
                in_class = True
            elif token == "]":
                in_class = False
        before = token
    return "".join(out)


@functools.cache
def compiled(pattern, end):
    try:
        return re.compile(translated(pattern, end), re.ASCII)
    except re.error:
        return None


def fits(pattern, text):
    """Whether all of the text is what the pattern describes; None if that cannot be said."""
    # The Unicode classes hold thousands of ranges, and hardly a text needs them.
    expression = compiled(pattern, ASCII if text.isascii() else sys.maxunicode + 1)
    return expression and expression.fullmatch(text) is not None
