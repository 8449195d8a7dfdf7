"""The live page and its API, an extra: `pip install 'streamdetect[page]'`.

It has its own listener and thread. It reads what the daemon keeps anyway. It sends every change to the main
loop as a command.
"""
