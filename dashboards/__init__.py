"""Grafana's dashboards, Prometheus's scrape configuration and rules: built from code, checked in as
``built/``.
"""
