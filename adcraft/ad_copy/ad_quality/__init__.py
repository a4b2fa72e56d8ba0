"""How good a model's ads are, as they are given out and as it wrote them.

From the question to the answer: what is asked (``questions``), how much texts differ (``variety``), which
tone they have (``tone_reader``), the figures of each asset (``assets``) and of each control
(``control_accuracy``), and the section of an evaluation that they come to (``report``).
"""
