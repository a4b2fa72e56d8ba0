"""Grafana dashboards, scrape configuration, recording and alert rules, all built from code."""
