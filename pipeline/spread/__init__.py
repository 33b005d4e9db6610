"""Makes the parts of walks on many machines, by a pool of Ray actors (extra: `cluster`)."""
