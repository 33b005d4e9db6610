"""The colours of the emotions, the same in every picture and page."""

EMOTION_COLOURS = ("#d55e00", "#009e73", "#cc79a7", "#f0c020", "#0072b2", "#56b4e9", "#c8c8c8")
"""One colour for each of `EMOTIONS`, in that order.

With any colour blindness, the two most similar colours are still 16 apart in CIELAB.

Source: Okabe and Ito (2008), with a darker yellow, and with a light grey for neutral, which recedes
on white paper.
"""
