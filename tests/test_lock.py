"""requirements.lock: what the default install takes, each package with its hashes."""

import re
from configparser import ConfigParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def locked() -> dict[str, str]:
    """The version of each package."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z\d.-]+)==([^\s;]+)", text, re.MULTILINE))


def test_every_requirement_is_locked_in_its_range() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    needs = config["options"]["install_requires"].split("\n")
    versions = locked()
    for need in map(Requirement, filter(None, needs)):
        assert need.specifier.contains(versions[canonicalize_name(need.name)]), need


def test_every_package_has_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) >= len(locked()) > 20
    assert all("--hash=sha256:" in block for block in blocks)
    assert "http" not in text, "where packages come from is said by who installs"
