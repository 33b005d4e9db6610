"""A change of look: whether a face looked otherwise shortly before.

`archive/changed.sql` says the same in SQL.
"""

import numpy as np
import pandas as pd

from pipeline.pick.evidence import microseconds


def changed(rows: pd.DataFrame, held: "pd.Series[bool]", within: float) -> "pd.Series[bool]":
    """Whether each face is the same as one of the look before, a short time later.

    Args:
        rows: All faces, by track and frame.
        held: Those that steadily show the look before.
        within: Seconds that the last of them may be ago.
    """
    micro = pd.Series(microseconds(rows["time"].to_numpy(np.float64)), rows.index)
    ago = micro - micro.where(held).groupby(rows["track"]).ffill()
    return ago <= round(within * 1e6)
