"""Looking at data as the model sees it: `lm-zoo inspect`."""
