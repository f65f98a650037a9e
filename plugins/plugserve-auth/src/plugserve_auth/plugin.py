"""The plugin: its options, and where in the life of a request it takes part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from plugserve import BaseServer, Connection, Context, Identity, PluginMixIn, hookimpl
from plugserve.errors import ConfigurationError, RequestRejected

from .authenticator import MECHANISMS, Authenticator
from .errors import AuthenticationFailed
from .preamble import run_preamble
from .rules import Decision, Policy, Rule
from .store_option import StoreOption
from .stores.passwords import PasswordFile
from .stores.tokens import TokenFile
from .throttle import Throttle, ThrottleLimits

if TYPE_CHECKING:
    from .rules import Facts
    from .stores.store import PasswordStore, PeerStore, ScramStore, TokenStore

    Stores = Sequence[str | Mapping[str, Any] | PasswordStore | PeerStore | ScramStore | TokenStore]
else:
    # What makes a store of what stands in a configuration.
    Stores = Sequence[StoreOption]

__all__ = ["Auth", "AuthMixIn"]

Mode = Literal["preamble", "connection", "handler"]


class Auth:
    """Lets in clients that prove who they are.

    Parameters:
        passwords: a password file, as `plugserve-auth` makes it.
        tokens: a token file, likewise.
        stores: more credential stores, asked after these two: each a table with its name as `use` and its options.
        mode: `"preamble"`: by SASL in a few lines before the protocol; `"handler"`: by the protocol itself, whose
            handler asks `context.authenticator`; `"connection"`: by certificate or Unix peer alone, without a word. If
            none: `"handler"` for handlers that say that they ask, `"preamble"` for others.
        rules: who may use this listener; whoever has proved who it is if there are none, and nobody else.
        mechanisms: the SASL mechanisms that are offered, the best first.
        plaintext: whether passwords and tokens are taken in clear, where everybody on the way can read them.
        anonymous: whether ANONYMOUS is offered.
        throttle: how failed attempts slow down and ban.
        hashes: how many passwords are checked at once; the number of cores, at most four, if none.

    Errors: `ConfigurationError`, for a rule or a store that cannot be; at the server's start, for a file.
    """

    plugin_name = "auth"
    phase = "authentication"

    def __init__(
        self,
        *,
        passwords: Path | str | None = None,
        tokens: Path | str | None = None,
        stores: Stores = (),
        mode: Mode | None = None,
        rules: Sequence[Rule] = (),
        mechanisms: Sequence[str] = MECHANISMS,
        plaintext: bool = False,
        anonymous: bool = False,
        throttle: ThrottleLimits | None = None,
        hashes: int | None = None,
    ) -> None:
        made = [StoreOption.read(store) for store in stores]
        if tokens is not None:
            made.insert(0, TokenFile(file=tokens))
        if passwords is not None:
            made.insert(0, PasswordFile(file=passwords))
        if not made and not anonymous:
            raise ConfigurationError(
                "there are no credentials to check against: give passwords = a file, tokens or stores"
            )
        self.policy = Policy([_rule(index, rule) for index, rule in enumerate(rules)])
        self.mode: Mode | None = None
        self.authenticator = Authenticator(
            made,
            throttle=Throttle(throttle),
            hashes=hashes,
            mechanisms=mechanisms,
            plaintext=plaintext,
            anonymous=anonymous,
        )
        self._asked = mode

    @hookimpl
    def server_activate(self, server: BaseServer) -> None:
        """Read the files, and find out who asks for credentials."""
        if not server.is_stream:
            raise ConfigurationError(
                "a datagram has no beginning in which a client could prove who it is: serve a stream"
            )
        asks = _handler_asks(server)
        mode = self._asked or ("handler" if asks else "preamble")
        if self.mode is not None and mode != self.mode:
            # The one server's clients would be let in as it is right for the other's.
            raise ConfigurationError(
                f"this plugin serves another server already, in the mode {self.mode}, and {server.handler_name} needs "
                f"{mode}: make a second one, with the same stores"
            )
        self.mode = mode
        if self.mode == "handler":
            self._check_handler(server, asks)
            self.authenticator.policy = self._allows
        if self.mode == "connection" and not self.authenticator.checks_peers:
            raise ConfigurationError(
                "mode is connection, and no store knows clients by their connection: add the store certificate or peer",
                option="mode",
            )
        self.authenticator.settled = self.mode != "handler"
        self.authenticator.activate()

    @hookimpl
    async def open_connection(self, connection: Connection, context: Context) -> None:
        """Let the client prove who it is, unless its protocol does that."""
        if self.mode == "handler":
            return
        if self.mode == "connection":
            try:
                identity: Identity = await connection.offload(
                    self.authenticator.check_peer, context, lane=self.authenticator.asking
                )
            except AuthenticationFailed as error:
                raise RequestRejected(str(error)) from None
        else:
            identity = await run_preamble(connection, context, self.authenticator)
        connection.identity = _with_certificate(identity, connection.identity)

    @hookimpl
    def authorize(self, context: Context) -> bool | None:
        """Vote by the rules; where the protocol will tell who the client is, the authenticator asks them again."""
        if not self.policy.rules:
            return None
        identity = context.identity
        if self.mode == "handler" and isinstance(identity, Identity):
            # Of the encryption below: who the client is for us it has not said yet.
            identity = None
        return self._decide(identity, context).allowed

    def explain(
        self,
        client_address: Any,
        identity: Identity | str | None = None,
        transport: str = "tcp",
        listener_name: str = "",
    ) -> str | Decision:
        """What would be decided about a client now, and by which rule.

        Parameters:
            client_address: as the socket module gives it, such as `("192.0.2.7", 4711)`.
            identity: who it is, or a name of the password file; None if that is not known yet.
            transport: as `Context.transport` has it.
            listener_name: of the listener that it comes to.
        """
        identity = self._known(identity)
        facts = _Facts(client_address, transport, identity, listener_name)
        if not self.policy.rules:
            return "there are no rules: everybody who proves who it is"
        return self.policy.decide(identity, facts, final=False)

    def _allows(self, identity: Identity, context: Context) -> bool:
        return self.policy.decide(identity, context).allowed is True

    def _decide(self, identity: Any, facts: Facts) -> Decision:
        return self.policy.decide(self._known(identity), facts, final=self.mode != "handler")

    def _known(self, identity: Any) -> Identity | None:
        """An identity, also of a layer that has only a name for it, or of a dry run (`explain --identity`)."""
        if identity is None or isinstance(identity, Identity):
            return identity
        groups = frozenset[str]()
        if self.mode != "handler":
            # The preamble would have taken the place of what another layer says: this is a dry run.
            groups = self.authenticator.groups_of(str(identity))
        return Identity(str(identity), "named", groups)

    def _check_handler(self, server: BaseServer, asks: bool) -> None:
        if not asks:
            # Nobody would ask for credentials, and everybody would be let in.
            raise ConfigurationError(
                f"mode is handler, and {server.handler_name} does not ask its clients who they are: leave mode out for "
                f"the preamble",
                option="mode",
            )
        if not server.shares_memory:
            raise ConfigurationError(
                f"{server.handler_name} asks its clients who they are in processes of their own with the engine "
                f"{server.engine_name}, where failed attempts could not be counted: use another engine",
                option="mode",
            )


class AuthMixIn(PluginMixIn):
    """`Auth` as a base of a server class; its options are attributes such as `auth_passwords`."""

    plugin_class = Auth


class _Facts:
    def __init__(self, client_address: Any, transport: str, identity: Any, listener_name: str) -> None:
        self.client_address = client_address
        self.transport = transport
        self.identity = identity
        self.listener_name = listener_name


def _handler_asks(server: BaseServer) -> bool:
    """Whether a handler says, by its attribute `authenticates`, that it asks `context.authenticator`: true or false, or
    a class method that tells by the handler's options."""
    says = getattr(server.RequestHandlerClass, "authenticates", False)
    return bool(says(server.options) if callable(says) else says)


def _rule(index: int, rule: Rule | Mapping[str, Any]) -> Rule:
    if isinstance(rule, Rule):
        return rule
    try:
        return Rule(**rule)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"rule {index + 1}: {error}", option="rules", index=index) from None


def _with_certificate(identity: Identity, before: Any) -> Identity:
    """An identity that keeps the facts of the certificate that the connection had been proved by."""
    if not isinstance(before, Identity) or before.method != "tls":
        return identity
    facts = MappingProxyType({"name": before.name, **before.claims})
    return replace(identity, claims=MappingProxyType({**identity.claims, "certificate": facts}))
