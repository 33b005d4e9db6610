"""Finds, tracks and names faces of a live stream, frame by frame, without looking ahead.

Frames are analysed as in a walk, so the results of both can be compared. But where a walk uses a
whole track, a stream uses the part seen so far: a face is named by the mean of its embeddings since
it came into view.
"""
