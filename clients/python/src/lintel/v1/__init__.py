"""The contract: messages and services generated from proto/lintel/v1 at build."""
