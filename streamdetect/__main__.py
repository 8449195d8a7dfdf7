"""`python -m streamdetect` is `streamdetect`."""

from streamdetect.cli import main

raise SystemExit(main())
