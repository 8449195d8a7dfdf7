"""Grafana's dashboards as code: `python -m streamdetect_dashboards` in deploy/grafana writes dashboards/.

Needs grafana-foundation-sdk, whose types are Grafana's own schema; see deploy/requirements.txt.
"""
