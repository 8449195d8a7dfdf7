// The answers of the API, for the type checker; see /api/v1/openapi.json.

/**
 * @typedef {"anomalous" | "silent" | "warming_up" | "muted" | "normal"} State
 *
 * @typedef {object} Feature
 * @property {string} name
 * @property {number | null} value
 * @property {string} unit
 * @property {number | null} expected
 * @property {number | null} lower
 * @property {number | null} upper
 *
 * @typedef {object} WarmUp
 * @property {number | null} readings still to come
 * @property {number | null} seconds until then
 *
 * @typedef {object} Sensor
 * @property {string} detector
 * @property {string} sensor
 * @property {State} state
 * @property {string | null} time of the newest reading
 * @property {number | null} score
 * @property {string | null} view that the score is of
 * @property {Feature[]} features
 * @property {WarmUp | null} warm_up
 * @property {string | null} incident
 * @property {string | null} message
 * @property {boolean} muted
 * @property {string | null} muted_until
 * @property {string | null} mute the pattern that unmutes it; null in a maintenance window
 * @property {number | null} sensitivity
 * @property {Record<string, string>} labels
 * @property {(number | null)[]} sparkline of the first feature, oldest first
 *
 * @typedef {object} View
 * @property {string} name
 * @property {number | null} score
 * @property {number | null} limit
 * @property {boolean} judges
 * @property {boolean} on
 *
 * @typedef {object} Answer something that somebody set or answered
 * @property {string} time
 * @property {string} do
 * @property {string} [by]
 * @property {string} [sensor]
 * @property {string | null} [until]
 * @property {number | null} [value] of a sensitivity
 * @property {string | null} [incident]
 *
 * @typedef {Sensor & {views: View[], settings: Record<string, unknown>, answers: Answer[]}} OneSensor
 *
 * @typedef {object} Sensors
 * @property {number} total
 * @property {Record<State, number>} counts
 * @property {string[]} detectors
 * @property {Sensor[]} sensors
 *
 * @typedef {object} Incident
 * @property {string} id
 * @property {string} detector
 * @property {string} sensor
 * @property {string} started
 * @property {string | null} ended
 * @property {string} newest
 * @property {"warning" | "critical"} severity
 * @property {string} message
 * @property {string} reason
 * @property {"true" | "false" | ""} label
 * @property {string | null} [muted]
 * @property {string | null} kind
 * @property {string | null} direction
 * @property {string | null} feature
 * @property {number | Record<string, number> | null} value
 * @property {string} unit
 * @property {number | null} expected
 * @property {number | null} lower
 * @property {number | null} upper
 * @property {number | null} score
 * @property {Record<string, number | null>} views
 * @property {{value?: number | Record<string, number> | null, score?: number | null, time?: string} | null} peak
 * @property {number} duration_seconds
 * @property {{time: string, edge: string, message: string}[]} [edges]
 * @property {Incident[]} [group]
 * @property {Readings | null} [readings]
 *
 * @typedef {object} Readings
 * @property {string[]} times
 * @property {{name: string, values: (number | null)[], lower: (number | null)[], upper: (number | null)[]}[]} features
 * @property {(number | null)[]} scores
 *
 * @typedef {object} Group
 * @property {string} started
 * @property {string | null} ended
 * @property {Incident[]} incidents
 *
 * @typedef {object} SeriesFeature
 * @property {string} name
 * @property {string} unit
 * @property {(number | null)[]} mean
 * @property {(number | null)[]} min
 * @property {(number | null)[]} max
 * @property {(number | null)[]} expected
 * @property {(number | null)[]} lower
 * @property {(number | null)[]} upper
 *
 * @typedef {object} Series
 * @property {number} step seconds
 * @property {string} from
 * @property {string} to
 * @property {string[]} times
 * @property {SeriesFeature[]} features
 * @property {Record<string, (number | null)[]>} scores
 * @property {string | null} gone_before
 * @property {Incident[]} incidents
 *
 * @typedef {object} Reading
 * @property {"reading"} type
 * @property {string} time
 * @property {Feature[]} features
 * @property {Record<string, number | null>} scores
 * @property {State} state
 *
 * @typedef {object} Session
 * @property {boolean} login somebody is logged in
 * @property {boolean} may_write
 * @property {("token" | "password")[]} ways to log in; none: writing is off
 * @property {string | null} csrf
 * @property {string} version
 */

export {};
