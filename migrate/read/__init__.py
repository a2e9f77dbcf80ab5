"""Everything that comes from outside, turned into nouns: files, charts, clusters, rules."""
