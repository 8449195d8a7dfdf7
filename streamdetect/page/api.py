"""The API: one method for each kind of request."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from streamdetect import __version__
from streamdetect.page import incidents, options
from streamdetect.page.answers import Json, ProblemError, written_out
from streamdetect.page.commands import body_of, pattern_of
from streamdetect.page.guard import Visitor
from streamdetect.page.openapi import document
from streamdetect.page.series import past
from streamdetect.store.history import Wanted

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from streamdetect.page.commands import Commands
    from streamdetect.page.guard import Guard
    from streamdetect.page.health import Health
    from streamdetect.page.incidents import Incidents
    from streamdetect.page.sensors import Query, SensorList
    from streamdetect.page.series_writer import SeriesWriter
    from streamdetect.page.sources import Facts, Sources
    from streamdetect.page.stream import Stream

_DAY = 86_400.0  # s


class Api:
    """Answers the requests to the API."""

    def __init__(
        self,
        sources: Sources,
        guard: Guard,
        sensors: SensorList,
        found: Incidents,
        writer: SeriesWriter,
        health: Health,
        stream: Stream,
        commands: Commands,
    ) -> None:
        self._sources, self._guard, self._sensors, self._incidents = sources, guard, sensors, found
        self._series_writer, self._health, self._stream, self._commands = writer, health, stream, commands

    # Who is asking

    def session(self, request: Request) -> Response:
        """Tell who the visitor is, and whether they may change something."""
        options.only(request.query_params, set())
        return Json(self._session(request.scope["visitor"]))

    async def log_in(self, request: Request) -> Response:
        """Check a token, or a name and password, and log the visitor in."""
        given = await body_of(request, {"token", "name", "password"})
        visitor = self._guard.log_in(request, given)
        return self._logged(request, visitor)

    async def log_out(self, request: Request) -> Response:
        """Log the visitor out."""
        self._guard.check_origin(request)
        return self._logged(request, Visitor())

    # Sensors

    def sensors(self, request: Request) -> Response:
        """One page of sensors."""
        query = options.query_of(request.query_params)
        body = self._sensors.shared(str(request.query_params), lambda: written_out(self._listed(query)))
        return Json(body)

    def _listed(self, query: Query) -> Facts:
        listing = self._sensors.page(query)
        known = self._incidents.known([one["incident"] for one in listing.sensors if one["incident"]])
        for one in listing.sensors:
            one["message"] = known[one["incident"]].message if one["incident"] in known else None
        return {
            "total": listing.total,
            "counts": listing.counts,
            "detectors": [one.name for one in self._sources.detectors()],
            "sensors": listing.sensors,
        }

    def sensor(self, request: Request) -> Response:
        """One sensor, with its views, its settings and the answers of people about it."""
        if "sensor" in request.path_params:
            options.only(request.query_params, set())
            detector, sensor = request.path_params["detector"], request.path_params["sensor"]
        else:
            options.only(request.query_params, {"detector", "sensor"})
            detector, sensor = (options.text(request.query_params, name) for name in ("detector", "sensor"))
        told = self._sensors.one(detector, sensor)
        if told is None:
            raise _no_sensor(detector, sensor)
        known = self._incidents.known([told["incident"]] if told["incident"] else [])
        message = known[told["incident"]].message if known else None
        about = self._incidents.answers(lambda data: data.get("sensor") == sensor)
        return Json({**told, "message": message, "answers": about})

    def series(self, request: Request) -> Response:
        """The past of one sensor."""
        given = request.query_params
        options.only(given, {"detector", "sensor", "from", "to", "points"})
        detector, sensor = options.text(given, "detector"), options.text(given, "sensor")
        units = self._sensors.units(detector, sensor)
        if units is None:
            raise _no_sensor(detector, sensor)
        end = options.moment(given, "to", None) or self._sensors.newest(detector, sensor) or time.time()
        begin = options.moment(given, "from", end - _DAY)
        if begin is None or begin >= end:
            raise options.bad("from: must be before to")
        points = options.count(given, "points", 500, least=10, most=5000)
        told = past(self._series_writer.store, (detector, sensor), units, (begin, end), points)
        wanted = Wanted(detector=detector, sensor=sensor, since=begin, until=end)
        found = self._incidents.page(wanted, limit=options.MOST, offset=0)
        return Json({**told, "incidents": [incidents.told(one) for one in found.incidents]})

    # Incidents

    def incidents(self, request: Request) -> Response:
        """One page of incidents."""
        given = request.query_params
        options.only(given, options.INCIDENT_OPTIONS)
        limit, offset = options.window(given)
        found = self._incidents.page(options.wanted_of(given), limit=limit, offset=offset)
        return Json({"total": found.total, "incidents": [incidents.told(one) for one in found.incidents]})

    def incident(self, request: Request) -> Response:
        """One incident, with its history and the incidents that overlap with it."""
        options.only(request.query_params, set())
        identity = request.path_params["incident"]
        known = self._incidents.known([identity])
        if not known:
            raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such incident")
        incident = known[identity]
        return Json(
            {
                **incidents.told(incident),
                "edges": self._incidents.edges(identity),
                "readings": self._incidents.readings(identity),
                "group": [incidents.told(one) for one in self._incidents.group_of(incident)],
                "answers": self._incidents.answers(lambda data: data.get("incident") == identity),
            }
        )

    def groups(self, request: Request) -> Response:
        """One page of groups of incidents that overlap."""
        given = request.query_params
        options.only(given, options.INCIDENT_OPTIONS)
        limit, offset = options.window(given)
        total, groups = self._incidents.groups(options.wanted_of(given), limit=limit, offset=offset)
        return Json({"total": total, "groups": [incidents.told_of_group(group) for group in groups]})

    # The daemon

    def health(self, request: Request) -> Response:
        """The health of the daemon."""
        options.only(request.query_params, set())
        return Json(self._health.now())

    def about(self, request: Request) -> Response:
        """Version, detectors and licences."""
        options.only(request.query_params, set())
        return Json(self._health.about())

    def events(self, request: Request) -> Response:
        """Events and readings, as they come."""
        given = request.query_params
        options.only(given, {"detector", "sensor"})
        detector, sensor = options.text(given, "detector"), options.text(given, "sensor")
        return self._stream.open((detector, sensor) if sensor else None)

    def openapi(self, request: Request) -> Response:
        """The OpenAPI document of this API."""
        options.only(request.query_params, set())
        return Json(document(self._sources.config().page.prefix))

    # What people change

    async def mute(self, request: Request) -> Response:
        """Mute a sensor, for a while or until it is unmuted."""
        visitor = self._guard.check_writing(request)
        given = await body_of(request, {"detector", "sensor", "glob", "seconds"})
        seconds = given.get("seconds")
        return await self._carried_out(visitor, given, {"do": "mute", "for": seconds})

    async def unmute(self, request: Request) -> Response:
        """Unmute a sensor."""
        visitor = self._guard.check_writing(request)
        given = await body_of(request, {"detector", "sensor", "glob"})
        return await self._carried_out(visitor, given, {"do": "unmute"})

    async def sensitivity(self, request: Request) -> Response:
        """Make a sensor more or less sensitive."""
        visitor = self._guard.check_writing(request)
        given = await body_of(request, {"detector", "sensor", "glob", "sensitivity"})
        command = {"do": "sensitivity", "value": given.get("sensitivity")}
        return await self._carried_out(visitor, given, command)

    async def feedback(self, request: Request) -> Response:
        """Say whether an incident was real."""
        visitor = self._guard.check_writing(request)
        given = await body_of(request, {"answer"})
        if given.get("answer") not in {"true", "false"}:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, 'answer: must be "true" or "false"')
        incident, answer = request.path_params["incident"], given["answer"]
        command = {"do": answer, "incident": incident}
        told = await self._commands.carry_out(command, visitor.user or "page")
        await self._incidents.until_labelled(incident, answer)
        return Json(told)

    async def _carried_out(self, visitor: Visitor, given: Facts, command: Facts) -> Response:
        pattern = pattern_of(given)
        detector = given.get("detector")
        if detector is not None and "sensor" in given and not self._sensors.has(detector, given["sensor"]):
            raise _no_sensor(detector, given["sensor"])
        told = await self._commands.carry_out({**command, "sensor": pattern}, visitor.user or "page")
        return Json(incidents.told_of_answer(told))

    def _session(self, visitor: Visitor) -> Facts:
        return {
            "login": bool(visitor.user),
            "user": visitor.user or None,
            "may_write": visitor.may_write,
            "ways": self._guard.ways,
            "csrf": self._guard.csrf(visitor),
            "version": __version__,
            "prefix": self._sources.config().page.prefix,
        }

    def _logged(self, request: Request, visitor: Visitor) -> Response:
        secure = request.scope.get("scheme") == "https"
        headers = {"Set-Cookie": self._guard.cookie(visitor, secure=secure)}
        return Json(self._session(visitor), headers=headers)


def _no_sensor(detector: object, sensor: object) -> ProblemError:
    return ProblemError(
        HTTPStatus.NOT_FOUND, f"there is no sensor {sensor!s:.200} of detector {detector!s:.64}"
    )
