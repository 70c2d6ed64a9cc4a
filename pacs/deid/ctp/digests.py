"""Keyless digests and ciphers of RSNA CTP, which archives already hold values of. Not for new uses: anybody can compute
an MD5, so a short original value can be found again by trying.
"""

import base64
import hashlib
import re

from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.padding import PKCS7

_FILLER = "tszyihnnphlyeaglle"
_KEY_LETTERS = 22
_BLOCK_BITS = 64
MAX_UID = 64


def decimal_md5(text: str) -> str:
    """MD5 of the UTF-8 text as one decimal number."""
    return str(int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest(), "big"))


def shortened(digits: str, length: int) -> str:
    """The first digits; all of them for a length below 1."""
    return digits if length < 1 else digits[:length]


def hashed_uid(root: str, text: str) -> str:
    """A UID below a root, at most 64 characters long.

    A root that ends in ``.*`` is one of RSNA Anonymizer, which takes the digits modulo what has room.
    """
    root = root.strip()
    if root.endswith(".*"):
        room = 10 ** max(MAX_UID - len(root) + 1, 1)
        return f"{root[:-1]}{int(decimal_md5(text)) % room}"
    return f"{root}{'' if root.endswith('.') else '.'}{decimal_md5(text)}"[:MAX_UID]


def rsna_root(root: str, site: str) -> str:
    """The root below which RSNA Anonymizer hashes the UIDs of a site, as `hashed_uid` takes it."""
    return f"{root.strip().rstrip('.')}.{site.strip()}.2.*"


def rsna_accession(text: str, root: str, site: str) -> str:
    """An accession number as RSNA Anonymizer writes it."""
    site = site.strip()
    salt = f"anonymizer::{site}::{root.strip()}.{site}"
    digits = hashlib.sha256(f"{salt}{text}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}"


def hashed_name(name: str, length: int, words: int | None) -> str:
    """Digits for a person's name, or for its first `words` components; case, blanks and marks do not count."""
    components = name.split("^")
    joined = "".join(components if words is None else components[:words])
    return shortened(decimal_md5(re.sub(r"[\s,'^.]", "", joined, flags=re.ASCII).upper()), length)


def cipher_of(key: str) -> Cipher[modes.ECB]:
    """Blowfish with 128 bits made of the letters of a key text."""
    letters = re.sub(r"[^A-Za-z0-9+/]", "", key)
    while len(letters) < _KEY_LETTERS:
        letters += _FILLER
    return Cipher(Blowfish(base64.b64decode(f"{letters[:_KEY_LETTERS]}==")), modes.ECB())  # noqa: S305 - as CTP does


def encrypted(text: str, key: str) -> str:
    """Base64 of the text, enciphered."""
    padder = PKCS7(_BLOCK_BITS).padder()
    encryptor = cipher_of(key).encryptor()
    padded = padder.update(text.encode()) + padder.finalize()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def decrypted(text: str, key: str) -> str:
    """The text of `encrypted`. Raises ValueError for what is none of its answers."""
    decryptor = cipher_of(key).decryptor()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    padded = decryptor.update(base64.b64decode(text, validate=True)) + decryptor.finalize()
    return (unpadder.update(padded) + unpadder.finalize()).decode()
