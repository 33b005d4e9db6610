"""The colours of the emotions, the same in every picture and page."""

EMOTION_COLOURS = ("#d55e00", "#009e73", "#cc79a7", "#f0c020", "#0072b2", "#56b4e9", "#c8c8c8")
"""Of `EMOTIONS`: with any colour-blindness the nearest two are still 16 apart in CIELAB.

Source: Okabe and Ito (2008), its yellow darker and with a light grey, which recedes on paper.
"""
