import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hypothesis import settings

# A stream is taken reading by reading in many of these: more examples take minutes.
settings.register_profile("streams", max_examples=12, deadline=None)
settings.load_profile("streams")
