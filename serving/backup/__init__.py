"""An installation in one file: the record store, the home and MLflow's files, of one moment, and back again."""
