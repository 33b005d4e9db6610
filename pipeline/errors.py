"""The exceptions for everything outside the program that can stop a run.

```
MiningError            exit code 1
├── MovieError         the movie is missing, unreadable or changed
├── TableError         a file of the output folder is damaged, or of another program or walk
├── PeopleError        a person or emotion is unknown, or a photo is unusable
├── ModelError         a network's file is missing, or not the one that its card describes
├── OutputError        a folder or file cannot be written, or another process is writing there
├── ConfigError        mine-video.toml holds what is no option, or a value that one does not take
├── DataError          training data are missing or wrong, or too few for the split
└── WorkerError        workers died again and again over one task, or there are none
```

Mistakes of a programmer raise `ValueError`. A message says what is wrong and where, what was found
and wanted, and what to do.
"""

import sys

_PYTHON = f'"{sys.executable}"' if " " in sys.executable else sys.executable

PIP = f"{_PYTHON} -m pip"
"""The pip of this environment: any other would install where nothing is looked for."""


class MiningError(Exception):
    """Something outside the program stops the run."""


class MovieError(MiningError):
    """The movie is missing, unreadable, without video, or not the one that was walked."""


class TableError(MiningError):
    """A file of the output folder is damaged, of another program, or made with other settings."""


class PeopleError(MiningError):
    """A person or an emotion is unknown, or a person has no usable photo."""


class ModelError(MiningError):
    """A network cannot be loaded: its file, its card or its package is missing or wrong."""


class OutputError(MiningError):
    """A folder or file cannot be written, or another process is writing there."""


class ConfigError(MiningError):
    """A file of defaults is no TOML, or holds what is no option or not what an option takes."""


class DataError(MiningError):
    """Labelled faces are missing, wrong, or unsuitable for the command."""


class WorkerError(MiningError):
    """Workers died again and again over one task, or none can start: no cluster, or no room."""
