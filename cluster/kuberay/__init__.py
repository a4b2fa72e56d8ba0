"""Manifests for KubeRay: written as Kustomize, completed by a renderer, checked in four layers."""
