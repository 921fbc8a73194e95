"""Files of named corpora: fetched, verified and unpacked."""
