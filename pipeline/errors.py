"""The error tree: everything the world can do wrong to a run.

```
MiningError            exit code 1
├── MovieError         the movie is missing, unreadable, changed
├── TableError         a file of the output folder is torn, foreign or of another walk
├── PeopleError        a person, an emotion or a photo is not what was asked for
├── ModelError         a network's file is missing or not the one its card describes
├── OutputError        a folder or a file cannot be written, or another process writes there
├── DataError          training data are missing or wrong, or cannot be split so
└── WorkerError        those who make parts died again and again, or cannot be had: no cluster
```

A programmer's mistake is a `ValueError`. A message says what, where, got, wanted, what to do.
"""


class MiningError(Exception):
    """Something in the world, not in the program, stops the run."""


class MovieError(MiningError):
    """The movie is missing, unreadable, without video, or not the one that was walked."""


class TableError(MiningError):
    """A file of the output folder is torn, foreign, or made with other settings."""


class PeopleError(MiningError):
    """A person or an emotion is unknown, or a person has no usable photo."""


class ModelError(MiningError):
    """A network cannot be had: its file, its card or its package is missing or wrong."""


class OutputError(MiningError):
    """A folder or file cannot be written, or another process is writing there."""


class DataError(MiningError):
    """Labelled faces are missing or wrong, or do not allow what was asked of them."""


class WorkerError(MiningError):
    """Workers died again and again over one task, or there are none: no cluster, or no room."""
