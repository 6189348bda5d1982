"""The Grafana dashboard, built from its panels by Grafana's own types, which mypy checks."""

from __future__ import annotations

from grafana_foundation_sdk.builders import (
    common as build_common,
)
from grafana_foundation_sdk.builders import (
    dashboard as build,
)
from grafana_foundation_sdk.builders import (
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.fleet import LATENCY, WELL
from deploy.grafana.panel import Panel, Query
from deploy.grafana.parts import CLOUDINARY, LISTENER, PROCESS
from deploy.grafana.step import STEP

Built = stat.Panel | timeseries.Panel | heatmap.Panel | statetimeline.Panel
SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
ROWS = {
    "Is it well?": WELL,
    "Throughput and latency": LATENCY,
    "Cloudinary": CLOUDINARY,
    "In step": STEP,
    "Listener": LISTENER,
    "Database and process": PROCESS,
}
STAT_HEIGHT, HEIGHT = 4, 8
BAD, GOOD = "red", "green"


def dashboard() -> model.Dashboard:
    """Return the whole dashboard."""
    whole = (
        build.Dashboard("mediasweep")
        .uid("mediasweep")
        .description("Rows that go, and their assets at Cloudinary that go with them.")
        .tags(["mediasweep", "cloudinary", "postgres"])
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .refresh("30s")
        .with_variable(
            build.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
        .with_variable(_choice("job", "label_values(mediasweep_build_info, job)"))
        .with_variable(
            _choice("instance", 'label_values(mediasweep_build_info{job=~"$job"}, instance)')
        )
        # where the links of the panels lead; change it to where you read these pages
        .with_variable(build.ConstantVariable("runbooks").value("docs/runbooks"))
    )
    for title, panels in ROWS.items():
        whole = whole.with_row(build.Row(title))
        for panel in panels:
            whole = whole.with_panel(_panel(panel))
    built = whole.build()
    for number, one in enumerate(built.panels or [], 1):
        one.id_val = number
    for variable in built.templating.list_val or []:
        # of variables for an interval; the types of later releases know them nowhere else
        variable.auto = variable.auto_min = variable.auto_count = None
    return built


def _choice(name: str, query: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(name.title())
        .query(query)
        .datasource(SOURCE)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )


def _panel(panel: Panel) -> Built:
    """Return a panel with its queries, and with links to what to do."""
    built: Built
    match panel.kind:
        case "stat":
            built = _stat()
        case "heatmap":
            built = _heatmap(panel)
        case "states":
            built = _states(panel)
        case _:
            built = _lines(stacked=panel.kind == "stack")
    for number, query in enumerate(panel.queries):
        built.with_target(_target(panel, query, "ABCDEF"[number]))
    links = [
        build.DashboardLink(name)
        .type(model.DashboardLinkType.LINK)
        .url(f"${{runbooks}}/{name}.md")
        .target_blank(target_blank=True)
        for name in panel.runbooks
    ]
    return (
        built.title(panel.title)
        .description(panel.text)
        .datasource(SOURCE)
        .unit(panel.unit)
        .thresholds(_thresholds(panel))
        .height(STAT_HEIGHT if panel.kind == "stat" else HEIGHT)
        .span(panel.width)
        .links([*links])
    )


def _target(panel: Panel, query: Query, ref: str) -> prometheus.Dataquery:
    target = (
        prometheus.Dataquery().datasource(SOURCE).ref_id(ref).expr(query.expr).range()
    ).legend_format(query.legend)
    return target.format(PromQueryFormat.HEATMAP) if panel.kind == "heatmap" else target


def _thresholds(panel: Panel) -> build.ThresholdsConfig:
    first = model.Threshold(value=None, color=GOOD)
    steps = [first, *(model.Threshold(value=value, color=color) for value, color in panel.limits)]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _stat() -> stat.Panel:
    return (
        stat.Panel()
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.AREA)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .reduce_options(build_common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def _lines(*, stacked: bool) -> timeseries.Panel:
    mode = common.StackingMode.NORMAL if stacked else common.StackingMode.NONE
    return (
        timeseries.Panel()
        .min(0)
        .line_width(1)
        .fill_opacity(40 if stacked else 10)
        .stacking(build_common.StackingConfig().mode(mode).group("A"))
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            build_common.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .tooltip(
            build_common.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
    )


def _heatmap(panel: Panel) -> heatmap.Panel:
    return (
        heatmap.Panel()
        .calculate(calculate=False)
        .cell_gap(1)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(HeatmapColorMode.SCHEME)
            .scheme("Blues")
            .exponent(0.5)
            .steps(64)
        )
        .y_axis(heatmap.YAxisConfig().unit(panel.unit).axis_placement(common.AxisPlacement.LEFT))
        .show_legend()
    )


def _states(panel: Panel) -> statetimeline.Panel:
    (bad, bad_text), (good, good_text) = panel.states
    names = {
        str(bad): model.ValueMappingResult(text=bad_text, color=BAD),
        str(good): model.ValueMappingResult(text=good_text, color=GOOD),
    }
    return (
        statetimeline.Panel()
        .mappings([model.ValueMap(names)])
        .show_value(common.VisibilityMode.NEVER)
        .merge_values(merge_values=True)
        .row_height(0.8)
        .fill_opacity(80)
        .line_width(0)
        .legend(
            build_common.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
    )
