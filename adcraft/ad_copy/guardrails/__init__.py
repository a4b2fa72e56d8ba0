"""Whether copy can be published: what it claims, how it is written, what it must and must not say."""
