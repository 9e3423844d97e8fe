"""The mini-program's API ``/api/mini/v1``: the same services and rules as the H5 pages, as JSON."""
