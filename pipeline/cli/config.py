"""Defaults from mine-video.toml, and the command `config`, which prints them all.

A file has what several commands share at the top, and a section for what is one command's own:

```toml
output = "/films/output"
person = ["rdj", "gwyneth"]

[search]
top = 50
```
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from pipeline.cli.options import Duration, SmoothingType, verbosity
from pipeline.cli.printing import log_to_stderr
from pipeline.cli.sections import (
    CONFIG_META,
    SECTIONS,
    SectionedCommand,
    command,
    long_name,
)
from pipeline.errors import ConfigError
from pipeline.faces import visible

CONFIG = Path("mine-video.toml")
"""The file of defaults that is read where the program is called."""

UNDECODABLE = re.compile(r"[\ud800-\udfff]")
"""Bytes of a path that are no text, as Python has them."""

Commands = Mapping[str, SectionedCommand]

CONFIG_HEADER = """\
# What mine-video does unless its command line says otherwise. Save this as mine-video.toml where
# you call it, or name it by --config or MINE_VIDEO_CONFIG. A line that begins with # has the
# built-in default. What stands before the first [command] is for all commands that have the option.
# Stronger are environment variables, such as MINE_VIDEO_OUTPUT or MINE_VIDEO_SEARCH_TOP, and
# strongest is the command line.
"""


@dataclass(frozen=True, slots=True)
class Config:
    """The contents of a file of defaults, whose keys are those of options.

    Attributes:
        path: The file.
        shared: Values for all commands that share the option, by its long name.
        own: The same for one command, by its name.
    """

    path: Path
    shared: dict[str, Any]
    own: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, path: Path, commands: Commands) -> "Config":
        """Reads and checks a file.

        Raises:
            ConfigError: It is no TOML, or holds what no option takes.
        """
        from pipeline.files import content

        try:
            facts = tomllib.loads(content(path).decode("utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(
                f"{path}: cannot be read as TOML ({error}); mine-video config prints such a file"
            ) from error
        own = {key: value for key, value in facts.items() if isinstance(value, dict)}
        config = cls(path, {k: v for k, v in facts.items() if k not in own}, own)
        config._check(commands)
        return config

    def of(self, asked: SectionedCommand) -> dict[str, Any]:
        """The values for one command, by the names of its parameters."""
        values = {}
        for option in asked.settable():
            for table in (
                self.own.get(str(asked.name), {}),
                self.shared if asked.has(option) else {},
            ):
                if (key := long_name(option)) in table:
                    value = table[key]
                    several = option.multiple and not isinstance(value, list)
                    values[str(option.name)] = [value] if several else value
                    break
        return values

    def _check(self, commands: Commands) -> None:
        for name, table in self.own.items():
            if name not in commands:
                raise self._unknown(f"[{name}]", name, commands, "no such command")
            options = {long_name(option): option for option in commands[name].settable()}
            for key, value in table.items():
                where = f"[{name}], {key}"
                if key not in options:
                    raise self._unknown(where, key, options, f"mine-video {name} has no --{key}")
                self._check_value(where, options[key], value)
        shared = {
            long_name(option): option
            for one in commands.values() for option in one.settable() if one.has(option)
        }  # fmt: skip
        for key, value in self.shared.items():
            if key not in shared:
                raise self._unknown(key, key, shared, _not_shared(key, commands))
            self._check_value(key, shared[key], value)

    def _unknown(self, where: str, key: str, known: Mapping[str, Any], what: str) -> ConfigError:
        similar = get_close_matches(key, known, n=1)
        hint = (
            f"did you mean {similar[0]}?" if similar else "mine-video config prints all there are"
        )
        return ConfigError(f"{self.path}, {where}: {what}; {hint}")

    def _check_value(self, where: str, option: click.Option, value: Any) -> None:
        kinds, wanted = _wanted(option)
        several = option.multiple and isinstance(value, list)
        if several and not value:
            raise ConfigError(f"{self.path}, {where}: is [], wanted one or more")
        for one in value if several else [value]:
            # True is an int to Python.
            if not isinstance(one, kinds) or (isinstance(one, bool) and bool not in kinds):
                wanted += ", or a list of them" if option.multiple else ""
                raise ConfigError(f"{self.path}, {where}: is {one!r}, wanted {wanted}")
            try:
                option.type.convert(one, option, None)
            except click.BadParameter as error:
                raise ConfigError(f"{self.path}, {where}: {error.message}") from error


def _not_shared(key: str, commands: Commands) -> str:
    """Why a key may not stand at the top."""
    having = [
        name for name, one in commands.items()
        if any(long_name(option) == key for option in one.settable())
    ]  # fmt: skip
    if not having:
        return "no command has such an option"
    return f"put it under {' or '.join(f'[{name}]' for name in having)}"


def _wanted(option: click.Option) -> tuple[tuple[type, ...], str]:
    """The kinds of values that an option takes in a file, and what they are called."""
    if option.is_flag:
        return (bool,), "true or false"
    if isinstance(option.type, click.IntRange):
        return (int,), "a whole number"
    if isinstance(option.type, click.FloatRange):
        return (int, float), "a number"
    if isinstance(option.type, Duration | SmoothingType):
        return (int, str), "a number of frames or a text"
    return (str,), "a text"


def set_defaults(ctx: click.Context, path: Path | None) -> None:
    """Gives a command the defaults of a file, if there is one.

    Args:
        ctx: The command's context.
        path: The file; None for `CONFIG`, which need not exist.

    Raises:
        ConfigError: See `Config.read`.
    """
    if (path is None and not CONFIG.exists()) or not isinstance(ctx.command, SectionedCommand):
        return
    config = Config.read(path or CONFIG, _commands(ctx))
    ctx.default_map = config.of(ctx.command)
    ctx.meta[CONFIG_META] = config.path


def _commands(ctx: click.Context) -> Commands:
    """All commands of the program."""
    group = ctx.find_root().command
    commands = group.commands if isinstance(group, click.Group) else {}
    return {name: one for name, one in commands.items() if isinstance(one, SectionedCommand)}


@command("config", shares=False)
@verbosity
@click.pass_context
def config_command(ctx: click.Context, quiet: bool, verbose: bool) -> None:
    """Print a file of defaults: today's values, and where each comes from.

    Sources are the file mine-video.toml, or that of --config, and environment variables. Print it
    into another file than the one that is read.

    \b
    Example:
        mine-video config
    """
    log_to_stderr(quiet, verbose)
    commands = _commands(ctx)
    path = ctx.meta.get(CONFIG_META)
    config = Config.read(path, commands) if path else Config(CONFIG, {}, {})
    click.echo(CONFIG_HEADER)
    told: set[tuple[str, str]] = set()
    order = [name for names in SECTIONS.values() for name in names]
    settings = [s for one in commands.values() for s in _settings(ctx, one, config)]
    shared = [s for s in settings if s.command.has(s.option)]
    shared.sort(key=lambda s: order.index(str(s.option.name)))
    for setting in shared:
        top = next((s for s in shared if s.key == setting.key and not s.own), setting.built_in())
        if (top.key, "") not in told:
            told.add((top.key, ""))
            _print(top)
        if setting.line == top.line:
            told.add((setting.key, str(setting.command.name)))
    for name, one in commands.items():
        rest = [s for s in settings if s.command is one and (s.key, name) not in told]
        if rest:
            click.echo(f"[{name}]")
            for setting in rest:
                _print(setting)


@dataclass(frozen=True, slots=True)
class _Setting:
    """An option of one command, and its default of today.

    Attributes:
        command: The command.
        option: Its option.
        value: Its value, None where it has none.
        source: Where that comes from; "" for the built-in default.
        own: Whether it was set for this command alone.
    """

    command: SectionedCommand
    option: click.Option
    value: Any
    source: str = ""
    own: bool = False

    @property
    def key(self) -> str:
        """Its name in the file."""
        return long_name(self.option)

    @property
    def line(self) -> str:
        """Its line in the file."""
        if self.source:
            line = f"{self.key} = {_toml(self.value)}  # from {visible(self.source)}"
            return line if UNDECODABLE.search(line) is None else f"# {line}, which no TOML can hold"
        if self.value is None:
            what = self.option.show_default
            return f"# {self.key} is not set" + (f": {what}" if isinstance(what, str) else "")
        return f"# {self.key} = {_toml(self.value)}"

    def built_in(self) -> "_Setting":
        """The same option where nobody set it."""
        return _Setting(self.command, self.option, _default(self.option))


def _settings(ctx: click.Context, asked: SectionedCommand, config: Config) -> Iterator[_Setting]:
    """Each option of a command, with the default that the command would have now.

    Raises:
        UsageError: A variable of the environment holds what the option does not take.
    """
    inner = click.Context(asked, info_name=asked.name, parent=ctx.find_root())
    inner.default_map = config.of(asked)
    for option in asked.settable():
        value, source = option.consume_value(inner, {})
        if source is ParameterSource.ENVIRONMENT:
            variable = next(name for name in option.envvar or () if os.environ.get(name))
            typed = option.type_cast_value(inner, value)
            value = value if isinstance(typed, dict) else typed
            own = variable == (option.envvar or [""])[0]
            yield _Setting(asked, option, _known(value), variable, own)
        elif source is ParameterSource.DEFAULT_MAP:
            own = long_name(option) in config.own.get(str(asked.name), {})
            yield _Setting(asked, option, _known(value), str(config.path), own)
        else:
            yield _Setting(asked, option, _default(option))


def _default(option: click.Option) -> Any:
    return False if option.is_flag and option.default is not True else _known(option.default)


def _known(value: Any) -> Any:
    """A value that a file can hold, else None: click has a mark for what has no default."""
    return value if isinstance(value, bool | int | float | str | Path | list | tuple) else None


def _toml(value: Any) -> str:
    """A value as TOML has it.

    >>> _toml(("a", Path("😀"))), _toml(True), _toml(0.5), _toml(float("inf"))
    ('["a", "😀"]', 'true', '0.5', 'inf')
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(value)  # Infinity is inf, as Python writes it.
    if isinstance(value, bool | int):
        return json.dumps(value)
    # JSON's escapes of what is not ASCII are pairs, which TOML refuses, as it does a raw 7F.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _print(setting: _Setting) -> None:
    click.echo(f"# {setting.option.help}")
    click.echo(f"{setting.line}\n")
