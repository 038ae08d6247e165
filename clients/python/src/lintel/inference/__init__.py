"""The Open Inference Protocol: generated from proto/lintel/inference at build.

A process can't import these stubs beside tritonclient's: protobuf keeps one definition of a
message's name, and the standard gives both the same.
"""
