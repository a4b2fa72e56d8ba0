"""From a stranger's product feed to a versioned dataset. Knows nothing of ad copy."""
