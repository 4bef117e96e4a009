"""A broker that checks permissions: a listener for super users, and one where users say who they are."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from confluent_kafka import admin as _admin

from console.cluster.ports import free_ports
from console.demo.cast import PROFILE
from console.faults.brokers import Listener, OpenKafka
from console.permissions import Permission

admin: Any = _admin  # its type stubs leave out what its page names

LIMIT_S = 20.0
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
KINDS = {"topic": "TOPIC", "group": "GROUP", "transactional-id": "TRANSACTIONAL_ID", "cluster": "BROKER"}


class GuardedKafka(OpenKafka):
    """Users log in by PLAIN at `door`; who comes by `bootstrap` may do all: the broker itself, and the set-up."""

    def __init__(self, folder: Path, class_path: tuple[Path, ...], users: Iterable[str]) -> None:
        super().__init__(folder, class_path, profile=PROFILE)
        (port,) = free_ports(1)
        self.listeners = [Listener("DOOR", port, port, "SASL_PLAINTEXT")]
        self._users = tuple(users)

    @property
    def door(self) -> str:
        """The address for those who have to say who they are."""
        return self.address("DOOR")

    def options(self, user: str) -> dict[str, str]:
        """Return what a user's security file holds."""
        return {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanisms": "PLAIN",
            "sasl.username": user,
            "sasl.password": password(user),
        }

    @cached_property
    def super_user(self) -> Any:
        """An admin client that may do everything."""
        return admin.AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def allow(self, user: str, permissions: Iterable[Permission], *, deny: bool = False) -> None:
        """Give permissions; or deny them, which counts for more than what a wider one allows."""
        wanted = [one for each in permissions for one in bindings(user, each, deny=deny)]
        for future in self.super_user.create_acls(wanted).values():
            future.result(LIMIT_S)
        self._settle(wanted, there=True)

    def take_back(self, user: str, permissions: Iterable[Permission], *, deny: bool = False) -> None:
        """Undo what `allow` did with these."""
        filters = [one for each in permissions for one in bindings(user, each, deny=deny, made=admin.AclBindingFilter)]
        for future in self.super_user.delete_acls(filters).values():
            assert future.result(LIMIT_S), f"{user} had none of these"
        self._settle(filters, there=False)

    def verify(self, *, verifies: bool) -> None:
        """Let the broker ask, or not, whether a transaction may write to a partition before it lets it."""
        name = "transaction.partition.verification.enable"
        entry = admin.ConfigEntry(name, str(verifies).lower(), incremental_operation=admin.AlterConfigOpType.SET)
        broker = admin.ConfigResource(admin.ResourceType.BROKER, "1", incremental_configs=[entry])
        for future in self.super_user.incremental_alter_configs([broker]).values():
            future.result(LIMIT_S)

    def _settle(self, bound: list[Any], *, there: bool) -> None:
        """Wait until the broker has heard of it from the controller."""
        deadline = time.monotonic() + LIMIT_S
        every = admin.AclBindingFilter(
            admin.ResourceType.ANY,
            None,
            admin.ResourcePatternType.ANY,
            None,
            None,
            admin.AclOperation.ANY,
            admin.AclPermissionType.ANY,
        )
        keys = {_key(one) for one in bound}
        while True:
            known = {_key(one) for one in self.super_user.describe_acls(every).result(LIMIT_S)}
            if (keys <= known) if there else not keys & known:
                return
            assert time.monotonic() < deadline, "the broker does not hear of permissions"

    def _own_settings(self) -> dict[str, str]:
        users = " ".join(f'user_{user}="{password(user)}"' for user in self._users)
        return {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "allow.everyone.if.no.acl.found": "false",
            "listener.name.door.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.door.plain.sasl.jaas.config": f"{LOGIN} required {users};",
        }


def password(user: str) -> str:
    """Return a user's password."""
    return f"open for {user}"


def bindings(user: str, permission: Permission, *, deny: bool, made: Any = admin.AclBinding) -> Iterator[Any]:
    """Yield a permission as the client has it, an operation at a time."""
    for operation in permission.operations:
        yield made(
            admin.ResourceType[KINDS[permission.kind]],
            "kafka-cluster" if permission.kind == "cluster" else permission.name,
            admin.ResourcePatternType.PREFIXED if permission.prefixed else admin.ResourcePatternType.LITERAL,
            f"User:{user}",
            "*",
            admin.AclOperation[_upper(operation)],
            admin.AclPermissionType.DENY if deny else admin.AclPermissionType.ALLOW,
        )


def _key(one: Any) -> tuple[Any, ...]:
    pattern = one.restype, one.name, one.resource_pattern_type
    return *pattern, one.principal, one.operation, one.permission_type


def _upper(operation: str) -> str:
    """Return an operation's name in the client: `DescribeConfigs` is DESCRIBE_CONFIGS there."""
    return "".join(f"_{sign}" if sign.isupper() else sign.upper() for sign in operation).lstrip("_")
