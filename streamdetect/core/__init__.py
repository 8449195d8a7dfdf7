"""The pure core: numpy in, verdicts out.

No clock, thread, queue, socket, file or logger: time is a value in a reading, and state is a few arrays
that can be copied out and put back. push (keyed, cheap) → score (keyless, batched) → judge (keyed, cheap).
"""
