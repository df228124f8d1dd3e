"""Commands: what the scripts at the top of harness/ do, one module for each of them."""
