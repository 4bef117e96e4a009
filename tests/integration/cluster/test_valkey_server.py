"""The embedded Valkey: durable over kill -9, forgetful when wiped, never evicting."""

from __future__ import annotations

import redis

from console.cluster.valkey import ValkeyServer


def test_written_keys_survive_a_clean_stop_at_the_same_address(own_valkey: ValkeyServer) -> None:
    url = own_valkey.url
    with redis.Redis.from_url(url) as client:
        client.set("claim", "1")
    own_valkey.stop()
    assert own_valkey.start() == url
    with redis.Redis.from_url(url) as client:
        assert client.get("claim") == b"1"


def test_wiped_server_has_forgotten_everything(own_valkey: ValkeyServer) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        client.set("claim", "1")
    own_valkey.kill()
    own_valkey.wipe()
    with redis.Redis.from_url(own_valkey.start()) as client:
        assert client.dbsize() == 0


def test_full_memory_refuses_instead_of_forgetting_claims(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
