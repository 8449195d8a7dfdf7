"""The live page and its API, an extra: `pip install 'streamdetect[page]'`.

It has a listener and a thread of its own. It reads what the daemon keeps anyway, and whatever it is asked to
change goes the way of all commands, through the main loop.
"""
