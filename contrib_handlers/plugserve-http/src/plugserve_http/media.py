"""The media type of a file, by its name; the same on every machine, whatever its mime.types say."""

from __future__ import annotations

from functools import cache
from mimetypes import MimeTypes
from typing import Final

__all__ = ["media_type"]

_TYPES: Final = {
    # Those that Python knows differently in different versions, or not at all (IANA's registry, and RFC 9239).
    "avif": "image/avif",
    "bz2": "application/x-bzip2",
    "csv": "text/csv",
    "flac": "audio/flac",
    "gz": "application/gzip",
    "ico": "image/vnd.microsoft.icon",
    "js": "text/javascript",
    "json": "application/json",
    "log": "text/plain",
    "m4a": "audio/mp4",
    "md": "text/markdown",
    "mjs": "text/javascript",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "otf": "font/otf",
    "py": "text/x-python",
    "rst": "text/x-rst",
    "svg": "image/svg+xml",
    "tgz": "application/gzip",
    "toml": "application/toml",
    "ttf": "font/ttf",
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "whl": "application/zip",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xhtml": "application/xhtml+xml",
    "xml": "application/xml",
    "xz": "application/x-xz",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
    "zst": "application/zstd",
}


@cache
def _built_in() -> MimeTypes:
    """What Python brings; unlike that of `mimetypes.guess_type`, this table has nothing from the machine's files."""
    return MimeTypes()


def media_type(name: str, charset: str) -> str:
    """The field `Content-Type` for a file.

    Parameters:
        name: its name.
        charset: that of text, `""` to say nothing. A compressed file is of the type of its compression: what is
            downloaded as `a.tar.gz` is to stay one, so there is never a `Content-Encoding`.
    """
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    kind = _TYPES.get(ending)
    if kind is None:
        guessed, encoding = _built_in().guess_type(f"x.{ending}")
        kind = guessed if guessed and not encoding else "application/octet-stream"
    return f"{kind}; charset={charset}" if charset and kind.startswith("text/") else kind
