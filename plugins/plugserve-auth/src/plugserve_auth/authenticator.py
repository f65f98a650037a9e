"""The authenticator: what a protocol asks who its client is. `context.authenticator` gives it.

Its methods wait (for a hash, a file, a directory server), so on a server's loop they are called through
`connection.offload`, passwords in the lane `hashing` and everything else in the lane `asking`:

    ask = self.context.authenticator
    identity = await self.connection.offload(ask.check_password, name, password, self.context, lane=ask.hashing)
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from plugserve import Context, Identity, Lane
from plugserve.errors import ConfigurationError

from .errors import AuthenticationFailed, Busy, NotAuthorized, TooManyAttempts
from .saslprep import saslprep
from .stores.store import ActiveStore, PasswordStore, PeerStore, ScramKeys, ScramStore, TokenStore, abilities
from .throttle import Throttle, network_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sasl.mechanism import Mechanism
    from .sasl.negotiation import Negotiation

__all__ = ["MECHANISMS", "Authenticator"]

LOGGER: Final = logging.getLogger("plugserve.auth")

MECHANISMS: Final = (
    "EXTERNAL",
    "SCRAM-SHA-512-PLUS",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-512",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "OAUTHBEARER",
    "PLAIN",
    "LOGIN",
    "ANONYMOUS",
)
"""The SASL mechanisms that are offered where they can be used, the best first."""

_NAME_LIMIT: Final = 255
_TOLD_EVERY: Final = 10.0
"""Seconds between two lines in the log about a store that keeps failing in the same way: strangers cause them."""

_WAITING: Final = 64
"""Passwords that may wait for each place where one is checked: what a core does in the patience of three seconds."""

_ASKING: Final = 4
_ASKED: Final = 1024
"""Threads for checks that cost little, and how many of these may wait."""


class Authenticator:
    """Checks credentials against stores, and says who the client is.

    Failures slow down the next attempts and then ban (`throttle.py` has the rule). No more than a few password hashes
    are computed at once, since each takes a core and tens of MiB; who waits too long for a place is refused.

    Parameters:
        stores: asked in this order; the first that says yes decides.
        throttle: counts failures.
        hashes: how many passwords are checked at once; the number of cores, at most four, if None.
        patience: seconds that a check may wait for its turn: less than a server's layers have by default, so that
            clients are told.
        mechanisms: the names of SASL mechanisms, the best first.
        plaintext: whether PLAIN and LOGIN are offered in clear, where everybody on the way can read them.
        anonymous: whether ANONYMOUS is offered.
        policy: whether an identity may use this listener, where nothing else asks that afterwards.

    Errors: `ConfigurationError` for an object that is no store, and a mechanism that is not installed.
    """

    def __init__(
        self,
        stores: Sequence[Any],
        *,
        throttle: Throttle | None = None,
        hashes: int | None = None,
        patience: float = 3.0,
        mechanisms: Sequence[str] = MECHANISMS,
        plaintext: bool = False,
        anonymous: bool = False,
        policy: Callable[[Identity, Context], bool] | None = None,
    ) -> None:
        for index, store in enumerate(stores):
            if not abilities(store):
                raise ConfigurationError(
                    f"stores has {type(store).__name__}, which has none of the methods of a credential store",
                    option="stores",
                    index=index,
                )
        if hashes is not None and hashes < 1:
            raise ConfigurationError("hashes is how many passwords are checked at once: at least 1", option="hashes")
        self.stores = tuple(stores)
        self.throttle = Throttle() if throttle is None else throttle
        self.plaintext = plaintext
        self.anonymous = anonymous
        self.policy = policy
        self.settled = False
        """Whether clients have proved who they are before a handler sees them, so that it need not ask."""
        self._told: dict[tuple[str, str], float] = {}
        self._patience = patience
        places = hashes or min(4, os.cpu_count() or 1)
        self._places = threading.BoundedSemaphore(places)
        self.hashing = Lane(
            name="passwords", threads=places, waiting=_WAITING * places, patience=patience, refusal=Busy
        )
        """In whose threads passwords are checked, where the place may not block."""
        self.asking = Lane(name="authentication", threads=_ASKING, waiting=_ASKED, patience=patience, refusal=Busy)
        """In whose threads everything else is: steps of SASL that compute nothing, tokens, certificates."""
        self._passwords = [store for store in stores if isinstance(store, PasswordStore)]
        self._scram = [store for store in stores if isinstance(store, ScramStore)]
        self._tokens = [store for store in stores if isinstance(store, TokenStore)]
        self._peers = [store for store in stores if isinstance(store, PeerStore)]
        self._mechanisms = _load_mechanisms(mechanisms)

    def activate(self) -> None:
        """Let the stores get ready. Errors: `ConfigurationError`."""
        for store in self.stores:
            if isinstance(store, ActiveStore):
                store.activate()

    def check_password(self, name: str, password: str, context: Context, *, method: str = "password") -> Identity:
        """Who this is. May wait: see the head of this file.

        Parameters:
            name: as the client gave it.
            password: the same.
            context: of the request.
            method: how the protocol calls what it does, for the identity.

        Errors: `AuthenticationFailed`, after the same time for a wrong password as for a name that is not known.
        """
        self.refuse_hasty("", context)
        try:
            name, password = saslprep(name), saslprep(password)
        except ValueError:
            name = ""
        if not name or len(name) > _NAME_LIMIT or not self._passwords:
            self.count_failure("", context)
            raise AuthenticationFailed from None
        self.refuse_hasty(name, context)
        with self._place():
            # Asked again: of many that come at once, only as many as there are places get past the count.
            self.refuse_hasty(name, context)
            for store in self._passwords:
                found = self._ask(store, store.check_password, name, password)
                if found is not None:
                    return self.accept(name, replace(found, method=method), context)
            self.count_failure(name, context)
        raise AuthenticationFailed

    def takes_secrets(self, context: Context) -> bool:
        """Whether a client may send a password or a token as it is: where nobody can read along, unless `plaintext`
        allows it everywhere. How a client has come to a proxy on a Unix socket nobody knows here."""
        if self.plaintext or context.tls is not None:
            return True
        return context.transport.startswith("unix") and context.client_address == context.peer_address

    def check_token(self, token: str, context: Context) -> Identity:
        """Who carries this token. May wait.

        Parameters:
            token: as the client gave it.
            context: of the request.

        Errors: `AuthenticationFailed`.
        """
        self.refuse_hasty("", context)
        for store in self._tokens:
            found = self._ask(store, store.check_token, token)
            if found is not None:
                return self.accept("", found, context)
        self.count_failure("", context)
        raise AuthenticationFailed

    def check_peer(self, context: Context) -> Identity:
        """Who is at the other end, by a certificate or the credentials of a Unix peer. May wait.

        Errors: `AuthenticationFailed`.
        """
        for store in self._peers:
            found = self._ask(store, store.check_peer, context)
            if found is not None:
                return self.accept("", found, context)
        raise AuthenticationFailed

    def groups_of(self, name: str) -> frozenset[str]:
        """The groups of a name in the stores that can tell, for a dry run; it proves nothing."""
        found = (store.groups_of(name) for store in self.stores if hasattr(store, "groups_of"))
        return frozenset[str]().union(*found)

    def sasl(self, context: Context) -> Negotiation:
        """Begin SASL (RFC 4422) with a client: what it is offered, and the exchanges, whose steps may wait."""
        from .sasl.negotiation import Negotiation

        return Negotiation(self, context, self._mechanisms)

    # -- for mechanisms ------------------------------------------------------------------------------------------------

    @property
    def checks_passwords(self) -> bool:
        """Whether there is a store for names with passwords."""
        return bool(self._passwords)

    @property
    def checks_tokens(self) -> bool:
        """Whether there is a store for tokens."""
        return bool(self._tokens)

    @property
    def checks_scram(self) -> bool:
        """Whether there is a store with keys for SCRAM."""
        return bool(self._scram)

    @property
    def checks_peers(self) -> bool:
        """Whether there is a store for certificates or Unix peers."""
        return bool(self._peers)

    def scram_keys(self, name: str, hash_name: str) -> ScramKeys:
        """The keys of a name, or decoys. May wait.

        Parameters:
            name: SASLprep'd.
            hash_name: as `hashlib` has it.
        """
        # All are asked whoever it is, and the decoy is made: the time shall not tell who is known, and where.
        decoy: ScramKeys = self._ask(self._scram[0], self._scram[0].decoy_keys, name, hash_name)
        found: ScramKeys | None = None
        failure: Busy | None = None
        for store in self._scram:
            try:
                keys = self._ask(store, store.scram_keys, name, hash_name)
            except Busy as error:
                failure = failure or error
            else:
                found = found or keys
        if found is None and failure is not None:
            raise failure
        return found or decoy

    def refuse_hasty(self, name: str, context: Context) -> None:
        """Refuse an attempt that comes too early after failures. Errors: `TooManyAttempts`."""
        seconds = self.throttle.wait(name, network_of(context))
        if seconds > 0:
            raise TooManyAttempts(seconds)

    def count_failure(self, name: str, context: Context) -> None:
        """An attempt has failed. The name is not logged: people type passwords there."""
        if self.throttle.failed(name[:_NAME_LIMIT], network_of(context)):
            LOGGER.info(
                "auth: %s is banned for %g seconds after %d failed attempts",
                ascii(context.client_address),
                self.throttle.limits.ban,
                self.throttle.limits.ban_after,
            )

    def accept(self, name: str, identity: Identity, context: Context) -> Identity:
        """An attempt has succeeded. Errors: `NotAuthorized` if no rule lets it in."""
        self.throttle.succeeded(name, network_of(context))
        if self.policy is not None and not self.policy(identity, context):
            raise NotAuthorized
        return identity

    def _ask(self, store: object, question: Callable[..., Any], *arguments: object) -> Any:
        try:
            return question(*arguments)
        except Exception as error:
            # Its text may quote what it was asked about.
            self._report(type(store).__name__, type(error).__name__)
        # The client has done nothing wrong: told that, it would forget its password, or ask for another one.
        raise Busy("this cannot be checked now")

    def _report(self, store: str, error: str) -> None:
        now = time.monotonic()
        if now >= self._told.get((store, error), -math.inf) + _TOLD_EVERY:
            self._told[store, error] = now
            LOGGER.error("auth: the store %s failed with %s", store, error)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=self._patience):
            raise Busy
        try:
            yield
        finally:
            self._places.release()


def _load_mechanisms(names: Sequence[str]) -> dict[str, type[Mechanism]]:
    from importlib.metadata import entry_points

    from .registry import load_named
    from .sasl.mechanism import GROUP

    offered = entry_points(group=GROUP)
    return {name.upper(): load_named(GROUP, "SASL mechanism", name.lower(), offered) for name in names}
