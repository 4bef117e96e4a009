"""The file that says how to reach a secured Kafka."""

from pathlib import Path

import pytest

from config.security import BYTES_MAX, SecurityFileProblem, read_security


def test_reads_options_and_passes_over_comments(tmp_path: Path) -> None:
    file = tmp_path / "kafka.conf"
    file.write_text("# how we get in\nsecurity.protocol = SASL_SSL\n\nsasl.password=a=b\n")
    assert read_security(file) == {"security.protocol": "SASL_SSL", "sasl.password": "a=b"}


@pytest.mark.parametrize("line", ["enable.auto.commit = true", "sasl.password", "isolation.level=read_uncommitted"])
def test_refuses_what_is_no_security_option_without_quoting_it(tmp_path: Path, line: str) -> None:
    file = tmp_path / "kafka.conf"
    file.write_text(f"security.protocol = SSL\n{line}\n")
    with pytest.raises(SecurityFileProblem, match="line 2") as caught:
        read_security(file)
    assert line not in str(caught.value)


def test_refuses_a_file_that_is_missing_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(SecurityFileProblem, match="cannot be read"):
        read_security(tmp_path / "none")
    large = tmp_path / "large"
    large.write_bytes(b"#" * (BYTES_MAX + 1))
    with pytest.raises(SecurityFileProblem, match="larger than"):
        read_security(large)
