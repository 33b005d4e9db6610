"""Faces as they happen: found, followed, named and read frame by frame, without looking ahead.

A frame is analysed as a walk analyses one, so that a face means the same here and there. What a
walk learns from a whole track is here learnt from what was seen of it so far: a name is that of
the mean of all embeddings since the face came into view.
"""
