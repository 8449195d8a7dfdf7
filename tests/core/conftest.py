import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

# A deadline measures the machine, not the code.
settings.register_profile("streamdetect", deadline=None, max_examples=40)
settings.load_profile("streamdetect")
