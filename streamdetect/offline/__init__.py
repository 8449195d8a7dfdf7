"""Recorded data: read, judged by the detector that runs live, drawn and replayed."""
