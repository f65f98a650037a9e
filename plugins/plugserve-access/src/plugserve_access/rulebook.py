"""The rules of one plugin from all their sources, kept up to date while the server runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Final

from plugserve.errors import ConfigurationError

from .networks import BadRule, Rule, parse_rule
from .policy import Policy, at_once
from .rulefile import RuleFile

__all__ = ["LOGGER", "RuleBook"]

LOGGER: Final = logging.getLogger("plugserve.access")

LOOK_INTERVAL: Final = 1.0
"""Seconds between two looks at the files: a change is in force after two looks, which nobody has to wait long for."""

SLICE: Final = 0.004
"""Seconds of reading at a time, within one turn of the server's loop: less than Python lets another thread wait for the
interpreter (`sys.getswitchinterval()` is 5 ms), so a client notices no more of it than of any busy thread."""


class RuleBook:
    """Rules from lists and files, and the policy that they make together.

    Parameters:
        allow, deny: rules as text.
        allow_file, deny_file: paths of lists, or None.
        clock: gives monotonic seconds; tests turn it by hand.

    Errors: `ConfigurationError` for a list that is none, and a rule that cannot be understood.
    """

    policy: Policy
    """What is in force. Replaced as a whole; take it once for each decision."""

    def __init__(
        self,
        allow: Sequence[str],
        deny: Sequence[str],
        allow_file: str | Path | None,
        deny_file: str | Path | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fixed = [*_rules("allow", allow), *_rules("deny", deny)]
        self._files = [
            RuleFile(_path(option, path), allow=option == "allow_file", option=option)
            for option, path in (("allow_file", allow_file), ("deny_file", deny_file))
            if path is not None
        ]
        self._any_allow = any(rule.allow for rule in self._fixed) or any(file.allow for file in self._files)
        self._any_deny = not all(rule.allow for rule in self._fixed) or not all(file.allow for file in self._files)
        self._clock = clock
        self._next_look = clock() + LOOK_INTERVAL
        self._work: Generator[None, None, None] | None = None
        # A plugin that is given to two servers is asked by two loops.
        self._lock = threading.Lock()
        if self._files:
            self.policy = Policy.nobody("the files with the rules have not been read yet")
        else:
            self.policy = at_once(self._compile())

    @property
    def has_rules(self) -> bool:
        """Whether there is any rule, or a file for rules."""
        return self._any_allow or self._any_deny

    @property
    def sources(self) -> str:
        """Where the rules come from, for people."""
        files = [file.name for file in self._files]
        return " and ".join(["the configuration", *files] if self._fixed or not files else files)

    def load(self) -> None:
        """Read all files now.

        Errors: `ConfigurationError` that names the file, and the line if it is one's fault.
        """
        if not self._files:
            return
        with self._lock:
            self._work = None
            for file in self._files:
                # Written to this very moment: read it until it is whole. A file that is never at rest is no list.
                for _ in range(_PATIENCE):
                    rules = at_once(file.read())
                    if rules is not None:
                        break
                else:
                    raise ConfigurationError(
                        f"{file.option}: {file.name} is being written to: start again", option=file.option
                    )
                file.rules = rules
            self.policy = at_once(self._compile())

    def refresh(self) -> None:
        """Look at the files once a second, and take over what changed, a few milliseconds' work at a call.

        A file that cannot be read or understood keeps its old rules, with one warning for each content.
        """
        if not self._files or (self._work is None and self._clock() < self._next_look):
            return
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._work is None:
                self._next_look = self._clock() + LOOK_INTERVAL
                changed = [file for file in self._files if file.changed()]
                if not changed:
                    return
                self._work = self._reread(changed)
            work, self._work = self._work, None
            end = self._clock() + SLICE
            for _ in work:
                if self._clock() >= end:
                    self._work = work
                    return
        except BaseException:
            # Out of memory, most likely. The old rules stay in force, the core reports it, and it is tried again.
            for file in self._files:
                file.forget()
            raise
        finally:
            self._lock.release()

    def _reread(self, changed: list[RuleFile]) -> Generator[None, None, None]:
        taken = []
        for file in changed:
            try:
                rules = yield from file.read()
            except ConfigurationError as error:
                LOGGER.warning("access: %s; its old rules stay in force", error)
                continue
            if rules is not None:
                file.rules = rules
                taken.append(file.name)
        if taken:
            self.policy = yield from self._compile()
            LOGGER.info("access: read again: %s; %s", " and ".join(taken), self.summary())

    def summary(self) -> str:
        """What is in force, for people."""
        allowing, denying = self.policy.counts
        others = "allowed" if self.policy.others else "denied"
        return f"{allowing} allow and {denying} deny rules, all others are {others}"

    def _compile(self) -> Generator[None, None, Policy]:
        rules = list(self._fixed)
        for file in self._files:
            rules += file.rules
        return Policy.build(rules, any_allow=self._any_allow, any_deny=self._any_deny)


_PATIENCE: Final = 10
"""How often a file that changes while it is read at the start is read again."""


def _rules(option: str, texts: object) -> list[Rule]:
    if isinstance(texts, str):
        raise ConfigurationError(f"{option} is a list of rules, and {texts!a} is not a list: write [{texts!a}]")
    if not isinstance(texts, Sequence) or isinstance(texts, bytes):
        raise ConfigurationError(f"{option} is a list of rules, not {type(texts).__name__}: write a list of strings")
    rules = []
    for number, text in enumerate(texts, 1):
        place: dict[str, Any] = {"option": option, "index": number - 1}
        if not isinstance(text, str):
            raise ConfigurationError(f"{option}, rule {number}: {text!a} is not text: write it as a string", **place)
        try:
            rules.append(parse_rule(text.strip(), allow=option == "allow", source=option, line=number))
        except BadRule as error:
            raise ConfigurationError(f"{option}, rule {number}: {error}", **place) from None
    return rules


def _path(option: str, path: object) -> Path:
    if not isinstance(path, (str, Path)) or not str(path):
        raise ConfigurationError(f"{option} is the path of a file, and {path!a} is none")
    return Path(path)
