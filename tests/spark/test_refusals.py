"""Options that do not work on Spark are refused by name, all at once."""

import pytest
from assembling import of_topics

from streamdetect.config import validate
from streamdetect.errors import ConfigError
from streamdetect.spark.refusals import refuse

BASE = {"spark": {"checkpoint": "there"}}


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"answers": {"enabled": True}}, "answers.enabled"),
        ({"homeassistant": True}, "homeassistant.enabled"),
        ({"page": {"enabled": True}}, "page.enabled"),
        ({"files": [{"name": "a", "path": "events.jsonl"}]}, "files"),
        ({"maintenance": [{"cron": "0 2 * * SUN", "lasts": "2h", "sensors": ["a"]}]}, "maintenance"),
        ({"spark": {}}, "spark.checkpoint"),
        ({"detectors": [{"wait": "5s"}]}, "detectors[0].wait"),
        ({"detectors": [{"resample": "5s"}]}, "detectors[0].resample"),
        ({"detectors": [{"difference": "rate"}]}, "detectors[0].difference"),
        ({"detectors": [{"equal_times": "keep"}]}, "detectors[0].equal_times"),
        ({"detectors": [{"payload": {"format": "sparkplug"}}]}, "detectors[0].payload.format"),
        (
            {
                "detectors": [
                    {
                        "topics": ["h/+/+"],
                        "templates": ["h/{room}/{measurement}"],
                        "sensor": "{room}",
                        "join": {"by": "measurement"},
                    }
                ]
            },
            "detectors[0].join",
        ),
    ],
)
def test_it_is_refused_by_name(given, option):
    with pytest.raises(ConfigError) as refused:
        refuse(validate(BASE | given))
    assert [problem.path for problem in refused.value.problems] == [option]


def test_all_of_it_is_told_at_once():
    with pytest.raises(ConfigError) as refused:
        refuse(validate({"answers": {"enabled": True}, "homeassistant": True}))
    assert len(refused.value.problems) == 3


def test_what_can_be_served_is_not_refused():
    refuse(of_topics())
