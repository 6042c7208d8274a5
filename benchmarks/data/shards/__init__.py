"""Tar shards in webdataset's layout: listed, indexed once, read by place."""
