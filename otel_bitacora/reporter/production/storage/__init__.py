"""Storages of log records on servers, each a `LogStorage`."""
