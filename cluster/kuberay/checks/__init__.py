"""What is wrong with a manifest, in four layers: two of schemas, the operator's rules, house rules."""
