"""The gallery of known faces, and naming tracks by it."""
