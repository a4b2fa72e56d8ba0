"""What belongs to ad copy alone: fields, prompts, slots, targets, scoring, the sample feed."""
