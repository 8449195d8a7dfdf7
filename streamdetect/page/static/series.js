// The readings of a sensor that the daemon keeps, prepared for charts.

/** @typedef {import("./types.js").Series} Series */

/** A line breaks where no reading came for this many usual steps. */
export const APART = 3;

const EVERY = 10; // as in sinks/trail.py
const STRETCHES = 120; // as in store/around.py

/** @param {string} time */
export const seconds = (time) => Date.parse(time) / 1000;

/**
 * The usual time between two points, which is how wide a point is in a strip.
 *
 * @param {Series} series
 * @returns {number} seconds
 */
export function usualStep({ times, step }) {
  const steps = times.slice(1).map((time, place) => seconds(time) - seconds(times[place] ?? time));
  const middle = steps.sort((one, other) => one - other)[Math.floor(steps.length / 2)];
  return Math.max(middle ?? step, step);
}

/**
 * The readings that were kept with an incident, as a series.
 *
 * @param {import("./types.js").Readings} readings
 * @param {(feature: string) => string} unit
 * @returns {Series}
 */
export function ofReadings({ times, features }, unit) {
  const unknown = times.map(() => null);
  return {
    step: 1,
    from: times[0] ?? "",
    to: times.at(-1) ?? "",
    times,
    features: features.map(({ name, values, lower, upper }) => ({
      ...{ name, unit: unit(name), mean: values, min: values, max: values },
      ...{ expected: unknown, lower, upper },
    })),
    scores: {},
    gone_before: null,
    incidents: [],
  };
}

/**
 * How far apart readings that were kept with an incident may be, in seconds: of older ones only every tenth may
 * be known, and those of a long incident are thinned out.
 *
 * @param {Series} series
 * @param {number} lasted seconds
 */
export const apartAround = (series, lasted) =>
  Math.max(1.5 * EVERY * usualStep(series), (APART * lasted) / STRETCHES);

/**
 * The same series with an empty point in each gap, so that no line crosses it.
 *
 * @param {Series} series
 * @param {number} most seconds between two points that belong together
 * @returns {Series}
 */
export function withGaps(series, most = APART * usualStep(series)) {
  /** @type {number[]} */
  const after = []; // places before a gap
  series.times.forEach((time, place) => {
    const next = series.times[place + 1];
    if (next !== undefined && seconds(next) - seconds(time) > most) {
      after.push(place);
    }
  });
  const line = (/** @type {(number | null)[]} */ values) => inserted(values, after, () => null);
  return {
    ...series,
    times: inserted(series.times, after, (time) =>
      new Date((seconds(time) + series.step) * 1000).toISOString(),
    ),
    features: series.features.map((feature) => ({
      ...feature,
      mean: line(feature.mean),
      min: line(feature.min),
      max: line(feature.max),
      expected: line(feature.expected),
      lower: line(feature.lower),
      upper: line(feature.upper),
    })),
    scores: Object.fromEntries(Object.entries(series.scores).map(([name, values]) => [name, line(values)])),
  };
}

/**
 * @template Value
 * @param {Value[]} values
 * @param {number[]} after places
 * @param {(value: Value) => Value} make what comes there
 */
function inserted(values, after, make) {
  return values.flatMap((value, place) => (after.includes(place) ? [value, make(value)] : [value]));
}
