"""The codec inside other libraries."""
