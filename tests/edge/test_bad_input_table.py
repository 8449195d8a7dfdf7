"""The table of bad inputs, row by row: which tests hold us to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streamdetect.config import Config

TESTS = Path(__file__).parents[1]

TABLE = {
    "malformed or truncated JSON, non-UTF-8 payload": [
        "codecs/test_bad_input.py::test_malformed_or_truncated_json_and_non_utf8_payloads_are_decode",
        "broker/test_bad_input.py::test_every_bad_input_is_counted_acknowledged_and_survived",
    ],
    "NaN, Infinity, 1e999": ["codecs/test_bad_input.py::test_nan_infinity_and_1e999_are_nonfinite"],
    "5,000-digit integer, values that overflow float32": [
        "codecs/test_bad_input.py::test_integers_of_5000_digits_and_values_beyond_float32_are_nonfinite"
    ],
    "[ x 100,000": [
        "codecs/test_bad_input.py::test_nesting_of_100000_brackets_is_size_and_beneath_the_limit_decode"
    ],
    "true as a value; duplicate keys": [
        "codecs/test_bad_input.py::test_true_as_a_value_is_type",
        "codecs/test_bad_input.py::test_of_duplicate_keys_the_last_wins",
    ],
    "lone surrogate in a string": ["codecs/test_bad_input.py::test_a_lone_surrogate_in_a_string_is_decode"],
    "payload over the limit": [
        "broker/test_receiving.py::test_a_giant_payload_is_skipped_and_counted",
        "codecs/test_bad_input.py::test_a_payload_over_the_limit_is_size",
    ],
    "empty payload": ["codecs/test_bad_input.py::test_an_empty_payload_is_empty"],
    "control or bidi characters in a topic": [
        "codecs/test_bad_input.py::test_control_and_bidi_characters_in_a_topic_are_escaped",
        "edge/test_events.py::test_nothing_gets_into_a_topic_as_it_came_in",
    ],
    "$SYS, our own event topic in a filter": [
        "config/test_bad_input.py::test_sys_and_shared_topics_in_a_filter_are_refused",
        "config/test_bad_input.py::test_our_own_topics_in_a_filter_are_refused",
    ],
    "new sensor past the cap": [
        "broker/test_bad_input.py::test_a_new_sensor_past_the_cap_is_rejected_and_the_known_go_on",
        "core/test_detector.py::test_idle_sensors_make_room_for_new_ones",
    ],
    "duplicate or out-of-order time; more than 5 min in the future": [
        "broker/test_bad_input.py::test_duplicates_and_late_readings_are_dropped_and_counted",
        "codecs/test_bad_input.py::test_a_time_more_than_5_minutes_ahead_is_future",
    ],
    "retained replay": ["broker/test_bad_input.py::test_a_retained_replay_is_dropped_and_counted"],
    "YAML tags, aliases, 1 MiB+ config": [
        "config/test_bad_input.py::test_yaml_tags_are_refused",
        "config/test_bad_input.py::test_yaml_anchors_and_aliases_are_refused",
        "config/test_bad_input.py::test_a_configuration_of_more_than_1_mib_is_refused",
        "broker/test_bad_input.py::test_a_bad_configuration_is_explained_and_exits_78",
    ],
    "untrusted model": [
        "models/test_bundle.py::test_one_flipped_bit",
        "models/test_bundle.py::test_a_model_is_parsed_only_after_its_hash_held",
        "models/test_bringing.py::test_a_lambda_layer",
        "models/test_bringing.py::test_a_pickle_is_not_opened",
        "offline/test_recordings_errors.py::test_npz_is_never_unpickled",
    ],
    "slow-loris on the metrics port": [
        "edge/test_http.py::test_a_request_that_trickles_in_is_cut_off",
        "edge/test_http.py::test_health_is_answered_whatever_else_hangs",
        "edge/test_bad_input_table.py::test_the_metrics_port_is_for_this_machine_unless_asked_otherwise",
    ],
}


@pytest.mark.parametrize("row", TABLE)
def test_every_row_has_its_tests(row):
    for test in TABLE[row]:
        path, _, name = test.partition("::")
        assert re.search(rf"^ *def {name}\(", (TESTS / path).read_text(), re.MULTILINE), test


def test_the_metrics_port_is_for_this_machine_unless_asked_otherwise():
    assert Config().metrics.host == "127.0.0.1"
