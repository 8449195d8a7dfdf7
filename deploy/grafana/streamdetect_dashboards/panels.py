"""The common parts of all panels: the data source, the look, and short words for queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
TAG = "streamdetect"

Panel = TypeVar("Panel", timeseries.Panel, stat.Panel, bargauge.Panel, statetimeline.Panel)
Query = tuple[str, str]  # PromQL, legend
Step = tuple[float | None, str]  # from this value on, a color


def graph(
    title: str,
    text: str,
    unit: str,
    *queries: Query,
    span: int = 12,
    stacked: bool = False,
    bars: bool = False,
    steps: Sequence[Step] = (),
    from_zero: bool = True,
) -> timeseries.Panel:
    """A panel over time.

    Args:
        title: what it shows.
        text: the description behind the (i).
        unit: Grafana's name of the unit.
        queries: what it draws.
        span: width, of 24.
        stacked: draw the series on top of each other.
        bars: bars rather than lines, for counts of what happened in each interval.
        steps: limits drawn as dashed lines.
        from_zero: whether the axis begins there.
    """
    panel = (
        timeseries.Panel().title(title).description(text).datasource(SOURCE).unit(unit).span(span).height(8)
    )
    panel = panel.show_points(looks.VisibilityMode.NEVER).line_width(1)
    panel = panel.legend(_legend()).tooltip(_tooltip()).fill_opacity(70 if bars else 30 if stacked else 0)
    if from_zero:
        panel = panel.min(0)
    if bars:  # a count over $__rate_interval is in more than one bar if the bars are closer than that
        panel = panel.draw_style(looks.GraphDrawStyle.BARS).interval("1m")
    if stacked or bars:
        panel = panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL))
    if steps:
        style = common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(limits(steps)).thresholds_style(style)
    return asking(panel, queries, instant=False)


def painted(panel: timeseries.Panel, colors: dict[str, str]) -> timeseries.Panel:
    """Give series their colors by the beginning of their names."""
    for name, color in colors.items():
        fixed = models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color})
        panel = panel.override_by_regexp(f"/^{name}/", [fixed])
    return panel


def number(
    title: str,
    text: str,
    unit: str,
    query: str,
    *,
    span: int = 3,
    steps: Sequence[Step] = ((None, "blue"),),
    names: dict[str, tuple[str, str]] | None = None,
) -> stat.Panel:
    """One large number as it is now.

    Args:
        title: what it shows.
        text: the description behind the (i).
        unit: Grafana's name of the unit.
        query: PromQL with one result.
        span: width, of 24.
        steps: colors.
        names: what to write, and in which color, in the place of some values.
    """
    panel = stat.Panel().title(title).description(text).datasource(SOURCE).unit(unit).span(span).height(4)
    panel = panel.thresholds(limits(steps)).reduce_options(_last())
    panel = panel.graph_mode(looks.BigValueGraphMode.NONE).color_mode(looks.BigValueColorMode.BACKGROUND)
    if names:
        options = {
            value: models.ValueMappingResult(text=word, color=color) for value, (word, color) in names.items()
        }
        panel = panel.mappings([models.ValueMap(options=options)])
    return asking(panel, [(query, "")], instant=True)


def ranking(
    title: str, text: str, unit: str, query: Query, *, steps: Sequence[Step], span: int = 8
) -> bargauge.Panel:
    """The first few of many sensors, each a bar that leads to its own dashboard."""
    panel = (
        bargauge.Panel().title(title).description(text).datasource(SOURCE).unit(unit).span(span).height(10)
    )
    panel = panel.orientation(looks.VizOrientation.HORIZONTAL).display_mode(
        looks.BarGaugeDisplayMode.GRADIENT
    )
    panel = panel.min(0).thresholds(limits(steps)).reduce_options(_last()).no_value("none")
    panel = panel.data_links([_to_sensor()])
    return asking(panel, [query], instant=True)


def listing(
    title: str,
    text: str,
    unit: str,
    queries: Sequence[Query],
    *,
    names: dict[str, dict[str, tuple[str, str]]],
    span: int = 24,
) -> table.Panel:
    """A line for each sensor that the queries find, a column for each query.

    Args:
        title: what it shows.
        text: the description behind the (i).
        unit: Grafana's name of the unit.
        queries: PromQL whose results have the labels instance, detector and sensor, and the column's title.
        names: of a column, what to write, and in which color, in the place of some values.
        span: width, of 24.
    """
    panel = table.Panel().title(title).description(text).datasource(SOURCE).unit(unit).span(span).height(9)
    panel = panel.align(looks.FieldTextAlignment.AUTO)
    titles = {}
    for letter, (expression, column) in zip("ABCDEFGH", queries, strict=False):
        query = prometheus.Dataquery().expr(expression).ref_id(letter).datasource(SOURCE)
        panel = panel.with_target(query.instant().format(PromQueryFormat.TABLE))
        titles[f"Value #{letter}"] = column
    for column, words in names.items():
        options = {
            value: models.ValueMappingResult(text=word, color=color) for value, (word, color) in words.items()
        }
        look = models.DynamicConfigValue(id_val="mappings", value=[models.ValueMap(options=options)])
        colored = models.DynamicConfigValue(
            id_val="custom.cellOptions", value={"type": looks.TableCellDisplayMode.COLOR_TEXT}
        )
        panel = panel.override_by_name(column, [look, colored])
    organize = {"excludeByName": {"Time": True}, "renameByName": titles}
    return panel.transformations(
        [
            models.DataTransformerConfig(id_val="merge", options={}),
            models.DataTransformerConfig(id_val="organize", options=organize),
        ]
    )


def asking(panel: Panel, queries: Sequence[Query], *, instant: bool) -> Panel:
    """Return a panel its queries: their latest values, or all of the time shown."""
    for letter, (expression, legend) in zip("ABCDEFGH", queries, strict=False):
        query = prometheus.Dataquery().expr(expression).ref_id(letter).datasource(SOURCE)
        query = query.legend_format(legend or "__auto")
        panel = panel.with_target(query.instant() if instant else query.range())
    return panel


def limits(steps: Sequence[Step]) -> dashboard.ThresholdsConfig:
    """Colors from values on; the first has none and holds below the second."""
    made = [models.Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


def variable(name: str, label: str, query: str, *, several: bool) -> dashboard.QueryVariable:
    """A variable filled by a query."""
    made = dashboard.QueryVariable(name).label(label).query(query).datasource(SOURCE)
    made = made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    made = made.sort(models.VariableSort.ALPHABETICAL_ASC)
    if several:
        made = made.multi(multi=True).include_all(include_all=True)
        made = made.current(models.VariableOption(text="All", value="$__all"))
    return made


def annotation(name: str, query: str, color: str) -> dashboard.AnnotationQuery:
    """Marks on every panel wherever the query has a result."""
    made = dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(enable=True).icon_color(color)
    return made.expr(query)


def page(title: str, uid: str, text: str, since: str) -> dashboard.Dashboard:
    """An empty dashboard with what both of ours have."""
    made = dashboard.Dashboard(title).uid(uid).description(text).tags([TAG]).refresh("15s").editable()
    made = made.time(since, "now").timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    link = dashboard.DashboardLink("streamdetect").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    made = made.link(
        link.include_vars(include_vars=True).keep_time(keep_time=True).as_dropdown(as_dropdown=False)
    )
    made = made.with_variable(
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    )
    instance = variable("instance", "Daemon", "label_values(streamdetect_build_info, instance)", several=True)
    detectors = 'label_values(streamdetect_sensors{instance=~"$instance"}, detector)'
    return made.with_variable(instance).with_variable(
        variable("detector", "Detector", detectors, several=True)
    )


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().show_legend(show_legend=True).placement(looks.LegendPlacement.BOTTOM)
    return legend.display_mode(looks.LegendDisplayMode.LIST).calcs([])


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)


def _to_sensor() -> dashboard.DashboardLink:
    labels = "".join(f"&var-{name}=${{__field.labels.{name}}}" for name in ("instance", "detector", "sensor"))
    url = f"/d/streamdetect-sensor?${{datasource:queryparam}}{labels}&${{__url_time_range}}"
    return dashboard.DashboardLink("Show this sensor").url(url)
