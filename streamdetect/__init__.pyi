from streamdetect.bundles.bundle import Bundle as Bundle
from streamdetect.config import Config as Config
from streamdetect.config import load as load_config
from streamdetect.core.detector import Detector as Detector
from streamdetect.core.readings import Readings as Readings
from streamdetect.core.verdicts import Verdicts as Verdicts
from streamdetect.errors import StreamdetectError as StreamdetectError
from streamdetect.offline.backtest import Incident as Incident
from streamdetect.offline.frames import read_csv as read_csv
from streamdetect.offline.frames import read_frame as read_frame
from streamdetect.offline.judgement import Judgement as Judgement
from streamdetect.offline.judgement import judge as judge
from streamdetect.offline.recordings import Recording as Recording
from streamdetect.service.assembly import make_detector as make_detector
from streamdetect.service.daemon import Daemon as Daemon

__version__: str

__all__ = [
    "Bundle",
    "Config",
    "Daemon",
    "Detector",
    "Incident",
    "Judgement",
    "Readings",
    "Recording",
    "StreamdetectError",
    "Verdicts",
    "__version__",
    "judge",
    "load_config",
    "make_detector",
    "read_csv",
    "read_frame",
]
