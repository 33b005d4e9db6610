"""The same parts made by many machines: a pool of Ray actors (extra: `cluster`)."""
