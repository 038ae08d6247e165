"""What the recipes of models share: annotations, metrics, evaluation, reports.

The lab stands on the device's rooms and on the file helpers of the command line; nothing that
runs on a device imports it. What it needs besides is in the extra `lab`.
"""
